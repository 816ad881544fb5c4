#include <algorithm>
#include <numeric>

#include "codec/base/bits.h"
#include "codec/tier/tier.h"

namespace plait {
namespace {

// The shapes that PlanTier chooses from; FORMAT.md says why these. Fewer levels first.
constexpr TierShape kShapes[] = {
    TierShape(0b10),       // 1: planes of mostly one symbol, such as the exponents of a sparse tensor, begin with 1
    TierShape(0b11),       // 2
    TierShape(0b110),      // 1 2
    TierShape(0b111),      // 2 2
    TierShape(0b1110),     // 1 2 2
    TierShape(0b1111),     // 2 2 2
    TierShape(0b11110),    // 1 2 2 2
    TierShape(0b11111),    // 2 2 2 2
    TierShape(0b111110),   // 1 2 2 2 2
    TierShape(0b111111),   // 2 2 2 2 2: flat distributions
    TierShape(0b1110001),  // 2 1 1 1 2 2: weights of trained matrices take one of these four
    TierShape(0b1111001),  // 2 1 1 2 2 2
    TierShape(0b1110011),  // 2 2 1 1 2 2
    TierShape(0b1110101),  // 2 1 2 1 2 2
};
static_assert(std::ranges::all_of(kShapes, &TierShape::valid));

using SymbolOrder = std::array<uint8_t, kTierTableSymbols>;

// The commonest symbols, ties to the smaller one.
SymbolOrder CommonestSymbols(const ByteHistogram& counts) {
  std::array<uint64_t, 256> keys;
  for (size_t s = 0; s < keys.size(); ++s) keys[s] = uint64_t{counts[s]} << 8 | (255 - s);
  std::ranges::partial_sort(keys, keys.begin() + kTierTableSymbols, std::greater());
  SymbolOrder order;
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint8_t>(255 - (keys[i] & 0xff));
  return order;
}

// Bits of digits and raw symbols for the counted symbols.
uint64_t CountedBits(TierShape shape, const ByteHistogram& counts, const SymbolOrder& order, uint64_t total) {
  uint64_t bits = 0;
  uint64_t left = total;  // symbols that reach the level
  const uint8_t* known = order.data();
  for (size_t level = 0; level < shape.num_levels(); ++level) {
    bits += shape.digit_bits(level) * left;
    for (size_t d = 0; d < shape.known_symbols(level); ++d) left -= counts[*known++];
  }
  return bits + 8 * left;
}

// Of the packet of a group: a bit plane leaves half a byte unused on average.
uint64_t PaddingBits(TierShape shape) {
  uint64_t bits = 0;
  for (size_t level = 1; level < shape.num_levels(); ++level) bits += 4 * shape.digit_bits(level);
  return bits;
}

}  // namespace

TierPlan PlanTier(const ByteHistogram& counts, size_t num_symbols, size_t max_levels) {
  const SymbolOrder order = CommonestSymbols(counts);
  const uint64_t total = std::max<uint64_t>(1, TotalCount(counts));
  const uint64_t groups = CeilDiv<uint64_t>(num_symbols, kTierGroupSymbols);
  TierPlan best;
  uint64_t best_bits = ~uint64_t{0};
  for (const TierShape shape : kShapes) {
    if (shape.num_levels() > max_levels) continue;
    const uint64_t padding_bits = groups * PaddingBits(shape);
    const uint64_t bits = CountedBits(shape, counts, order, total) * num_symbols / total + padding_bits;
    if (bits >= best_bits) continue;
    best_bits = bits;
    best.shape = shape;
  }
  std::copy_n(order.begin(), best.shape.table_begin(best.shape.num_levels()), best.table.begin());
  best.estimated_bytes = kTierHeaderBytes + CeilDiv<uint64_t>(best_bits, 8);
  return best;
}

}  // namespace plait
