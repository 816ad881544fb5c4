// Numbers frozen in the KV codec (FORMAT.md beside this file). CPU and GPU code both include this.
//
// A *plane* is one tensor of one model layer of a token chunk, keys or values: rows are tokens, columns are channels
// (heads x head_dim). Channels are coded in an order of their own, those of one class together: a *position* p is a
// place in that order. Lanes take neighbouring positions.
#ifndef PLAIT_CODEC_KV_KV_LAYOUT_H_
#define PLAIT_CODEC_KV_KV_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace plait {

// --- symbols and their tables ---
inline constexpr size_t kKvSymbols = 32;
inline constexpr uint8_t kKvEscape = kKvSymbols - 1;  // the value stands raw, elsewhere
inline constexpr unsigned kKvSlotBits = 10;           // frequencies of a table add up to 2^10
inline constexpr uint32_t kKvSlots = 1u << kKvSlotBits;
inline constexpr size_t kKvMaxContexts = 16;  // of a class; a context is made of the symbol before, in the same channel
inline constexpr size_t kKvMaxClasses = 64;

// --- interleaved rANS: states of 32 bits in [2^15, 2^31), units of 16 bits ---
inline constexpr unsigned kKvMinLanesLog2 = 4;
inline constexpr unsigned kKvMaxLanesLog2 = 6;
inline constexpr size_t kKvMaxLanes = size_t{1} << kKvMaxLanesLog2;
inline constexpr unsigned kKvStateBits = 31;
inline constexpr unsigned kKvUnitBits = 16;
inline constexpr uint32_t kKvLowState = 1u << (kKvStateBits - kKvUnitBits);

// Lanes of each kind of stream: many where a lane's state of 4 bytes is little beside what it codes.
inline constexpr unsigned kKvLosslessLanesLog2 = 6;
inline constexpr unsigned kKvExactRowsLanesLog2 = 4;
inline constexpr unsigned kKvBaseLanesLog2 = 5;
inline constexpr unsigned kKvDecisionLanesLog2 = 5;

// --- first refinement: one binary decision an element ---
// Contexts of the decision: what the base index is, and where it is zero, the sign of the row before.
inline constexpr size_t kKvBitContexts = 5;  // zero after +, zero after -, |index| 1, 2, 3 and more

// --- base indices ---
inline constexpr int16_t kKvSaturated = 32767;  // |index| of what is NaN, infinite or beyond: its value stands in the
                                                // exact layer
inline constexpr int kKvSymbolZero = 15;        // symbol of an index that equals its channel's center
inline constexpr unsigned kKvMaxShift = 7;      // low bits of an index that travel raw in channels that vary widely

// --- refinements and the exact layer ---
inline constexpr unsigned kKvMaxRefinements = 8;  // before the exact layer
inline constexpr size_t kKvGroup = 64;            // elements whose bits stand together: neighbouring channels of a row
inline constexpr unsigned kKvZeroBits = 12;  // most halvings of what a zero prefix may be, before its bits stand raw

// --- the lossless-only form ---
inline constexpr unsigned kKvMaxHead =
    14;  // largest distance of an exponent from its channel's offset that has a symbol

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_LAYOUT_H_
