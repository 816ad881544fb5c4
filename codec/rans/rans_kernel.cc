#include "codec/rans/rans_kernel.h"

#include <algorithm>

namespace plait {
namespace {

// Takes the symbols of one step out of the states, which stay as they are.
void ReadSymbols(const RansDecodeTable& table, const uint16_t* states, RansCursor& cursor, uint8_t* symbols,
                 size_t count) {
  for (size_t place = 0; place < count; ++place) {
    const unsigned slot = states[RansLaneOfPlace(place)] % kRansSlots;
    symbols[place] = slot < table.escape_slot ? table.slot_symbol[slot] : *cursor.escapes++;
  }
}

void AdvanceStates(const RansDecodeTable& table, size_t lanes, uint16_t* states, RansCursor& cursor, size_t count) {
  const uint8_t* units = cursor.units;
  for (size_t lane = 0; lane < lanes; ++lane) {
    if (RansPlaceOfLane(lane) >= count) continue;
    const unsigned slot = states[lane] % kRansSlots;
    const unsigned state = table.slot_frequency[slot] * (states[lane] >> kRansSlotBits) + table.slot_offset[slot];
    // Whether a lane takes a unit is a coin toss: no branch.
    const unsigned takes = state < kRansLowState;
    states[lane] = static_cast<uint16_t>(state << (takes * kRansUnitBits) | (*units & (0u - takes)));
    units += takes;
  }
  cursor.units = units;
}

size_t Decode(const RansDecodeTable& table, size_t lanes, uint16_t* states, RansCursor* cursor, uint8_t* symbols,
              size_t n) {
  RansCursor at = *cursor;
  size_t i = 0;
  while (i < n && at.units <= at.units_stop && at.escapes <= at.escapes_stop) {
    const size_t count = std::min(lanes, n - i);
    ReadSymbols(table, states, at, symbols + i, count);
    AdvanceStates(table, lanes, states, at, count);
    i += count;
  }
  *cursor = at;
  return i;
}

size_t Map(const RansEncodeTable& table, const uint8_t* symbols, size_t n, uint8_t* digits, uint8_t* escapes) {
  size_t num_escapes = 0;
  for (size_t i = 0; i < n; ++i) {
    digits[i] = table.digit_of_symbol[symbols[i]];
    escapes[num_escapes] = symbols[i];  // stays if it escapes, else the next one overwrites it
    num_escapes += digits[i] == table.escape_digit;
  }
  return num_escapes;
}

uint8_t* EncodeStep(const RansEncodeTable& table, size_t lanes, uint16_t* states, const uint8_t* digits, size_t count,
                    uint8_t* units) {
  for (size_t lane = lanes; lane-- > 0;) {
    const size_t place = RansPlaceOfLane(lane);
    if (place >= count) continue;
    const unsigned frequency = table.frequency[digits[place]];
    unsigned state = states[lane];
    // Whether a lane gives a unit is a coin toss: no branch. One that stays is overwritten by the next.
    const unsigned gives = state >> (kRansStateBits - kRansSlotBits) >= frequency;
    units[-1] = static_cast<uint8_t>(state);
    units -= gives;
    state >>= gives * kRansUnitBits;
    state = (state / frequency << kRansSlotBits) + state % frequency + table.first_slot[digits[place]];
    states[lane] = static_cast<uint16_t>(state);
  }
  return units;
}

uint8_t* Encode(const RansEncodeTable& table, size_t lanes, uint16_t* states, const uint8_t* digits, size_t n,
                uint8_t* units_end) {
  uint8_t* units = units_end;
  const size_t tail = n % lanes;
  if (tail != 0) units = EncodeStep(table, lanes, states, digits + n - tail, tail, units);
  for (size_t i = n - tail; i > 0; i -= lanes) {
    units = EncodeStep(table, lanes, states, digits + i - lanes, lanes, units);
  }
  return units;
}

}  // namespace

const RansKernels kRansScalar = {Decode, Map, Encode};

}  // namespace plait
