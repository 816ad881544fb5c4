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

constexpr CodecEntry kEntries[] = {
    {CodecId::kStore, ByteEdges, RandomBlock},
    {CodecId::kZstd, ByteEdges, SkewedBlock},
    {CodecId::kTier, Bf16Edges, WeightsBlock},
};

// -Wswitch keeps CodecName complete, and this keeps the registry as complete as CodecName.
constexpr bool EveryCodecHasOneEntry() {
  for (int id = 0; id < 256; ++id) {
    const bool known = CodecName(static_cast<CodecId>(id)) != "unknown";
    const auto matches = [id](const CodecEntry& entry) { return static_cast<int>(entry.id) == id; };
    if (std::ranges::count_if(kEntries, matches) != (known ? 1 : 0)) return false;
  }
  return true;
}
static_assert(EveryCodecHasOneEntry(), "a codec id needs exactly one entry in tests/registry/registry.cc");

}  // namespace

absl::Status CodecEntry::Encode(const Input& input, uint64_t seed, BlockWorkspace& workspace,
                                std::vector<uint8_t>* coded) const {
  return EncodeBlockWith(id, input.spec(seed), input.raw, workspace, coded);
}

std::span<const CodecEntry> CodecRegistry() { return kEntries; }

}  // namespace plait
