// Numbers frozen in the tier stream (FORMAT.md beside this file). CPU and GPU code both include this and nothing else
// shifts these fields.
//
//   header (16 bytes)   byte 0       shape: bit k is 1 if level k + 1 has digits of 2 bits, 0 if of 1 bit; the one
//   above
//                                    the last level's bit is 1, higher ones are 0
//                       bytes 1..15  table: what the digits below the escape digit mean, level by level, three symbols
//                                    for a level of 2 bits and one for a level of 1 bit; then zeros
//   level-1 digits      of the n symbols of the plane
//   packets             one for each group of 4096 symbols, in order:
//                         level-2 digits | level-3 digits | ... | raw symbols, every part starting on a byte
//
// Digits stand in units of 64 symbols: 8 bytes with bit 0 of every digit, symbol i of the unit in bit i of the word,
// then, if digits have 2 bits, 8 bytes with bit 1. The last unit of a part may have fewer symbols: both words then end
// after the byte of the last one, whose unused high bits are zero.
#ifndef PLAIT_CODEC_TIER_TIER_LAYOUT_H_
#define PLAIT_CODEC_TIER_TIER_LAYOUT_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace plait {

inline constexpr size_t kTierHeaderBytes = 16;
inline constexpr size_t kTierMaxLevels = 6;
inline constexpr size_t kTierTableSymbols = kTierHeaderBytes - 1;
inline constexpr size_t kTierGroupSymbols = 4096;

// How many levels a stream has and how wide their digits are: byte 0 of its header.
class TierShape {
 public:
  constexpr explicit TierShape(uint8_t code) : code_(code) {}

  constexpr uint8_t code() const { return code_; }
  constexpr size_t num_levels() const { return static_cast<size_t>(std::bit_width(code_)) - 1; }
  // 1 or 2; levels count from 0.
  constexpr unsigned digit_bits(size_t level) const { return 1 + (code_ >> level & 1u); }
  // Symbols that the digits of a level stand for, and of all levels before it. All ones is the escape digit.
  constexpr size_t known_symbols(size_t level) const { return (size_t{1} << digit_bits(level)) - 1; }
  constexpr size_t table_begin(size_t level) const {
    size_t begin = 0;
    for (size_t k = 0; k < level; ++k) begin += known_symbols(k);
    return begin;
  }

  // Whether a header may carry it. The other functions want a valid shape.
  constexpr bool valid() const {
    return code_ >= 2 && code_ < 2u << kTierMaxLevels && table_begin(num_levels()) <= kTierTableSymbols;
  }

 private:
  uint8_t code_;
};

inline constexpr size_t kTierUnitSymbols = 64;

// Bytes of each of a part's two bit planes, and of all n digits of 1 or 2 bits.
constexpr size_t TierBitPlaneBytes(size_t n) { return (n + 7) / 8; }
constexpr size_t TierDigitBytes(size_t n, unsigned bits) { return bits * TierBitPlaneBytes(n); }

static_assert(TierShape(0b111111).num_levels() == 5 && TierShape(0b111111).valid(), "five levels of 2 bits");
static_assert(!TierShape(0b1111111).valid(), "six levels of 2 bits know more symbols than the table holds");
static_assert(!TierShape(1).valid() && TierShape(0b10).valid() && !TierShape(0b10000000).valid());
static_assert(kTierGroupSymbols % kTierUnitSymbols == 0, "level-1 digits of a group are whole units");

}  // namespace plait

#endif  // PLAIT_CODEC_TIER_TIER_LAYOUT_H_
