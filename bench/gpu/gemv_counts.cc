// What the matrix product kernel asks of the pipe of shared memory and of memory, on real weights: the host executor's
// counters, which see real addresses; and how often a warp takes each of the kernel's steps, for its table in
// kernels.json.
//
//   plait_gemv_counts FILE.safetensors [BLOCKS [IN_FEATURES [BATCH]]]

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/micro/weights.h"
#include "codec/tier/tier.h"
#include "codec/transform/planes.h"
#include "gpu/kernels/gemv_plan.h"
#include "gpu/kernels/tier_gemv.h"
#include "gpu/simt/executor.h"

namespace plait::gpu {
namespace {

constexpr double kUnitWeights = 2048;
constexpr double kSectorBytes = 32;

// Blocks of a file in the executor's memory.
class CodedBlocks {
 public:
  explicit CodedBlocks(uint32_t in_features) { plan_.in_features = in_features; }

  absl::Status Add(std::span<const uint8_t> raw) {
    const size_t n = raw.size() / sizeof(uint16_t);
    std::vector<uint8_t> exponents(n), noise(n);
    SplitPlanes(PlaneKind::kBf16, raw, {exponents, noise});
    const ByteHistogram counts = CountBytes(exponents);
    std::vector<uint8_t> file_stream(TierMaxBytes(n));
    file_bytes_ += n + TierEncode(exponents, PlanTier(counts, n), file_stream);
    const TierPlan plan = PlanTier(counts, n, kGemvMaxLevels);
    const ArrangedGemvBlock arranged = ArrangeGemvBlock(plan.shape, plan.table, exponents, noise);
    weights_ += n;
    coded_bytes_ += arranged.stream.size() + arranged.noise.size();
    return AddGemvBlock(arranged, memory_.Upload<uint8_t>("stream", arranged.stream),
                        memory_.Upload<uint8_t>("noise", arranged.noise), &plan_);
  }

  template <uint32_t kBatch>
  absl::StatusOr<simt::Counters> Multiply() {
    constexpr uint32_t kWarps = 12;
    const uint32_t in_features = plan_.in_features;
    const std::vector<uint16_t> x(size_t{in_features} * kBatch, 0x3f80);
    const GemvParams params{.tasks = memory_.Upload<GemvTask>("tasks", plan_.tasks),
                            .blocks = memory_.Upload<GemvBlock>("blocks", plan_.blocks),
                            .status = memory_.AllocateZeroed<uint32_t>("status", plan_.blocks.size()),
                            .x = memory_.Upload<uint16_t>("x", x),
                            .partials = memory_.AllocateZeroed<float>(
                                "partials", GemvDevicePlan::NumSlots(weights_ / in_features + 1, in_features) * kBatch),
                            .num_tasks = static_cast<uint32_t>(plan_.tasks.size()),
                            .in_features = in_features,
                            .reciprocal = ReciprocalOf(in_features)};
    const simt::Grid grid{
        .thread_blocks = 1, .warps = kWarps, .shared_bytes = GemvSharedBytes(kWarps, in_features, kBatch)};
    return simt::RunGrid(grid, memory_, [&](simt::HostContext& ctx) {
      if (IsStraightRow(in_features)) {
        TierGemvBody<kBatch, true>(ctx, params);
      } else {
        TierGemvBody<kBatch, false>(ctx, params);
      }
    });
  }

  const GemvDevicePlan& plan() const { return plan_; }
  double weights() const { return static_cast<double>(weights_); }
  double coded_bytes() const { return static_cast<double>(coded_bytes_); }
  double file_bytes() const { return static_cast<double>(file_bytes_); }

 private:
  simt::GlobalMemory memory_;
  GemvDevicePlan plan_;
  size_t weights_ = 0;
  size_t coded_bytes_ = 0;
  size_t file_bytes_ = 0;
};

void PrintSteps(const std::vector<GemvTask>& tasks) {
  const auto share = [&](auto condition) {
    size_t count = 0;
    for (const GemvTask& task : tasks) count += condition(task);
    return static_cast<double>(count) / static_cast<double>(tasks.size());
  };
  for (uint32_t level = 1; level <= kGemvDeepLevels; ++level) {
    std::printf("level %u: has symbols %.4f; more steps than 0, 1, ...:", level,
                share([&](const GemvTask& task) { return task.counts[level - 1] != 0; }));
    for (uint32_t step = 0; step < 17; ++step) {
      std::printf(" %.4f", share([&](const GemvTask& task) { return task.level_steps(level) > step; }));
    }
    std::printf("\n");
  }
  double raw = 0;
  for (const GemvTask& task : tasks) raw += task.raw_steps();
  std::printf("raw steps %.4f, some %.4f\n", raw / static_cast<double>(tasks.size()),
              share([](const GemvTask& task) { return task.raw_steps() != 0; }));
}

void Print(const CodedBlocks& blocks, const simt::Counters& counters) {
  const auto& plan = blocks.plan();
  const double units = static_cast<double>(plan.tasks.size() * kGroupSymbols) / kUnitWeights;
  const auto per_unit = [&](uint64_t count) { return static_cast<double>(count) / units; };
  const auto per_weight = [&](double bytes) { return bytes / blocks.weights(); };
  std::printf("%zu groups of 4096 weights\n", plan.tasks.size());
  std::printf(
      "per 2048 weights: %.1f wavefronts (shared loads %.1f, shared stores %.1f, global loads %.1f, global stores "
      "%.1f, shuffles %.1f)\n",
      per_unit(counters.pipe_wavefronts()), per_unit(counters.shared_loads.wavefronts),
      per_unit(counters.shared_stores.wavefronts), per_unit(counters.global_loads.wavefronts),
      per_unit(counters.global_stores.wavefronts), per_unit(counters.shuffles));
  std::printf("bytes per weight: file %.4f, arranged %.4f, tasks %.4f; sectors read %.4f, written %.4f\n",
              per_weight(blocks.file_bytes()), per_weight(blocks.coded_bytes()), sizeof(GemvTask) / 4096.0,
              per_unit(counters.global_loads.sectors) * kSectorBytes / kUnitWeights,
              per_unit(counters.global_stores.sectors) * kSectorBytes / kUnitWeights);
}

absl::Status Count(const std::string& path, size_t num_blocks, uint32_t in_features, uint32_t batch) {
  constexpr size_t kMaxBytes = size_t{256} << 20;
  const absl::StatusOr<Weights> weights = LoadWeights(path, Dtype::kBf16, kMaxBytes);
  if (!weights.ok()) return weights.status();
  CodedBlocks blocks(in_features);
  const size_t step = std::max<size_t>(1, weights->num_blocks / num_blocks);
  for (size_t i = 0; i < weights->num_blocks; i += step) {
    if (const absl::Status status = blocks.Add(weights->block(i)); !status.ok()) return status;
  }
  const absl::StatusOr<simt::Counters> counters = batch == 1   ? blocks.Multiply<1>()
                                                  : batch == 2 ? blocks.Multiply<2>()
                                                               : blocks.Multiply<4>();
  if (!counters.ok()) return counters.status();
  Print(blocks, *counters);
  PrintSteps(blocks.plan().tasks);
  return absl::OkStatus();
}

}  // namespace
}  // namespace plait::gpu

int main(int argc, char** argv) {
  const auto argument = [&](int i, uint64_t otherwise) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  if (argc < 2) {
    std::fprintf(stderr, "usage: plait_gemv_counts FILE.safetensors [BLOCKS [IN_FEATURES [BATCH]]]\n");
    return 2;
  }
  const absl::Status status = plait::gpu::Count(argv[1], argument(2, 16), static_cast<uint32_t>(argument(3, 4096)),
                                                static_cast<uint32_t>(argument(4, 1)));
  if (!status.ok()) std::fprintf(stderr, "plait_gemv_counts: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
