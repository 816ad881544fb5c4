// The loops of the rans coder over validated memory, one struct per SIMD variant; the scalar one is the definition.
//
// A state x in [2^8, 2^16) holds a digit in its low seven bits: slot = x mod 128 belongs to the digit d with
// first[d] <= slot < first[d] + frequency[d]; frequencies are 1 to 127.
//   decoding   x = frequency[d] * (x >> 7) + slot - first[d]; if x < 2^8: x = x << 8 | the next unit
//   encoding   if x >= frequency[d] << 9: the unit x mod 256 goes in front, x >>= 8;
//              x = (x / frequency[d] << 7) + x mod frequency[d] + first[d]
// The lanes do so side by side, a *step* at a time: one symbol for each lane. Units of one step are in the order of the
// lanes, so the unit of a lane is at the number of lanes before it that take one: a population count.
#ifndef PLAIT_CODEC_RANS_RANS_KERNEL_H_
#define PLAIT_CODEC_RANS_RANS_KERNEL_H_

#include <cstddef>
#include <cstdint>

#include "codec/rans/rans_table.h"

namespace plait {

// Where decoding stands. A step moves either pointer by at most the number of lanes and reads no further than that.
struct RansCursor {
  const uint8_t* units;
  const uint8_t* units_stop;  // no step begins behind this
  const uint8_t* escapes;     // symbols of the level below
  const uint8_t* escapes_stop;
};

struct RansKernels {
  // Decodes up to n symbols of one level, while both pointers of `cursor` are at most at their stops, in whole steps
  // but for the last. Returns the number of symbols written.
  // Requires: `lanes` is 64, 128 or 256 and states has that many, each in [2^8, 2^16); `lanes` bytes can be read from
  // units_stop and from escapes_stop on. Always succeeds.
  size_t (*decode)(const RansDecodeTable& table, size_t lanes, uint16_t* states, RansCursor* cursor, uint8_t* symbols,
                   size_t n);

  // Turns n symbols into digits and appends those that escape to `escapes`. Returns their number.
  // Requires: digits has n bytes, escapes n + kRansEscapeSlack; the table has an escape or knows every symbol. Always
  // succeeds.
  size_t (*map)(const RansEncodeTable& table, const uint8_t* symbols, size_t n, uint8_t* digits, uint8_t* escapes);

  // Encodes n digits, the last first, and puts their units in front of `units_end`. Returns the first unit.
  // Requires: lanes and states as above; n + kRansUnitsSlack bytes can be written before units_end. Always succeeds.
  uint8_t* (*encode)(const RansEncodeTable& table, size_t lanes, uint16_t* states, const uint8_t* digits, size_t n,
                     uint8_t* units_end);
};

// What `map` may write past the last escape, and `encode` in front of the first unit.
inline constexpr size_t kRansEscapeSlack = 64;
inline constexpr size_t kRansUnitsSlack = 8;

extern const RansKernels kRansScalar;
#if defined(__x86_64__)
extern const RansKernels kRansAvx2;
extern const RansKernels kRansAvx512;
#endif

}  // namespace plait

#endif  // PLAIT_CODEC_RANS_RANS_KERNEL_H_
