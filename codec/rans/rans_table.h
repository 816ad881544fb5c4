// One level of a rans stream, and the tables that the loops make of it.
#ifndef PLAIT_CODEC_RANS_RANS_TABLE_H_
#define PLAIT_CODEC_RANS_RANS_TABLE_H_

#include <array>
#include <cstdint>

#include "codec/rans/rans_layout.h"

namespace plait {

struct RansLevel {
  size_t num_digits = kRansMinDigits;               // at most kRansMaxDigits, the escape included
  bool has_escape = false;                          // then digit num_digits - 1 is the escape
  std::array<uint8_t, kRansMaxDigits> frequency{};  // each 1 to kRansSlots - 1; they add up to kRansSlots
  std::array<uint8_t, kRansMaxDigits> symbol{};     // of every digit but the escape

  size_t num_symbols() const { return num_digits - (has_escape ? 1 : 0); }
};

// By slot, for machines that look up 128 bytes at once, and by digit, for those that look up 16.
struct alignas(64) RansDecodeTable {
  std::array<uint8_t, kRansSlots> slot_symbol;     // unspecified for slots of the escape
  std::array<uint8_t, kRansSlots> slot_frequency;  // of the slot's digit
  std::array<uint8_t, kRansSlots> slot_offset;     // slot - the first slot of its digit
  std::array<uint8_t, kRansMaxDigits> symbol;
  std::array<uint8_t, kRansMaxDigits> frequency;
  std::array<uint8_t, kRansMaxDigits> first_slot;
  size_t num_digits;
  unsigned escape_slot;  // the first slot of the escape, which has all from there on; kRansSlots: no escape
};

// By symbol and by digit.
struct alignas(64) RansEncodeTable {
  std::array<uint8_t, 256> digit_of_symbol;
  std::array<uint8_t, kRansMaxDigits> symbol;
  size_t num_symbols;
  std::array<uint8_t, kRansMaxDigits> frequency;
  std::array<uint8_t, kRansMaxDigits> first_slot;
  // 2^16 / frequency, rounded down, at most 2^16 - 1; low and high byte apart. State * this / 2^16 is the quotient
  // state / frequency or one less.
  std::array<uint8_t, kRansMaxDigits> reciprocal_low;
  std::array<uint8_t, kRansMaxDigits> reciprocal_high;
  uint8_t escape_digit;  // kRansNoDigit: none, and what digit_of_symbol says of unknown symbols
};
inline constexpr uint8_t kRansNoDigit = 0xff;

// Require: `level` is as its members say; for encoding, the symbols are distinct.
RansDecodeTable MakeRansDecodeTable(const RansLevel& level);
RansEncodeTable MakeRansEncodeTable(const RansLevel& level);

}  // namespace plait

#endif  // PLAIT_CODEC_RANS_RANS_TABLE_H_
