#include "codec/block/choose.h"

#include <algorithm>
#include <array>
#include <optional>

#include "codec/base/bits.h"
#include "codec/block/block_layout.h"
#include "codec/block/zstd_codec.h"
#include "codec/histogram/histogram.h"
#include "codec/transform/bf16_planes.h"

namespace plait {
namespace {

// A sign-mantissa plane of trained weights has more than 7.9 bits of entropy. One below this has structure (zeros,
// dequantized codes, a constant) that a general-purpose coder may use better than tier, which carries it raw.
constexpr double kStructuredPlaneBits = 7.5;
constexpr size_t kPlaneSampleStride = 31;

// Three slices stand for the block: enough to tell text, zeros and noise apart.
constexpr size_t kZstdSampleSlices = 3;
constexpr size_t kZstdSliceBytes = size_t{8} << 10;

bool MayHoldBf16(Dtype dtype, size_t raw_bytes) {
  return raw_bytes % 2 == 0 && (dtype == Dtype::kBf16 || dtype == Dtype::kU8);
}

std::optional<BlockChoice> EstimateTier(Dtype dtype, std::span<const uint8_t> raw, BlockWorkspace& workspace) {
  if (!MayHoldBf16(dtype, raw.size())) return std::nullopt;
  const size_t n = raw.size() / 2;
  SplitBf16(raw, workspace.Exponents(n), workspace.SignMantissas(n));
  BlockChoice choice{.codec = CodecId::kTier, .plane = PlaneKind::kBf16};
  choice.tier_plan = PlanTier(CountBytes(workspace.Exponents(n)));
  choice.estimated_bytes = AlignUp(n, kPlaneAlignment) + choice.tier_plan.estimated_bytes;
  return choice;
}

bool WorthAskingZstd(Dtype dtype, std::span<const uint8_t> raw, BlockWorkspace& workspace) {
  if (dtype != Dtype::kBf16) return true;
  const auto plane = workspace.SignMantissas(raw.size() / 2);
  return EntropyBits(SampleBytes(plane, kPlaneSampleStride)) < kStructuredPlaneBits;
}

BlockChoice EstimateZstd(std::span<const uint8_t> raw, BlockWorkspace& workspace) {
  BlockChoice choice{.codec = CodecId::kZstd, .plane = PlaneKind::kBytes};
  if (raw.size() <= kZstdSampleSlices * kZstdSliceBytes) {
    choice.estimated_bytes = ZstdCodedBytes(raw, workspace);
    return choice;
  }
  size_t coded = 0;
  for (size_t slice = 0; slice < kZstdSampleSlices; ++slice) {
    const size_t begin = slice * ((raw.size() - kZstdSliceBytes) / (kZstdSampleSlices - 1));
    coded += ZstdCodedBytes(raw.subspan(begin, kZstdSliceBytes), workspace);
  }
  choice.estimated_bytes = raw.size() * coded / (kZstdSampleSlices * kZstdSliceBytes);
  return choice;
}

}  // namespace

std::vector<BlockChoice> RankChoices(Dtype dtype, std::span<const uint8_t> raw, BlockWorkspace& workspace) {
  std::vector<BlockChoice> choices;
  if (auto tier = EstimateTier(dtype, raw, workspace)) choices.push_back(*tier);
  if (WorthAskingZstd(dtype, raw, workspace)) choices.push_back(EstimateZstd(raw, workspace));
  std::erase_if(choices, [&](const BlockChoice& choice) { return choice.estimated_bytes >= raw.size(); });
  std::ranges::stable_sort(choices, {}, &BlockChoice::estimated_bytes);
  choices.push_back({.codec = CodecId::kStore, .plane = PlaneKind::kBytes, .estimated_bytes = raw.size()});
  return choices;
}

}  // namespace plait
