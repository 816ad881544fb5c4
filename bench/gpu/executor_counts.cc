// What the tier kernel asks of the pipe of shared memory and of memory, on real weights: the host executor's counters,
// which see real addresses. `wavefronts` goes into kernels.json, where it replaces what SASS alone shows.
//
//   plait_gpu_counts FILE.safetensors [BLOCKS]

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
#include "gpu/kernels/tier_decode.h"
#include "gpu/kernels/tier_plan.h"
#include "gpu/simt/executor.h"

namespace plait::gpu {
namespace {

constexpr double kUnitWeights = 2048;
constexpr size_t kReadBehind = 16;  // what TierBlock asks for

// Blocks of a file in the executor's memory, coded, with a plan to decode them.
class CodedBlocks {
 public:
  // Returns: what AddTierPlane does.
  absl::Status Add(std::span<const uint8_t> raw) {
    const size_t n = raw.size() / sizeof(uint16_t);
    std::vector<uint8_t> exponents(n), noise(n);
    SplitPlanes(PlaneKind::kBf16, raw, {exponents, noise});
    std::vector<uint8_t> stream(TierMaxBytes(n));
    stream.resize(TierEncode(exponents, PlanTier(CountBytes(exponents), n), stream));
    weights_ += n;
    coded_bytes_ += stream.size() + noise.size();
    return AddTierPlane({stream, static_cast<uint32_t>(n), Upload("stream", stream), Upload("noise", noise),
                         memory_.Allocate<uint8_t>("out", raw.size())},
                        &plan_);
  }

  // Decodes all groups that fit the narrow kernel, by one thread block.
  absl::StatusOr<simt::Counters> Decode() {
    const auto& launch = plan_.narrow;
    const TierDecodeParams params{
        memory_.Upload<TierTask>("tasks", launch.tasks), memory_.Upload<TierGroup>("groups", launch.groups),
        memory_.Upload<TierBlock>("blocks", plan_.blocks),
        memory_.AllocateZeroed<uint32_t>("status", plan_.blocks.size()), static_cast<uint32_t>(launch.tasks.size())};
    return simt::RunGrid({.thread_blocks = 1, .warps = kTierNarrow.warps, .shared_bytes = kTierNarrow.shared_bytes()},
                         memory_,
                         [&](simt::HostContext& ctx) { TierDecodeBody<PlaneKind::kBf16>(ctx, kTierNarrow, params); });
  }

  size_t narrow_groups() const { return plan_.narrow.tasks.size(); }
  size_t wide_groups() const { return plan_.wide.tasks.size(); }
  size_t weights() const { return weights_; }
  size_t coded_bytes() const { return coded_bytes_; }

 private:
  const uint8_t* Upload(const char* name, std::span<const uint8_t> bytes) {
    return memory_.Upload(name, bytes, kReadBehind);
  }

  simt::GlobalMemory memory_;
  TierDevicePlan plan_;
  size_t weights_ = 0;
  size_t coded_bytes_ = 0;
};

void Print(const CodedBlocks& blocks, const simt::Counters& counters) {
  const double units = static_cast<double>(blocks.narrow_groups() * kTierGroupSymbols) / kUnitWeights;
  const auto per_unit = [&](uint64_t count) { return static_cast<double>(count) / units; };
  std::printf("%zu groups of 4096 weights by the narrow kernel, %zu left to the wide one\n", blocks.narrow_groups(),
              blocks.wide_groups());
  std::printf(
      "per 2048 weights: %.1f wavefronts (shared loads %.1f, shared stores %.1f, global loads %.1f, global stores "
      "%.1f, shuffles %.1f)\n",
      per_unit(counters.pipe_wavefronts()), per_unit(counters.shared_loads.wavefronts),
      per_unit(counters.shared_stores.wavefronts), per_unit(counters.global_loads.wavefronts),
      per_unit(counters.global_stores.wavefronts), per_unit(counters.shuffles));
  constexpr double kSectorBytes = 32;
  std::printf("global bytes per weight: %.3f read in sectors, %.3f coded, %.3f written in sectors\n",
              per_unit(counters.global_loads.sectors) * kSectorBytes / kUnitWeights,
              static_cast<double>(blocks.coded_bytes()) / static_cast<double>(blocks.weights()),
              per_unit(counters.global_stores.sectors) * kSectorBytes / kUnitWeights);
}

absl::Status Count(const std::string& path, size_t num_blocks) {
  constexpr size_t kMaxBytes = size_t{64} << 20;
  const absl::StatusOr<Weights> weights = LoadWeights(path, Dtype::kBf16, kMaxBytes);
  if (!weights.ok()) return weights.status();
  CodedBlocks blocks;
  for (size_t i = 0; i < weights->num_blocks && i < num_blocks; ++i) {
    if (const absl::Status status = blocks.Add(weights->block(i)); !status.ok()) return status;
  }
  const absl::StatusOr<simt::Counters> counters = blocks.Decode();
  if (!counters.ok()) return counters.status();
  Print(blocks, *counters);
  return absl::OkStatus();
}

}  // namespace
}  // namespace plait::gpu

int main(int argc, char** argv) {
  constexpr size_t kDefaultBlocks = 4;
  if (argc < 2) {
    std::fprintf(stderr, "usage: plait_gpu_counts FILE.safetensors [BLOCKS]\n");
    return 2;
  }
  const absl::Status status =
      plait::gpu::Count(argv[1], argc > 2 ? std::strtoull(argv[2], nullptr, 10) : kDefaultBlocks);
  if (!status.ok()) std::fprintf(stderr, "plait_gpu_counts: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
