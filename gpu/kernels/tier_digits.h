// The first half of decoding a tier group: digits out of bit planes.
//
// A lane takes a unit of 64 digits, of any level, and leaves in shared memory
//   - an index byte for each four of them, bit 0 of the four in the low nibble and bit 1 in the high one: what the
//   table
//     of selectors is looked up with; four index bytes are a piece;
//   - for each piece, how many escapes of its level stand before it.
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

// Eight bytes of the stream from byte `at` on, of which only the first `bytes` are asked for; the others are anything.
template <class Ctx>
constexpr simt::Pair<typename Ctx::U32> LoadUnaligned(Ctx& ctx, const uint8_t* stream, const typename Ctx::U32& at,
                                                      const typename Ctx::U32& bytes) {
  using U32 = typename Ctx::U32;
  const auto* words = reinterpret_cast<const uint32_t*>(stream);
  const U32 word = at / kWordBytes;
  const U32 end = (at & (kWordBytes - 1)) + bytes;
  const U32 a = ctx.GlobalLoadIf(bytes > 0, words, word);
  const U32 b = ctx.GlobalLoadIf(end > kWordBytes, words, word + 1);
  const U32 c = ctx.GlobalLoadIf(end > 2 * kWordBytes, words, word + 2);
  const U32 shift = at * kByteBits;  // the funnel takes it modulo 32
  return {ctx.FunnelShiftRight(a, b, shift), ctx.FunnelShiftRight(b, c, shift)};
}

// The lowest `count` bits (0 to 64).
template <class Ctx>
constexpr simt::Pair<typename Ctx::U32> LowBits(Ctx& ctx, const typename Ctx::U32& count) {
  using U32 = typename Ctx::U32;
  const U32 bits = (U32(1) << (count & (kWordBits - 1))) - 1;
  const auto second = count >= kWordBits;
  const U32 all = ctx.Select(count >= 2 * kWordBits, U32(simt::kEveryLane), bits);
  return {ctx.Select(second, U32(simt::kEveryLane), bits), ctx.Select(second, all, U32(0))};
}

// Reads a unit that may be short; *ones becomes other than zero where its unused bits are not.
template <class Ctx>
constexpr TierUnit<Ctx> LoadUnit(Ctx& ctx, const uint8_t* stream, const TierUnitPlace<Ctx>& place,
                                 typename Ctx::U32* ones) {
  using U32 = typename Ctx::U32;
  const U32 bytes = (place.count + (kByteBits - 1)) / kByteBits;  // of a bit plane
  const simt::Pair<U32> low = LoadUnaligned(ctx, stream, place.at, bytes);
  const simt::Pair<U32> loaded =
      LoadUnaligned(ctx, stream, place.at + bytes, ctx.Select(place.two_bits, bytes, U32(0)));
  const simt::Pair<U32> high = {ctx.Select(place.two_bits, loaded.x, low.x),
                                ctx.Select(place.two_bits, loaded.y, low.y)};
  const simt::Pair<U32> used = LowBits(ctx, place.count);
  const simt::Pair<U32> stored = LowBits(ctx, bytes * kByteBits);
  *ones |= ((low.x | high.x) & (stored.x & ~used.x)) | ((low.y | high.y) & (stored.y & ~used.y));
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

// Leaves unit number `unit`, before which `escapes` digits of its level escape, in the warp's shared memory at
// `scratch`.
template <class Ctx>
constexpr void StoreUnit(Ctx& ctx, TierCapacity capacity, uint32_t scratch, const typename Ctx::U32& unit,
                         const typename Ctx::Pred& exists, const TierUnit<Ctx>& digits,
                         const typename Ctx::U32& escapes) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kIndexBytes = kPiecesOfUnit * kWordBytes;
  constexpr uint32_t kPrefixBytes = kPiecesOfUnit * 2;
  const simt::Pair<U32> first = IndexBytes(ctx, digits.bit0.x, digits.bit1.x);
  const simt::Pair<U32> second = IndexBytes(ctx, digits.bit0.y, digits.bit1.y);
  ctx.SharedStore128If(exists, scratch + unit * kIndexBytes, simt::Quad<U32>{first.x, first.y, second.x, second.y});
  const simt::Pair<U32> escaped = digits.escapes();
  const U32 before1 = escapes + ctx.PopCount(escaped.x & kLowHalf);
  const U32 before2 = escapes + ctx.PopCount(escaped.x);
  const U32 before3 = before2 + ctx.PopCount(escaped.y & kLowHalf);
  ctx.SharedStore64If(exists, scratch + capacity.prefixes_at() + unit * kPrefixBytes,
                      simt::Pair<U32>{escapes | before1 << kHalfBits, before2 | before3 << kHalfBits});
}

// The sum of `value` over this lane and those below it.
template <class Ctx>
constexpr typename Ctx::U32 InclusiveScan(Ctx& ctx, typename Ctx::U32 value) {
  for (uint32_t distance = 1; distance < simt::kWarpLanes; distance *= 2) {
    const typename Ctx::U32 below = ctx.ShuffleUp(value, distance);
    value += ctx.Select(ctx.LaneIndex() >= distance, below, typename Ctx::U32(0));
  }
  return value;
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_DIGITS_H_
