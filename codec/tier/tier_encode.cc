#include <algorithm>
#include <cassert>

#include "codec/base/bits.h"
#include "codec/tier/tier.h"
#include "codec/tier/tier_select.h"

namespace plait {
namespace {

// A shape has at most five levels of 2 bits, or four of them and two of 1 bit.
constexpr unsigned kMaxDigitBits = 10;
constexpr bool NoShapeHasMoreDigitBits() {
  for (unsigned code = 0; code < 256; ++code) {
    const TierShape shape(static_cast<uint8_t>(code));
    if (!shape.valid()) continue;
    unsigned bits = 0;
    for (size_t level = 0; level < shape.num_levels(); ++level) bits += shape.digit_bits(level);
    if (bits > kMaxDigitBits) return false;
  }
  return true;
}
static_assert(NoShapeHasMoreDigitBits());

// Codes the symbols of one group: level-1 digits go to their own place, the rest is one packet. Returns its end.
uint8_t* EncodeGroup(const TierKernels& kernels, std::span<const uint8_t> symbols, const TierPlan& plan,
                     uint8_t* level1_digits, uint8_t* packet) {
  uint8_t escapes[2][kTierGroupSymbols + kTierEscapeSlack];
  const uint8_t* level_symbols = symbols.data();
  const uint8_t* table = plan.table.data();
  size_t n = symbols.size();
  for (size_t level = 0; level < plan.shape.num_levels(); ++level) {
    const unsigned bits = plan.shape.digit_bits(level);
    uint8_t* digits = level == 0 ? level1_digits : packet;
    if (level != 0) packet += TierDigitBytes(n, bits);
    uint8_t* escaped = escapes[level % 2];
    n = kernels.encode_level[bits - 1](level_symbols, n, table, digits, escaped);
    table += plan.shape.known_symbols(level);
    level_symbols = escaped;
  }
  return std::copy_n(level_symbols, n, packet);
}

}  // namespace

size_t TierMaxBytes(size_t n) {
  const size_t groups = CeilDiv(n, kTierGroupSymbols);
  // Every symbol may escape every level; each bit plane of a packet may round up to a byte.
  return kTierHeaderBytes + TierDigitBytes(n, kMaxDigitBits) + n + 2 * groups * kTierMaxLevels;
}

size_t TierEncode(std::span<const uint8_t> symbols, const TierPlan& plan, std::span<uint8_t> stream) {
  assert(stream.size() >= TierMaxBytes(symbols.size()) && plan.shape.valid());
  stream[0] = plan.shape.code();
  std::ranges::copy(plan.table, stream.begin() + 1);
  const unsigned level1_bits = plan.shape.digit_bits(0);
  uint8_t* const level1_digits = stream.data() + kTierHeaderBytes;
  uint8_t* packet = level1_digits + TierDigitBytes(symbols.size(), level1_bits);
  const TierKernels& kernels = ActiveTierKernels();
  for (size_t begin = 0; begin < symbols.size(); begin += kTierGroupSymbols) {
    const auto group = symbols.subspan(begin, std::min(kTierGroupSymbols, symbols.size() - begin));
    packet = EncodeGroup(kernels, group, plan, level1_digits + TierDigitBytes(begin, level1_bits), packet);
  }
  return static_cast<size_t>(packet - stream.data());
}

}  // namespace plait
