#include "codec/histogram/histogram.h"

#include <cmath>

#include "codec/base/endian.h"

namespace plait {
namespace {

// Runs of one symbol would wait for the previous increment of the same counter; separate tables break that chain.
constexpr size_t kTables = 8;

}  // namespace

ByteHistogram CountBytes(std::span<const uint8_t> symbols) {
  std::array<ByteHistogram, kTables> tables{};
  size_t i = 0;
  for (; i + kTables <= symbols.size(); i += kTables) {
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

ByteHistogram SampleBytes(std::span<const uint8_t> symbols, size_t stride) {
  ByteHistogram counts{};
  for (size_t i = 0; i < symbols.size(); i += stride) ++counts[symbols[i]];
  return counts;
}

double EntropyBits(const ByteHistogram& counts) {
  double total = 0;
  for (uint32_t count : counts) total += count;
  double bits = 0;
  for (uint32_t count : counts) {
    if (count != 0) bits += count * std::log2(total / count);
  }
  return total == 0 ? 0 : bits / total;
}

}  // namespace plait
