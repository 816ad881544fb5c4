#include "codec/rans/rans_table.h"

#include <algorithm>

namespace plait {
namespace {

std::array<uint8_t, kRansMaxDigits> FirstSlots(const RansLevel& level) {
  std::array<uint8_t, kRansMaxDigits> first{};
  for (size_t d = 1; d < level.num_digits; ++d) {
    first[d] = static_cast<uint8_t>(first[d - 1] + level.frequency[d - 1]);
  }
  return first;
}

}  // namespace

RansDecodeTable MakeRansDecodeTable(const RansLevel& level) {
  RansDecodeTable table{};
  table.symbol = level.symbol;
  table.frequency = level.frequency;
  table.first_slot = FirstSlots(level);
  table.num_digits = level.num_digits;
  table.escape_slot = level.has_escape ? table.first_slot[level.num_digits - 1] : kRansSlots;
  for (size_t d = 0; d < level.num_digits; ++d) {
    for (unsigned offset = 0; offset < level.frequency[d]; ++offset) {
      const size_t slot = table.first_slot[d] + offset;
      table.slot_symbol[slot] = level.symbol[d];
      table.slot_frequency[slot] = level.frequency[d];
      table.slot_offset[slot] = static_cast<uint8_t>(offset);
    }
  }
  return table;
}

RansEncodeTable MakeRansEncodeTable(const RansLevel& level) {
  RansEncodeTable table{};
  table.escape_digit = level.has_escape ? static_cast<uint8_t>(level.num_digits - 1) : kRansNoDigit;
  table.digit_of_symbol.fill(table.escape_digit);
  for (size_t d = 0; d < level.num_symbols(); ++d) table.digit_of_symbol[level.symbol[d]] = static_cast<uint8_t>(d);
  table.symbol = level.symbol;
  table.num_symbols = level.num_symbols();
  table.frequency = level.frequency;
  table.first_slot = FirstSlots(level);
  for (size_t d = 0; d < level.num_digits; ++d) {
    const unsigned reciprocal = std::min(0xffffu, 0x10000u / level.frequency[d]);
    table.reciprocal_low[d] = static_cast<uint8_t>(reciprocal);
    table.reciprocal_high[d] = static_cast<uint8_t>(reciprocal >> 8);
  }
  return table;
}

}  // namespace plait
