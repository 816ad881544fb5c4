// What the matrix product kernels ask of the pipe of shared memory and of memory, on real weights: the host executor's
// counters, which see real addresses; and how often a warp takes each of the kernel's steps, for its tables in
// kernels.json.
//
//   plait_gemv_counts FILE.safetensors [BLOCKS [IN_FEATURES [BATCH]]]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/micro/weights.h"
#include "codec/base/status.h"
#include "codec/tier/tier.h"
#include "codec/transform/planes.h"
#include "gpu/executor_gemv.h"

namespace plait::gpu {
namespace {

constexpr double kUnitWeights = 2048;
constexpr double kSectorBytes = 32;

// Weights of a file, and what they take coded as in a container.
struct CodedWeights {
  std::vector<uint16_t> weights;
  size_t coded_bytes = 0;

  void Add(std::span<const uint8_t> raw) {
    const size_t n = raw.size() / sizeof(uint16_t);
    std::vector<uint8_t> exponents(n), noise(n);
    SplitPlanes(PlaneKind::kBf16, raw, {exponents, noise});
    std::vector<uint8_t> stream(TierMaxBytes(n));
    coded_bytes += n + TierEncode(exponents, PlanTier(CountBytes(exponents), n), stream);
    const auto* const begin = reinterpret_cast<const uint16_t*>(raw.data());
    weights.insert(weights.end(), begin, begin + n);
  }
};

// What a product takes.
struct Product {
  simt::Counters counters;
  uint64_t loaded_bytes = 0;  // each sector once
  std::vector<GemvTask> tasks;
  uint64_t image_bytes = 0;
};

absl::StatusOr<Product> Multiply(const GemvLayout& layout, std::span<const uint16_t> weights, uint32_t batch) {
  constexpr uint32_t kWarps = 12;
  std::vector<uint8_t> bytes;
  GemvImageBuilder builder(layout, [&](uint64_t, std::span<const uint8_t> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return absl::OkStatus();
  });
  PLAIT_RETURN_IF_ERROR(builder.Add(weights));
  PLAIT_ASSIGN_OR_RETURN(const GemvPlan plan, builder.Finish());
  const std::vector<uint16_t> x(size_t{layout.in_features()} * batch, 0x3f80);
  simt::GlobalMemory memory;
  const size_t num_results = size_t{layout.rows()} * batch;
  const GemvBuffers buffers{
      .image = {memory.Upload<uint8_t>("image", bytes), bytes.size()},
      .x = {memory.Upload<uint16_t>("x", x), x.size()},
      .scratch = {memory.Allocate<uint8_t>("scratch", plan.scratch_bytes(batch)), plan.scratch_bytes(batch)},
      .y = {memory.Allocate<float>("y", num_results), num_results},
      .status = {memory.AllocateZeroed<uint32_t>("status", plan.status_words()), plan.status_words()}};
  ExecutorGemv multiplier(&memory, {.thread_blocks = 1, .warps = kWarps});
  PLAIT_RETURN_IF_ERROR(multiplier.Multiply(plan, batch, buffers));
  const auto* const tasks = reinterpret_cast<const GemvTask*>(bytes.data() + plan.tasks_at);
  Product product{.counters = multiplier.counters(), .loaded_bytes = 0, .tasks = {}, .image_bytes = bytes.size()};
  for (uint32_t window = 0; window < layout.windows(); ++window) {
    const uint32_t first = layout.group_number(window, 0);
    product.tasks.insert(product.tasks.end(), tasks + first, tasks + first + layout.window_groups());
  }
  for (const void* buffer : {static_cast<const void*>(buffers.image.data()), static_cast<const void*>(buffers.x.data()),
                             static_cast<const void*>(buffers.scratch.data())}) {
    product.loaded_bytes += memory.LoadedBytes(buffer);
  }
  return product;
}

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

void Print(const CodedWeights& coded, const Product& product) {
  const simt::Counters& counters = product.counters;
  const double weights = static_cast<double>(coded.weights.size());
  const auto per_unit = [&](uint64_t count) { return static_cast<double>(count) * kUnitWeights / weights; };
  const double stored_bytes = static_cast<double>(counters.global_stores.sectors) * kSectorBytes;
  const double bytes = static_cast<double>(product.loaded_bytes) + stored_bytes;
  std::printf("%zu groups of 4096 weights\n", product.tasks.size());
  std::printf(
      "per 2048 weights: %.1f wavefronts (shared loads %.1f, shared stores %.1f, global loads %.1f, global stores "
      "%.1f, shuffles %.1f), %.2f matrix products\n",
      per_unit(counters.pipe_wavefronts()), per_unit(counters.shared_loads.wavefronts),
      per_unit(counters.shared_stores.wavefronts), per_unit(counters.global_loads.wavefronts),
      per_unit(counters.global_stores.wavefronts), per_unit(counters.shuffles), per_unit(counters.mmas));
  std::printf("bytes per weight: coded %.4f, image %.4f; loaded %.4f, stored %.4f, both %.4f = %.4f of coded\n",
              static_cast<double>(coded.coded_bytes) / weights, static_cast<double>(product.image_bytes) / weights,
              static_cast<double>(product.loaded_bytes) / weights, stored_bytes / weights, bytes / weights,
              bytes / static_cast<double>(coded.coded_bytes));
}

absl::Status Count(const std::string& path, size_t num_blocks, uint32_t in_features, uint32_t batch) {
  constexpr size_t kMaxBytes = size_t{256} << 20;
  PLAIT_ASSIGN_OR_RETURN(const Weights weights, LoadWeights(path, Dtype::kBf16, kMaxBytes));
  CodedWeights coded;
  const size_t step = std::max<size_t>(1, weights.num_blocks / num_blocks);
  for (size_t i = 0; i < weights.num_blocks; i += step) coded.Add(weights.block(i));
  const auto rows = static_cast<uint32_t>(coded.weights.size() / in_features / kStripRows * kStripRows);
  const auto used = std::span(coded.weights).first(size_t{rows} * in_features);
  PLAIT_ASSIGN_OR_RETURN(const Product product, Multiply(GemvLayout(rows, in_features), used, batch));
  Print(coded, product);
  PrintSteps(product.tasks);
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
