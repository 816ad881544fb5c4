#include "codec/histogram/histogram.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "codec/base/endian.h"

namespace plait {
namespace {

// Runs of one symbol would wait for the previous increment of the same counter; separate tables break that chain.
constexpr size_t kTables = 8;

// Logarithms are looked up by the top bits of the number.
constexpr unsigned kIndexBits = 11;

// log2(1 + (i + 1/2) / 2^kIndexBits), bit by bit: squaring doubles a logarithm.
constexpr std::array<uint16_t, size_t{1} << kIndexBits> MakeLog2Table() {
  std::array<uint16_t, size_t{1} << kIndexBits> table{};
  for (size_t i = 0; i < table.size(); ++i) {
    uint64_t mantissa = (uint64_t{1} << 31) + ((2 * i + 1) << (30 - kIndexBits));  // in [1, 2), 31 fraction bits
    uint32_t log = 0;
    for (unsigned bit = 0; bit < kLog2FractionBits; ++bit) {
      mantissa = mantissa * mantissa >> 31;
      const bool carry = mantissa >> 32 != 0;
      log = log << 1 | carry;
      if (carry) mantissa >>= 1;
    }
    table[i] = static_cast<uint16_t>(log);
  }
  return table;
}
constexpr auto kLog2Table = MakeLog2Table();

// FixedLog2, and 0 for 0.
constexpr uint64_t Log2(uint64_t value) {
  const unsigned floor = 63 - static_cast<unsigned>(std::countl_zero(value | 1));
  const uint64_t normalized = value << (63 - floor) << 1;  // the leading one shifted out
  if (normalized == 0) return uint64_t{floor} << kLog2FractionBits;
  return (uint64_t{floor} << kLog2FractionBits) + kLog2Table[normalized >> (64 - kIndexBits)];
}

// Of the counts that samples have, ready made.
constexpr auto kLog2OfSmall = [] {
  std::array<uint32_t, 2048> table{};
  for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<uint32_t>(Log2(i));
  return table;
}();

uint64_t Log2OfCount(uint32_t count) { return count < kLog2OfSmall.size() ? kLog2OfSmall[count] : Log2(count); }

}  // namespace

ByteHistogram CountBytes(std::span<const uint8_t> symbols) { return SampleBytes(symbols, kTables); }

ByteHistogram SampleBytes(std::span<const uint8_t> symbols, size_t stride) {
  std::array<ByteHistogram, kTables> tables{};
  size_t i = 0;
  for (; i + kTables <= symbols.size(); i += stride) {
    const uint64_t word = LoadLe<uint64_t>(symbols.data() + i);
    for (size_t t = 0; t < kTables; ++t) ++tables[t][(word >> (8 * t)) & 0xff];
  }
  for (; i < symbols.size(); ++i) ++tables[0][symbols[i]];
  ByteHistogram& total = tables[0];
  for (size_t t = 1; t < kTables; ++t) {
    for (size_t s = 0; s < total.size(); ++s) total[s] += tables[t][s];
  }
  return total;
}

uint64_t TotalCount(const ByteHistogram& counts) { return std::accumulate(counts.begin(), counts.end(), uint64_t{0}); }

uint64_t FixedLog2(uint64_t value) { return Log2(value); }

uint64_t OrderZeroBits(const ByteHistogram& counts) {
  const uint64_t total = TotalCount(counts);
  if (total == 0) return 0;
  const uint64_t log2_total = Log2(total);
  uint64_t bits = 0;
  for (uint32_t count : counts) {
    // The table's rounding may put a count's logarithm above its total's.
    bits += count * (log2_total - std::min(log2_total, Log2OfCount(count)));
  }
  return bits >> kLog2FractionBits;
}

uint64_t EstimatedOrderZeroBits(const ByteHistogram& counts, uint64_t num_symbols) {
  const uint64_t counted = TotalCount(counts);
  if (counted == 0) return 0;
  const uint64_t bits = OrderZeroBits(counts);
  if (counted >= num_symbols) return bits;
  uint32_t distinct = 0;
  for (uint32_t count : counts) distinct += count != 0;
  // (distinct - 1) / (2 ln 2) bits over the sample.
  return (bits + 185 * uint64_t{distinct - 1} / 256) * num_symbols / counted;
}

}  // namespace plait
