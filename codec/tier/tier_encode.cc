#include <algorithm>
#include <cassert>
#include <numeric>

#include "codec/base/bits.h"
#include "codec/tier/tier.h"
#include "codec/tier/tier_kernel.h"
#include "codec/tier/tier_select.h"

namespace plait {
namespace {

std::array<uint8_t, 256> SymbolsByCount(const ByteHistogram& counts) {
  std::array<uint8_t, 256> order;
  std::iota(order.begin(), order.end(), uint8_t{0});
  std::ranges::stable_sort(order, [&](uint8_t a, uint8_t b) { return counts[a] > counts[b]; });
  return order;
}

// Codes the symbols of one group: level-1 digits go to their own place, the rest is one packet. Returns its end.
uint8_t* EncodeGroup(const TierKernels& kernels, std::span<const uint8_t> symbols, const TierPlan& plan,
                     uint8_t* level1_digits, uint8_t* packet) {
  uint8_t escapes[2][kTierGroupSymbols + kTierEscapeSlack];
  const uint8_t* level_symbols = symbols.data();
  size_t n = symbols.size();
  for (size_t level = 0; level < plan.num_levels; ++level) {
    uint8_t* digits = level == 0 ? level1_digits : packet;
    if (level != 0) packet += TierDigitBytes(n);
    uint8_t* escaped = escapes[level % 2];
    n = kernels.encode_level(level_symbols, n, &plan.table[level * kTierSymbolsPerLevel], digits, escaped);
    level_symbols = escaped;
  }
  return std::copy_n(level_symbols, n, packet);
}

}  // namespace

TierPlan PlanTier(const ByteHistogram& counts) {
  const std::array<uint8_t, 256> order = SymbolsByCount(counts);
  const uint64_t total = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  TierPlan best;
  uint64_t best_bits = ~uint64_t{0};
  uint64_t digit_bits = 0;
  uint64_t left = total;  // symbols that reach the level
  for (size_t level = 0; level < kTierMaxLevels; ++level) {
    digit_bits += 2 * left;
    for (size_t d = 0; d < kTierSymbolsPerLevel; ++d) left -= counts[order[level * kTierSymbolsPerLevel + d]];
    const uint64_t bits = digit_bits + 8 * left;
    if (bits >= best_bits) continue;
    best_bits = bits;
    best.num_levels = level + 1;
  }
  std::copy_n(order.begin(), best.num_levels * kTierSymbolsPerLevel, best.table.begin());
  best.estimated_bytes = kTierHeaderBytes + CeilDiv<uint64_t>(best_bits, 8) +
                         CeilDiv<uint64_t>(total, kTierGroupSymbols) * (best.num_levels - 1) / 2;
  return best;
}

size_t TierMaxBytes(size_t n) {
  const size_t groups = CeilDiv(n, kTierGroupSymbols);
  // Every symbol may escape every level; each part of a packet may round up to a byte.
  return kTierHeaderBytes + kTierMaxLevels * TierDigitBytes(n) + n + groups * kTierMaxLevels;
}

size_t TierEncode(std::span<const uint8_t> symbols, const TierPlan& plan, std::span<uint8_t> stream) {
  assert(stream.size() >= TierMaxBytes(symbols.size()));
  stream[0] = static_cast<uint8_t>(plan.num_levels);
  std::ranges::copy(plan.table, stream.begin() + 1);
  uint8_t* const level1_digits = stream.data() + kTierHeaderBytes;
  uint8_t* packet = level1_digits + TierDigitBytes(symbols.size());
  const TierKernels& kernels = ActiveTierKernels();
  for (size_t begin = 0; begin < symbols.size(); begin += kTierGroupSymbols) {
    const auto group = symbols.subspan(begin, std::min(kTierGroupSymbols, symbols.size() - begin));
    packet = EncodeGroup(kernels, group, plan, level1_digits + begin / kTierDigitsPerByte, packet);
  }
  return static_cast<size_t>(packet - stream.data());
}

}  // namespace plait
