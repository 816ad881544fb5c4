// The second half of decoding a tier group: index bytes and the symbols of the level below become symbols.
//
// An index byte is four digits. A table of 256 entries turns it into a selector and the number of escapes among them;
// one byte permute of (what digits mean : next symbols of the level below) by that selector gives the four symbols.
#ifndef PLAIT_GPU_KERNELS_TIER_RESOLVE_H_
#define PLAIT_GPU_KERNELS_TIER_RESOLVE_H_

#include <cstdint>

#include "gpu/kernels/tier_digits.h"
#include "gpu/kernels/tier_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// Symbols that an index byte stands for.
inline constexpr uint32_t kIndexSymbols = 4;

// The entry of an index byte: a selector nibble for each digit, which is a digit below 3 or, for an escape, 4 + the
// number of escapes before it; above it, how many bits the escapes take in the level below.
template <class Ctx>
constexpr typename Ctx::U32 SelectorEntry(Ctx& ctx, const typename Ctx::U32& index) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kSelectorNibble = 4;
  constexpr uint32_t kEscape = 3;
  constexpr uint32_t kFirstEscape = 4;
  U32 selector(0);
  U32 escapes(0);
  for (uint32_t i = 0; i < kIndexSymbols; ++i) {
    const U32 digit = (index >> i & 1) | (index >> (i + kIndexSymbols) & 1) << 1;
    const auto escaped = digit == kEscape;
    selector |= ctx.Select(escaped, escapes + kFirstEscape, digit) << (i * kSelectorNibble);
    escapes += ctx.Select(escaped, U32(1), U32(0));
  }
  return selector | escapes * kByteBits << kHalfBits;
}

// Fills the table of selectors at the begin of shared memory. All warps of a thread block take part and must pass a
// block barrier before the table is used.
template <class Ctx>
constexpr void BuildSelectors(Ctx& ctx) {
  using U32 = typename Ctx::U32;
  for (uint32_t first = ctx.Warp() * simt::kWarpLanes; first < kSelectorEntries;
       first += ctx.NumWarps() * simt::kWarpLanes) {
    const U32 entry = SelectorEntry(ctx, first + ctx.LaneIndex());
    PLAIT_ROLLED for (uint32_t i = 0; i < simt::kWarpLanes; ++i) {
      ctx.SharedStore32(ctx.SharedBegin() + (first + i) * kSelectorRowBytes + ctx.LaneIndex() * kWordBytes,
                        ctx.ShuffleIdx(entry, U32(i)));
    }
  }
}

// The address of the entry of byte number kByte of a piece in this lane's copy of the table.
template <uint32_t kByte, class Ctx>
constexpr typename Ctx::U32 SelectorAddress(Ctx& ctx, const typename Ctx::U32& piece) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kZeroBytes = 0x4440;  // the byte alone
  const U32 index = ctx.BytePermute(piece, U32(0), U32(kZeroBytes + kByte));
  return index * kSelectorRowBytes + (ctx.SharedBegin() + ctx.LaneIndex() * kWordBytes);
}

// Eight symbols, of the index bytes kFirst and kFirst + 1 of a piece. The symbols of the level below begin at byte
// `below` of shared memory, and the first that these eight take stands `position` bits behind.
template <uint32_t kFirst, class Ctx>
constexpr simt::Pair<typename Ctx::U32> ResolveEight(Ctx& ctx, const typename Ctx::U32& piece,
                                                     const typename Ctx::U32& position, uint32_t below,
                                                     uint32_t table) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kWordMask = kGroupSymbols * 2 - kWordBytes;  // of bytes in a level, and one more
  const U32 word = below + (position / kByteBits & kWordMask);
  const U32 a = ctx.SharedLoad32(word);
  const U32 b = ctx.SharedLoad32(word + kWordBytes);
  const U32 c = ctx.SharedLoad32(word + 2 * kWordBytes);
  const U32 first = ctx.FunnelShiftRight(a, b, position);  // the eight bytes from there on
  const U32 second = ctx.FunnelShiftRight(b, c, position);
  const U32 entry = ctx.SharedLoad32(SelectorAddress<kFirst>(ctx, piece));
  const U32 next_entry = ctx.SharedLoad32(SelectorAddress<kFirst + 1>(ctx, piece));
  const U32 next = ctx.FunnelShiftRightClamped(first, second, entry >> kHalfBits);
  return {ctx.BytePermute(U32(table), first, entry), ctx.BytePermute(U32(table), next, next_entry)};
}

// A level whose digits are in shared memory, to be resolved.
struct TierLevel {
  uint32_t count;       // symbols
  uint32_t first_unit;  // of its digits
  uint32_t below;       // where the symbols of the level below begin, in shared memory
  uint32_t table;

  constexpr uint32_t num_pieces() const { return (count + kPieceSymbols - 1) / kPieceSymbols; }
};

// The 16 symbols of piece number `number` of a level.
template <class Ctx>
constexpr simt::Quad<typename Ctx::U32> ResolvePiece(Ctx& ctx, TierCapacity capacity, uint32_t scratch,
                                                     const TierLevel& level, const typename Ctx::U32& number) {
  using U32 = typename Ctx::U32;
  const U32 at = scratch + (number + level.first_unit * kPiecesOfUnit) * kWordBytes;
  const U32 piece = ctx.SharedLoad32(at);
  const U32 positions = ctx.SharedLoad32(at + capacity.positions_at());
  const simt::Pair<U32> low = ResolveEight<0>(ctx, piece, positions, level.below, level.table);
  const simt::Pair<U32> high = ResolveEight<2>(ctx, piece, positions >> kHalfBits, level.below, level.table);
  return {low.x, low.y, high.x, high.y};
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_RESOLVE_H_
