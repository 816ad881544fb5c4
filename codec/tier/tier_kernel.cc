#include "codec/tier/tier_kernel.h"

#include <bit>

#include "codec/base/endian.h"
#include "codec/tier/tier_layout.h"

namespace plait {
namespace {

uint8_t DigitOf(uint8_t symbol, const uint8_t table[3]) {
  for (uint8_t d = 0; d < kTierEscapeDigit; ++d) {
    if (symbol == table[d]) return d;
  }
  return kTierEscapeDigit;
}

size_t EncodeLevel(const uint8_t* symbols, size_t n, const uint8_t table[3], uint8_t* digits, uint8_t* escapes) {
  size_t num_escapes = 0;
  uint8_t packed = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint8_t digit = DigitOf(symbols[i], table);
    if (digit == kTierEscapeDigit) escapes[num_escapes++] = symbols[i];
    packed = static_cast<uint8_t>(packed | digit << (2 * (i % kTierDigitsPerByte)));
    if (i % kTierDigitsPerByte == kTierDigitsPerByte - 1 || i + 1 == n) {
      digits[i / kTierDigitsPerByte] = packed;
      packed = 0;
    }
  }
  return num_escapes;
}

void DecodeLevel(const uint8_t* digits, size_t n, const uint8_t table[3], const uint8_t* escapes, uint8_t* symbols) {
  for (size_t i = 0; i < n; ++i) {
    const uint8_t digit = digits[i / kTierDigitsPerByte] >> (2 * (i % kTierDigitsPerByte)) & 3;
    symbols[i] = digit == kTierEscapeDigit ? *escapes++ : table[digit];
  }
}

// An escape is a pair of ones, so it survives x & x >> 1 in the even bit.
size_t CountEscapes(const uint8_t* digits, size_t n) {
  const size_t bytes = TierDigitBytes(n);
  size_t count = 0;
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    const uint64_t word = LoadLe<uint64_t>(digits + i);
    count += std::popcount(word & word >> 1 & 0x5555555555555555u);
  }
  for (; i < bytes; ++i) count += std::popcount(digits[i] & digits[i] >> 1 & 0x55u);
  return count;
}

}  // namespace

const TierKernels kTierScalar = {EncodeLevel, DecodeLevel, CountEscapes};

}  // namespace plait
