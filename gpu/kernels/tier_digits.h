// The first half of decoding a tier group: digits out of bit planes.
//
// A lane takes a unit of 64 digits, of any level, and leaves in shared memory
//   - an index byte for each four of them, bit 0 of the four in the low nibble and bit 1 in the high one: what the
//   table
//     of selectors is looked up with;
//   - for each eight of them a position: how many escapes of its level stand before, times the 8 bits that each of them
//     has in the level below.
// A digit of one bit is taken as one of two, both the same: 0 stays 0 and its escape 1 becomes 3, the escape of two
// bits. So levels of one and of two bits are alike from here on.
#ifndef PLAIT_GPU_KERNELS_TIER_DIGITS_H_
#define PLAIT_GPU_KERNELS_TIER_DIGITS_H_

#include <cstdint>

#include "gpu/kernels/tier_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

inline constexpr uint32_t kWordBytes = 4;
inline constexpr uint32_t kWordBits = 32;
inline constexpr uint32_t kByteBits = 8;
inline constexpr uint32_t kHalfBits = 16;
inline constexpr uint32_t kLowHalf = 0xffff;

// Bit planes of a unit's digits. What lies behind the last digit is zero.
template <class Ctx>
struct TierUnit {
  using U32 = typename Ctx::U32;
  simt::Pair<U32> bit0, bit1;

  constexpr simt::Pair<U32> escapes() const { return {bit0.x & bit1.x, bit0.y & bit1.y}; }
};

// Where a unit stands.
template <class Ctx>
struct TierUnitPlace {
  typename Ctx::U32 at;     // byte of the stream
  typename Ctx::U32 count;  // digits, 0 to 64
  typename Ctx::Pred two_bits;
};

// Eight bytes of the stream from byte `at` on. Reads up to 12 bytes from the word on that holds the first.
template <class Ctx>
constexpr simt::Pair<typename Ctx::U32> LoadUnaligned(Ctx& ctx, const uint8_t* stream, const typename Ctx::U32& at) {
  using U32 = typename Ctx::U32;
  const auto* words = reinterpret_cast<const uint32_t*>(stream);
  const U32 word = at / kWordBytes;
  const U32 a = ctx.GlobalLoad(words, word);
  const U32 b = ctx.GlobalLoad(words, word + 1);
  const U32 c = ctx.GlobalLoad(words, word + 2);
  const U32 shift = at * kByteBits;  // the funnel takes it modulo 32
  return {ctx.FunnelShiftRight(a, b, shift), ctx.FunnelShiftRight(b, c, shift)};
}

// Reads a unit that may be short. `place.at` is inside the stream, even if there are no digits.
template <class Ctx>
constexpr TierUnit<Ctx> LoadUnit(Ctx& ctx, const uint8_t* stream, const TierUnitPlace<Ctx>& place) {
  using U32 = typename Ctx::U32;
  const U32 bit_plane_bytes = (place.count + (kByteBits - 1)) / kByteBits;
  const simt::Pair<U32> low = LoadUnaligned(ctx, stream, place.at);
  const simt::Pair<U32> high =
      LoadUnaligned(ctx, stream, place.at + ctx.Select(place.two_bits, bit_plane_bytes, U32(0)));
  const simt::Pair<U32> used = {ctx.LowBits(place.count), ctx.LowBits(ctx.Max(place.count, kWordBits) - kWordBits)};
  return {{low.x & used.x, low.y & used.y}, {high.x & used.x, high.y & used.y}};
}

// Index bytes of 32 digits: two pieces.
template <class Ctx>
constexpr simt::Pair<typename Ctx::U32> IndexBytes(Ctx& ctx, const typename Ctx::U32& bit0,
                                                   const typename Ctx::U32& bit1) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kLowNibbles = 0x0f0f0f0f;
  constexpr uint32_t kNibbleBits = 4;
  constexpr uint32_t kFirstPiece = 0x5140;  // bytes 0 and 1 of even and odd fours, in turn
  constexpr uint32_t kSecondPiece = 0x7362;
  const U32 even = (bit0 & kLowNibbles) | (bit1 << kNibbleBits & ~kLowNibbles);
  const U32 odd = (bit0 >> kNibbleBits & kLowNibbles) | (bit1 & ~kLowNibbles);
  return {ctx.BytePermute(even, odd, kFirstPiece), ctx.BytePermute(even, odd, kSecondPiece)};
}

// Positions of the four eights of 32 digits, two to a word; `escaped` has the digits that escape and `before` is the
// position of the first.
template <class Ctx>
constexpr simt::Pair<typename Ctx::U32> Positions(Ctx& ctx, const typename Ctx::U32& escaped,
                                                  const typename Ctx::U32& before) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kEight = 0xff;
  constexpr uint32_t kThreeEights = 0xffffff;
  constexpr uint32_t kBothHalves = 0x10001;
  constexpr uint32_t kInHighHalf = kByteBits << kHalfBits;
  const U32 both = before * kBothHalves;
  return {both + ctx.PopCount(escaped & kEight) * kInHighHalf,
          both + ctx.PopCount(escaped & kLowHalf) * kByteBits + ctx.PopCount(escaped & kThreeEights) * kInHighHalf};
}

// Leaves unit number `unit`, before which `escapes` digits of its level escape, in the warp's shared memory at
// `scratch`.
template <class Ctx>
constexpr void StoreUnit(Ctx& ctx, TierCapacity capacity, uint32_t scratch, const typename Ctx::U32& unit,
                         const typename Ctx::Pred& exists, const TierUnit<Ctx>& digits,
                         const typename Ctx::U32& escapes) {
  using U32 = typename Ctx::U32;
  const simt::Pair<U32> first = IndexBytes(ctx, digits.bit0.x, digits.bit1.x);
  const simt::Pair<U32> second = IndexBytes(ctx, digits.bit0.y, digits.bit1.y);
  ctx.SharedStore128If(exists, scratch + unit * kUnitIndexBytes, simt::Quad<U32>{first.x, first.y, second.x, second.y});
  const simt::Pair<U32> escaped = digits.escapes();
  const U32 before = escapes * kByteBits;
  const simt::Pair<U32> low = Positions(ctx, escaped.x, before);
  const simt::Pair<U32> high = Positions(ctx, escaped.y, before + ctx.PopCount(escaped.x) * kByteBits);
  ctx.SharedStore128If(exists, scratch + capacity.positions_at() + unit * kUnitPositionBytes,
                       simt::Quad<U32>{low.x, low.y, high.x, high.y});
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_DIGITS_H_
