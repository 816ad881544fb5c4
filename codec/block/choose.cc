#include "codec/block/choose.h"

#include <algorithm>

#include "codec/block/zstd_codec.h"
#include "codec/histogram/histogram.h"

namespace plait {
namespace {

// Slices that stand for the block: enough to tell text, zeros, floats and noise apart.
constexpr size_t kSlices = 4;
constexpr size_t kSliceBytes = size_t{8} << 10;
// Of the slices' planes, as in SampleBytes.
constexpr size_t kSampleStride = 120;
constexpr size_t kByteSampleStride = 24;
constexpr size_t kWidthSampleStride = 24;

// What takes more than this part of plane 0 are no exponents.
constexpr size_t kNoSymbolsPercent = 90;
// By what part more, for each byte of its elements, a cut of unparsed bytes must promise: well above what estimates
// from samples err by.
constexpr size_t kElementBytesPenalty = 128;

// What a wide kind costs beside its symbols and fields: a longer table, directory and padding of one more plane.
constexpr size_t kWideBytes = 64;

// The sampled parts of a block, whole elements of any kind at their own phase.
std::vector<std::span<const uint8_t>> Slices(std::span<const uint8_t> raw) {
  if (raw.size() <= kSlices * kSliceBytes) return {raw};
  std::vector<std::span<const uint8_t>> slices;
  for (size_t i = 0; i < kSlices; ++i) {
    const size_t begin = i * ((raw.size() - kSliceBytes) / (kSlices - 1)) / 8 * 8;
    slices.push_back(raw.subspan(begin, kSliceBytes));
  }
  return slices;
}

struct PlaneEstimate {
  uint64_t symbol_bits = 0;
  uint64_t noise_bits = 0;
  uint64_t raw_symbol_bits = 0;  // what they would be if nothing were saved

  uint64_t bits() const { return symbol_bits + noise_bits; }
};

// The planes of all slices, and how many elements these have.
struct SlicePlanes {
  PlaneSpans planes;
  size_t n = 0;
};

SlicePlanes SplitSlices(PlaneKind kind, size_t phase, std::span<const std::span<const uint8_t>> slices,
                        BlockWorkspace& workspace) {
  const PlaneLayout& layout = GetPlaneLayout(kind);
  size_t most = 0;
  for (const auto& slice : slices) most += slice.size() / layout.element_bytes;
  SlicePlanes split = {.planes = workspace.Planes(kind, most)};
  for (const auto& slice : slices) {
    if (slice.size() < phase + layout.element_bytes) continue;
    size_t count = (slice.size() - phase) / layout.element_bytes;
    if (&slice != &slices.back()) count = count / 8 * 8;  // packed fields of the next one start on a byte
    SplitPlanes(kind, slice.subspan(phase, count * layout.element_bytes),
                PlanePart(kind, split.planes, split.n, count));
    split.n += count;
  }
  for (size_t p = 0; p < layout.num_planes; ++p) split.planes[p] = split.planes[p].first(PlaneBytes(kind, p, split.n));
  return split;
}

// Order-0 cost of the slices' planes.
PlaneEstimate EstimatePlanes(PlaneKind kind, size_t phase, std::span<const std::span<const uint8_t>> slices,
                             BlockWorkspace& workspace) {
  const PlaneLayout& layout = GetPlaneLayout(kind);
  const auto [planes, n] = SplitSlices(kind, phase, slices, workspace);
  // Whole small blocks are counted; bytes, which compete with a coder of whole bytes, are sampled more closely.
  const size_t stride = slices.size() == 1 ? 8 : layout.element_bytes == 1 ? kByteSampleStride : kSampleStride;
  PlaneEstimate estimate;
  for (size_t p = 0; p < layout.num_planes; ++p) {
    const uint64_t bits = EstimatedOrderZeroBits(SampleBytes(planes[p], stride), planes[p].size());
    if (p == 0) {
      estimate.symbol_bits = bits;
      estimate.raw_symbol_bits = layout.planes[0].bits * n;
    } else {
      estimate.noise_bits += bits;
    }
  }
  return estimate;
}

// The same more closely, and with planes stored that save too little. Both widths of a kind count the same elements.
uint64_t CodedBits(const PlaneChoice& choice, PlaneKind kind, const EncodeSettings& settings,
                   std::span<const std::span<const uint8_t>> slices, BlockWorkspace& workspace) {
  const auto [planes, n] = SplitSlices(kind, choice.phase, slices, workspace);
  const size_t stride = slices.size() == 1 ? 8 : kWidthSampleStride;
  uint64_t coded_bits = 0;
  for (size_t p = 0; p < GetPlaneLayout(kind).num_planes; ++p) {
    const uint64_t raw_bits = 8 * planes[p].size();
    const uint64_t bits = EstimatedOrderZeroBits(SampleBytes(planes[p], stride), planes[p].size());
    coded_bits += p != 0 && bits > raw_bits - raw_bits / settings.least_zstd_saving ? raw_bits : bits;
  }
  return coded_bits;
}

uint64_t ZstdBits(std::span<const std::span<const uint8_t>> slices, BlockWorkspace& workspace) {
  uint64_t bytes = 0;
  for (const auto& slice : slices) bytes += ZstdCodedBytes(kZstdLevel, slice, workspace);
  return 8 * bytes;
}

// Estimates on slices become estimates of blocks.
class Scale {
 public:
  Scale(size_t raw_bytes, std::span<const std::span<const uint8_t>> slices) : raw_bytes_(raw_bytes) {
    for (const auto& slice : slices) sampled_bytes_ += slice.size();
  }
  size_t operator()(uint64_t bits) const {
    return static_cast<size_t>(bits / 8 * raw_bytes_ / std::max<size_t>(1, sampled_bytes_));
  }

 private:
  size_t raw_bytes_;
  size_t sampled_bytes_ = 0;
};

}  // namespace

PlaneKind OwnPlanes(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBf16: return PlaneKind::kBf16;
    case Dtype::kF16: return PlaneKind::kF16;
    case Dtype::kF32:
    case Dtype::kC64: return PlaneKind::kF32;
    case Dtype::kF64: return PlaneKind::kF64;
    case Dtype::kF8E4m3:
    case Dtype::kF8E4m3Fnuz: return PlaneKind::kE4m3;
    case Dtype::kF8E5m2:
    case Dtype::kF8E5m2Fnuz: return PlaneKind::kE5m2;
    default: return PlaneKind::kBytes;
  }
}

std::vector<PlaneChoice> RankPlaneChoices(Dtype dtype, std::span<const uint8_t> raw, BlockWorkspace& workspace) {
  const auto slices = Slices(raw);
  const Scale scale(raw.size(), slices);
  std::vector<PlaneChoice> choices;
  if (const PlaneKind own = OwnPlanes(dtype); own != PlaneKind::kBytes) {
    choices.push_back({own, 0, scale(EstimatePlanes(own, 0, slices, workspace).bits())});
  }
  if (dtype == Dtype::kU8) {
    for (PlaneKind kind : {PlaneKind::kBf16, PlaneKind::kF16, PlaneKind::kF32}) {
      const uint8_t element_bytes = GetPlaneLayout(kind).element_bytes;
      if (raw.size() < 2 * element_bytes) continue;
      for (uint8_t phase = 0; phase < element_bytes; ++phase) {
        const PlaneEstimate estimate = EstimatePlanes(kind, phase, slices, workspace);
        // At the wrong phase exponents may all be in the other planes: as small, but slower to decode.
        if (100 * estimate.symbol_bits > kNoSymbolsPercent * estimate.raw_symbol_bits) continue;
        // Pairs of bf16 cut as fp32 are as small, but take a coder more.
        const uint64_t bits = estimate.bits() + estimate.bits() * element_bytes / kElementBytesPenalty;
        choices.push_back({kind, phase, scale(bits)});
      }
    }
  }
  choices.push_back({PlaneKind::kBytes, 0, scale(ZstdBits(slices, workspace))});
  std::ranges::stable_sort(choices, {}, &PlaneChoice::estimated_bytes);
  return choices;
}

PlaneChoice ChooseSymbolWidth(const PlaneChoice& choice, const EncodeSettings& settings, std::span<const uint8_t> raw,
                              BlockWorkspace& workspace) {
  const PlaneKind wide = WideKindOf(choice.kind);
  if (!settings.wide_symbols || wide == choice.kind) return choice;
  const auto slices = Slices(raw);
  const Scale scale(raw.size(), slices);
  const size_t narrow_bytes = scale(CodedBits(choice, choice.kind, settings, slices, workspace));
  const size_t wide_bytes = scale(CodedBits(choice, wide, settings, slices, workspace)) + kWideBytes;
  if (wide_bytes >= narrow_bytes) return choice;
  return {wide, choice.phase, wide_bytes};
}

}  // namespace plait
