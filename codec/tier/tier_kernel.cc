#include "codec/tier/tier_kernel.h"

#include <bit>
#include <cstring>

#include "codec/base/endian.h"
#include "codec/tier/tier_layout.h"

// No branch of these loops depends on a symbol: escapes are stored or read in any case, and a pointer moves by 0 or 1.
namespace plait {
namespace {

constexpr size_t kUnit = kTierUnitSymbols;

// Bytes of one bit plane of a unit that has `count` symbols.
constexpr size_t WordBytes(size_t count) { return TierBitPlaneBytes(count); }

uint64_t LoadWord(const uint8_t* bytes, size_t count) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, WordBytes(count));
  return word;
}

template <unsigned kBits>
struct Level {
  static constexpr unsigned kEscape = (1u << kBits) - 1;

  // Codes the `count` symbols of a unit and returns the new end of the escapes.
  static uint8_t* EncodeUnit(const uint8_t* symbols, size_t count, const uint8_t digit_of[256], uint8_t* digits,
                             uint8_t* escapes) {
    uint64_t words[2] = {};
    for (size_t i = 0; i < count; ++i) {
      const uint64_t digit = digit_of[symbols[i]];
      words[0] |= (digit & 1) << i;
      words[1] |= (digit >> 1) << i;
      *escapes = symbols[i];
      escapes += digit == kEscape;
    }
    for (unsigned b = 0; b < kBits; ++b) std::memcpy(digits + b * WordBytes(count), &words[b], WordBytes(count));
    return escapes;
  }

  static size_t Encode(const uint8_t* symbols, size_t n, const uint8_t* table, uint8_t* digits, uint8_t* escapes) {
    uint8_t digit_of[256];
    std::memset(digit_of, kEscape, sizeof(digit_of));
    for (unsigned d = kEscape; d-- > 0;) digit_of[table[d]] = static_cast<uint8_t>(d);
    uint8_t* end = escapes;
    size_t i = 0;
    for (; i + kUnit <= n; i += kUnit) {
      end = EncodeUnit(symbols + i, kUnit, digit_of, digits + TierDigitBytes(i, kBits), end);
    }
    if (i < n) end = EncodeUnit(symbols + i, n - i, digit_of, digits + TierDigitBytes(i, kBits), end);
    return static_cast<size_t>(end - escapes);
  }

  // Decodes the `count` symbols of a unit and returns where the next escape stands.
  static const uint8_t* DecodeUnit(const uint8_t* digits, size_t count, uint8_t known[4], const uint8_t* escapes,
                                   uint8_t* symbols) {
    const uint64_t low = LoadWord(digits, count);
    const uint64_t high = kBits == 2 ? LoadWord(digits + WordBytes(count), count) : 0;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t digit = (low >> i & 1) | (high >> i & 1) << 1;
      known[kEscape] = *escapes;
      symbols[i] = known[digit];
      escapes += digit == kEscape;
    }
    return escapes;
  }

  static void Decode(const uint8_t* digits, size_t n, const uint8_t* table, const uint8_t* escapes, uint8_t* symbols) {
    uint8_t known[4] = {};
    std::memcpy(known, table, kEscape);
    size_t i = 0;
    for (; i + kUnit <= n; i += kUnit) {
      escapes = DecodeUnit(digits + TierDigitBytes(i, kBits), kUnit, known, escapes, symbols + i);
    }
    if (i < n) DecodeUnit(digits + TierDigitBytes(i, kBits), n - i, known, escapes, symbols + i);
  }

  static size_t CountUnit(const uint8_t* digits, size_t count) {
    uint64_t escaped = LoadWord(digits, count);
    if (kBits == 2) escaped &= LoadWord(digits + WordBytes(count), count);
    return static_cast<size_t>(std::popcount(escaped));
  }

  static size_t Count(const uint8_t* digits, size_t n) {
    size_t count = 0;
    size_t i = 0;
    for (; i + kUnit <= n; i += kUnit) count += CountUnit(digits + TierDigitBytes(i, kBits), kUnit);
    if (i < n) count += CountUnit(digits + TierDigitBytes(i, kBits), n - i);
    return count;
  }
};

}  // namespace

const TierKernels kTierScalar = {
    {Level<1>::Encode, Level<2>::Encode}, {Level<1>::Decode, Level<2>::Decode}, {Level<1>::Count, Level<2>::Count}, {}};

}  // namespace plait
