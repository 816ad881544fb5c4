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
    for (uint32_t i = 0; i < simt::kWarpLanes; ++i) {
      ctx.SharedStore32((first + i) * kSelectorRowBytes + ctx.LaneIndex() * kWordBytes, ctx.ShuffleIdx(entry, U32(i)));
    }
  }
}

// The symbols of the level below, as a lane's piece uses them up: two words that hold the next ones, and the place of
// the first in them. A word is loaded when the one before is used up, by few lanes at a time, which stand close
// together: that costs half of the passes through shared memory that loading four bytes at every place would.
template <class Ctx>
class SymbolQueue {
 public:
  using U32 = typename Ctx::U32;

  // From byte `at` of shared memory on, for lanes of `active`; the others get zeros.
  constexpr SymbolQueue(Ctx& ctx, const typename Ctx::Pred& active, const U32& at)
      : bit_(at * kByteBits),
        word_(at & ~(kWordBytes - 1)),
        low_(ctx.SharedLoad32If(active, word_, U32(0))),
        high_(ctx.SharedLoad32If(active, word_ + kWordBytes, U32(0))) {}

  constexpr U32 Next(Ctx& ctx) const { return ctx.FunnelShiftRight(low_, high_, bit_); }

  // Uses up `bits`, at most a word's.
  constexpr void Skip(Ctx& ctx, const U32& bits) {
    const U32 after = bit_ + bits;
    const auto crossed = ((after ^ bit_) & kWordBits) != 0;
    low_ = ctx.Select(crossed, high_, low_);
    word_ = ctx.Select(crossed, word_ + kWordBytes, word_);
    high_ = ctx.SharedLoad32If(crossed, word_ + kWordBytes, high_);
    bit_ = after;
  }

 private:
  U32 bit_;   // counted from the begin of shared memory
  U32 word_;  // where low_ is from
  U32 low_, high_;
};

// The address of the entry of byte number kByte of a piece in this lane's copy of the table.
template <uint32_t kByte, class Ctx>
constexpr typename Ctx::U32 SelectorAddress(Ctx& ctx, const typename Ctx::U32& piece) {
  constexpr uint32_t kRowShift = 7;  // log2 of a row's bytes
  constexpr uint32_t kRows = (kSelectorEntries - 1) << kRowShift;
  static_assert(kSelectorRowBytes == 1 << kRowShift);
  const typename Ctx::U32 lane = ctx.LaneIndex() * kWordBytes;
  if constexpr (kByte == 0) {
    return (piece << kRowShift & kRows) | lane;
  } else {
    return (piece >> (kByte * kByteBits - kRowShift) & kRows) | lane;
  }
}

// The 16 symbols of a piece, whose escapes stand in shared memory from byte `escapes_at` on.
template <class Ctx>
constexpr simt::Quad<typename Ctx::U32> ResolvePiece(Ctx& ctx, const typename Ctx::Pred& active,
                                                     const typename Ctx::U32& piece,
                                                     const typename Ctx::U32& escapes_at, uint32_t table) {
  using U32 = typename Ctx::U32;
  SymbolQueue<Ctx> queue(ctx, active, escapes_at);
  U32 symbols[kPieceSymbols / kIndexSymbols] = {0, 0, 0, 0};
  simt::Unrolled<kPieceSymbols / kIndexSymbols>([&](auto i) {
    const U32 entry = ctx.SharedLoad32(SelectorAddress<i>(ctx, piece));
    symbols[i] = ctx.BytePermute(U32(table), queue.Next(ctx), entry);
    if constexpr (i + 1 < kPieceSymbols / kIndexSymbols) queue.Skip(ctx, entry >> kHalfBits);
  });
  return {symbols[0], symbols[1], symbols[2], symbols[kPieceSymbols / kIndexSymbols - 1]};
}

// A level whose digits are in shared memory, to be resolved.
struct TierLevel {
  uint32_t count;       // symbols
  uint32_t first_unit;  // of its digits
  uint32_t below;       // where the symbols of the level below begin, in shared memory
  uint32_t table;

  constexpr uint32_t num_pieces() const { return (count + kPieceSymbols - 1) / kPieceSymbols; }
};

// The symbols of piece number `number` of a level.
template <class Ctx>
constexpr simt::Quad<typename Ctx::U32> ResolveLevelPiece(Ctx& ctx, TierCapacity capacity, uint32_t scratch,
                                                          const TierLevel& level, const typename Ctx::U32& number) {
  using U32 = typename Ctx::U32;
  const auto active = number < level.num_pieces();
  const U32 piece_number = number + level.first_unit * kPiecesOfUnit;
  const U32 piece = ctx.SharedLoad32If(active, scratch + piece_number * kWordBytes, U32(0));
  const U32 escapes = ctx.SharedLoad16If(active, scratch + capacity.prefixes_at() + piece_number * 2, U32(0));
  return ResolvePiece(ctx, active, piece, escapes + level.below, level.table);
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_RESOLVE_H_
