// Numbers frozen in the rans stream (FORMAT.md beside this file). CPU and GPU code both include this.
//
//   header        byte 0            number of levels L, 1..3
//                 byte 1            log2 of the number of lanes, 6..8
//                 bytes 2, 3        zero
//                 4 bytes a level   symbols that escape from it
//   level tables  for each level: bits 0..4 the number of digits m, 2..16; bit 7 whether the last one is the escape;
//                 bits 5, 6 zero | m frequencies | the symbols of the digits, none for the escape
//   states        2 bytes a lane
//   raw symbols   a byte each, as many as escape from level L
//   units         a byte each, to the end
#ifndef PLAIT_CODEC_RANS_RANS_LAYOUT_H_
#define PLAIT_CODEC_RANS_RANS_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace plait {

inline constexpr size_t kRansFixedHeaderBytes = 4;
inline constexpr size_t kRansCountBytes = 4;
inline constexpr size_t kRansMaxLevels = 3;
inline constexpr size_t kRansMinDigits = 2;
inline constexpr size_t kRansMaxDigits = 16;
inline constexpr uint8_t kRansDigitsMask = 0x1f;
inline constexpr uint8_t kRansEscapeFlag = 0x80;

inline constexpr unsigned kRansMinLanesLog2 = 6;
inline constexpr unsigned kRansMaxLanesLog2 = 8;
inline constexpr size_t kRansMaxLanes = size_t{1} << kRansMaxLanesLog2;

// Frequencies of a level add up to this; a state's low bits are a slot, and every slot belongs to a digit.
inline constexpr unsigned kRansSlotBits = 7;
inline constexpr unsigned kRansSlots = 1u << kRansSlotBits;
// A state between two symbols is in [kRansLowState, 2^16): below, it takes a unit of 8 bits. It starts, for the
// encoder, and ends, for the decoder, at kRansLowState.
inline constexpr unsigned kRansStateBits = 16;
inline constexpr unsigned kRansUnitBits = 8;
inline constexpr uint16_t kRansLowState = 1u << (kRansStateBits - kRansUnitBits);
inline constexpr size_t kRansStateBytes = 2;

// One unit always suffices: a state of at least kRansLowState leaves at least frequency * 2 >= 2 behind.
static_assert((kRansLowState >> kRansSlotBits) << kRansUnitBits >= kRansLowState);

// Lanes come in bundles of 64. Lanes 0..31 of a bundle hold its even symbols, 32..63 its odd ones: so two vectors of 32
// states give 64 symbols in order, and the two states of a GPU thread give two neighbours.
inline constexpr size_t kRansBundleLanes = 64;
inline constexpr size_t kRansHalfBundleLanes = kRansBundleLanes / 2;

// The place within a step, which has one symbol for each lane, of the symbol that `lane` holds.
constexpr size_t RansPlaceOfLane(size_t lane) {
  const size_t in_bundle = lane % kRansBundleLanes;
  return lane - in_bundle + in_bundle % kRansHalfBundleLanes * 2 + in_bundle / kRansHalfBundleLanes;
}
static_assert(RansPlaceOfLane(0) == 0 && RansPlaceOfLane(1) == 2 && RansPlaceOfLane(32) == 1);
static_assert(RansPlaceOfLane(63) == 63 && RansPlaceOfLane(64) == 64);

// The inverse.
constexpr size_t RansLaneOfPlace(size_t place) {
  const size_t in_bundle = place % kRansBundleLanes;
  return place - in_bundle + in_bundle / 2 + in_bundle % 2 * kRansHalfBundleLanes;
}
static_assert(RansLaneOfPlace(RansPlaceOfLane(45)) == 45);

}  // namespace plait

#endif  // PLAIT_CODEC_RANS_RANS_LAYOUT_H_
