// Numbers frozen in the tier stream (FORMAT.md beside this file). CPU and GPU code both include this and nothing else
// shifts these fields.
//
//   header (16 bytes)   byte 0       number of levels, 1..5
//                       bytes 1..15  table: level k (from 0) gives its digits 0, 1, 2 the symbols at 1 + 3k, +1, +2;
//                                    zero for levels beyond the last
//   level-1 digits      ceil(n / 4) bytes for the n symbols of the plane
//   packets             one for each group of 2048 symbols, in order:
//                         level-2 digits | level-3 digits | ... | raw symbols, every part starting on a byte
//
// Digits are 2 bits, four to a byte, the first in the lowest bits; unused high bits of a part's last byte are zero.
#ifndef PLAIT_CODEC_TIER_TIER_LAYOUT_H_
#define PLAIT_CODEC_TIER_TIER_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace plait {

inline constexpr size_t kTierHeaderBytes = 16;
inline constexpr size_t kTierMaxLevels = 5;
inline constexpr size_t kTierSymbolsPerLevel = 3;
inline constexpr uint8_t kTierEscapeDigit = 3;
inline constexpr size_t kTierDigitsPerByte = 4;
inline constexpr size_t kTierGroupSymbols = 2048;

static_assert(kTierHeaderBytes == 1 + kTierMaxLevels * kTierSymbolsPerLevel);
static_assert(kTierGroupSymbols % kTierDigitsPerByte == 0, "level-1 digits of a group start on a byte");

// Bytes that n digits take.
constexpr size_t TierDigitBytes(size_t n) { return n / kTierDigitsPerByte + (n % kTierDigitsPerByte != 0); }

}  // namespace plait

#endif  // PLAIT_CODEC_TIER_TIER_LAYOUT_H_
