#include "tests/registry/registry.h"

#include <algorithm>

namespace plait {
namespace {

Input RandomBlock(uint64_t seed, uint32_t elements) {
  Random random(seed);
  return {"random_" + std::to_string(seed), Dtype::kU8, RandomBytes(elements, random)};
}

Input SkewedBlock(uint64_t seed, uint32_t elements) {
  Random random(seed);
  return {"skewed_" + std::to_string(seed), Dtype::kU8, GeometricBytes(elements, random)};
}

Input WeightsBlock(uint64_t seed, uint32_t elements) {
  Random random(seed);
  return {"weights_" + std::to_string(seed), Dtype::kBf16, WeightLikeBf16(elements, random)};
}

Input ConstantBlock(uint64_t seed, uint32_t elements) {
  return {"constant_" + std::to_string(seed), Dtype::kU8, std::vector<uint8_t>(elements, static_cast<uint8_t>(seed))};
}

template <Dtype kDtype>
Input FloatBlock(uint64_t seed, uint32_t elements) {
  Random random(seed);
  return {"floats_" + std::to_string(seed), kDtype, WeightLikeFloats(kDtype, elements, random)};
}

template <Dtype kDtype>
std::vector<Input> EdgesOf() {
  return FloatEdges(kDtype);
}

constexpr CodecEntry kEntries[] = {
    {CodecId::kStore, PlaneKind::kBytes, ByteEdges, RandomBlock},
    {CodecId::kStore, PlaneKind::kBf16, Bf16Edges, WeightsBlock},
    {CodecId::kZstd, PlaneKind::kBytes, ByteEdges, SkewedBlock},
    {CodecId::kZstd, PlaneKind::kF32, EdgesOf<Dtype::kF32>, FloatBlock<Dtype::kF32>},
    {CodecId::kTier, PlaneKind::kBytes, ByteEdges, SkewedBlock},
    {CodecId::kTier, PlaneKind::kBf16, Bf16Edges, WeightsBlock},
    {CodecId::kTier, PlaneKind::kF32, EdgesOf<Dtype::kF32>, FloatBlock<Dtype::kF32>},
    {CodecId::kTier, PlaneKind::kF16, EdgesOf<Dtype::kF16>, FloatBlock<Dtype::kF16>},
    {CodecId::kTier, PlaneKind::kF64, EdgesOf<Dtype::kF64>, FloatBlock<Dtype::kF64>},
    {CodecId::kTier, PlaneKind::kE4m3, EdgesOf<Dtype::kF8E4m3>, FloatBlock<Dtype::kF8E4m3>},
    {CodecId::kTier, PlaneKind::kE5m2, EdgesOf<Dtype::kF8E5m2>, FloatBlock<Dtype::kF8E5m2>},
    {CodecId::kRans, PlaneKind::kBytes, ByteEdges, SkewedBlock},
    {CodecId::kRans, PlaneKind::kBf16, Bf16Edges, WeightsBlock},
    {CodecId::kRans, PlaneKind::kE4m3, EdgesOf<Dtype::kF8E4m3>, FloatBlock<Dtype::kF8E4m3>},
    {CodecId::kRans, PlaneKind::kBf16Wide, Bf16Edges, WeightsBlock},
    {CodecId::kRans, PlaneKind::kF32Wide, EdgesOf<Dtype::kF32>, FloatBlock<Dtype::kF32>},
    {CodecId::kRans, PlaneKind::kF16Wide, EdgesOf<Dtype::kF16>, FloatBlock<Dtype::kF16>},
    {CodecId::kConstant, PlaneKind::kBytes, ConstantEdges, ConstantBlock},
};

// -Wswitch keeps CodecName complete, and this keeps the registry as complete as CodecName.
constexpr bool EveryCodecHasAnEntry() {
  for (int id = 0; id < 256; ++id) {
    const bool known = CodecName(static_cast<CodecId>(id)) != "unknown";
    const auto matches = [id](const CodecEntry& entry) { return static_cast<int>(entry.id) == id; };
    if (std::ranges::any_of(kEntries, matches) != known) return false;
  }
  return true;
}
static_assert(EveryCodecHasAnEntry(), "every codec id needs an entry in tests/registry/registry.cc, and nothing else");

constexpr bool EveryPlaneKindHasAnEntry() {
  for (int kind = 0; kind < kNumPlaneKinds; ++kind) {
    const auto matches = [kind](const CodecEntry& entry) { return static_cast<int>(entry.kind) == kind; };
    if (!std::ranges::any_of(kEntries, matches)) return false;
  }
  return true;
}
static_assert(EveryPlaneKindHasAnEntry(), "every plane kind needs an entry in tests/registry/registry.cc");

}  // namespace

std::string CodecEntry::name() const {
  return std::string(CodecName(id)) + "_" + std::string(GetPlaneLayout(kind).name);
}

absl::Status CodecEntry::Encode(const Input& input, uint64_t seed, BlockWorkspace& workspace,
                                std::vector<uint8_t>* coded) const {
  return EncodeBlockWith(kind, id, input.spec(seed), input.raw, workspace, coded);
}

std::span<const CodecEntry> CodecRegistry() { return kEntries; }

}  // namespace plait
