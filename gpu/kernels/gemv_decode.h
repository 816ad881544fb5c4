// The levels below the first of a group, decoded for a matrix product (gemv_task.h): each lane decodes what its own run
// of 128 weights needs, and leaves the symbols of level 1 in a column of shared memory that is its alone.
//
// Down: a scan of the counts tells each lane where its digits of the next level begin; it loads them and counts how
// many escape. Up: from the raw symbols to level 1, eight symbols a step. The symbols of a level replace those of the
// level below, in the same column: all levels end at about the same place, and what is still needed of the level below
// is never longer than what is still to come of this one.
#ifndef PLAIT_GPU_KERNELS_GEMV_DECODE_H_
#define PLAIT_GPU_KERNELS_GEMV_DECODE_H_

#include <cstdint>

#include "codec/tier/tier_layout.h"
#include "gpu/kernels/gemv_task.h"
#include "gpu/kernels/join.h"
#include "gpu/kernels/tier_digits.h"
#include "gpu/kernels/tier_resolve.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// Index bytes of 32 digits: those of the first, third, ... four in one word, the others in the second.
template <class Ctx>
struct DigitWord {
  typename Ctx::U32 even, odd;
};

template <class U32>
constexpr auto IndexWord(const U32& bit0, const U32& bit1) {
  constexpr uint32_t kLowNibbles = 0x0f0f0f0f;
  constexpr uint32_t kNibbleBits = 4;
  struct {
    U32 even, odd;
  } index{(bit0 & kLowNibbles) | (bit1 << kNibbleBits & ~kLowNibbles),
          (bit0 >> kNibbleBits & kLowNibbles) | (bit1 & ~kLowNibbles)};
  return index;
}

// What a lane has of a level: how many symbols, and their index bytes.
inline constexpr uint32_t kRunWords = kRunWeights / kWordBits;
template <class Ctx>
struct RunLevel {
  typename Ctx::U32 count;
  DigitWord<Ctx> digits[kRunWords];
};

// kWords words of bits from bit `at` of the stream on.
template <uint32_t kWords, class Ctx>
struct BitRun {
  typename Ctx::U32 words[kWords];
};
template <uint32_t kWords, class Ctx>
constexpr BitRun<kWords, Ctx> LoadBitRun(Ctx& ctx, const uint8_t* stream, const typename Ctx::U32& at) {
  using U32 = typename Ctx::U32;
  const auto* words = reinterpret_cast<const uint32_t*>(stream);
  const U32 first = at / kWordBits;
  BitRun<kWords, Ctx> run{};
  U32 low = ctx.GlobalLoad(words, first);
  simt::Unrolled<kWords>([&](auto i) {
    const U32 high = ctx.GlobalLoad(words, first + (i + 1));
    run.words[i] = ctx.FunnelShiftRight(low, high, at);
    low = high;
  });
  return run;
}

// A walk down the levels.
template <class Ctx>
struct Descent {
  const uint8_t* stream;
  uint32_t at;                 // bit of the stream where the next level begins
  typename Ctx::U32 count;     // of this lane's symbols at the next level
  typename Ctx::U32 mismatch;  // in the last lane: not zero if a level has more or fewer symbols than the plan says

  // Numbers the symbols of a level, of which there are `symbols`: how many stand before this lane's.
  constexpr typename Ctx::U32 Number(Ctx& ctx, uint32_t symbols) {
    const typename Ctx::U32 upto = ctx.InclusiveScan(count);
    mismatch |= upto ^ symbols;
    return ctx.Min(upto - count, typename Ctx::U32(symbols));
  }
};

// The digits number 32 kWord and up, of which the bit planes stand in `low` and on to `high`. Counts those that escape.
template <uint32_t kWord, class Ctx>
constexpr void TakeDigits(Ctx& ctx, const typename Ctx::U32& low, const typename Ctx::U32& high, RunLevel<Ctx>* level,
                          typename Ctx::U32* escapes) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kBefore = kWord * kWordBits;
  const U32 left = kWord == 0 ? level->count : ctx.Max(level->count, U32(kBefore)) - kBefore;
  const U32 used = ctx.LowBits(left);
  const U32 bit0 = low & used;
  const U32 bit1 = ctx.FunnelShiftRightClamped(low, high, left) & used;
  *escapes += ctx.PopCount(bit0 & bit1);
  const auto index = IndexWord(bit0, bit1);
  level->digits[kWord] = {index.even, index.odd};
}

inline constexpr uint32_t kStepSymbols = 2 * kIndexSymbols;
inline constexpr uint32_t kWordSteps = kWordBits / kStepSymbols;

// Loads words of digits from number kWord on, as far as the fullest run's `steps` go. Word 0 begins at bit `first`.
template <uint32_t kWord, class Ctx>
constexpr void LoadMoreDigits(Ctx& ctx, const uint8_t* stream, const typename Ctx::U32& first, uint32_t steps,
                              RunLevel<Ctx>* level, typename Ctx::U32* escapes) {
  if constexpr (kWord < kRunWords) {
    if (steps <= kWord * kWordSteps) return;
    const BitRun<2, Ctx> more = LoadBitRun<2>(ctx, stream, first + kWord * 2 * kWordBits);
    TakeDigits<kWord>(ctx, more.words[0], more.words[1], level, escapes);
    LoadMoreDigits<kWord + 1>(ctx, stream, first, steps, level, escapes);
  }
}

// Loads the lane's digits of a level that has `symbols` of them, if it has any, and goes on to the next. Most runs need
// no more than kSureWords words of digits.
template <uint32_t kSureWords, class Ctx>
constexpr RunLevel<Ctx> Descend(Ctx& ctx, uint32_t symbols, uint32_t steps, Descent<Ctx>* descent) {
  using U32 = typename Ctx::U32;
  RunLevel<Ctx> level{};
  level.count = 0;
  simt::Unrolled<kRunWords>([&](auto i) { level.digits[i] = {U32(0), U32(0)}; });
  if (symbols == 0) return level;
  level.count = descent->count;
  const U32 first = descent->at + descent->Number(ctx, symbols) * 2;
  const BitRun<2 * kSureWords, Ctx> sure = LoadBitRun<2 * kSureWords>(ctx, descent->stream, first);
  descent->count = 0;
  simt::Unrolled<kSureWords>(
      [&](auto i) { TakeDigits<i>(ctx, sure.words[2 * i], sure.words[2 * i + 1], &level, &descent->count); });
  LoadMoreDigits<kSureWords>(ctx, descent->stream, first, steps, &level, &descent->count);
  descent->at += symbols * 2;
  return level;
}

// A lane's column of symbols.
template <class Ctx>
struct Column {
  typename Ctx::U32 base;   // address of its word 0
  typename Ctx::U32 begin;  // bits before the lowest level's symbols
  typename Ctx::U32 end;    // and with them

  constexpr typename Ctx::U32 AddressOf(const typename Ctx::U32& bit) const {
    return base + (bit & ~(kWordBits - 1)) * (kColumnRowBytes / kWordBits);
  }
  // Makes room for the next level up: what it needs is read from the returned bit on.
  constexpr typename Ctx::U32 Push(const typename Ctx::U32& count) {
    const typename Ctx::U32 below = begin;
    begin = (end - count * kByteBits) & ~(kWordBits - 1);
    end = begin + count * kByteBits;
    return below;
  }
};

// Eight symbols of the two index bytes number kByte of a word of digits. `position`, in bits, is where the next symbol
// of the level below stands in the column; it moves on.
template <uint32_t kByte, class Ctx>
constexpr simt::Pair<typename Ctx::U32> ResolveOfRun(Ctx& ctx, const DigitWord<Ctx>& digits, const Column<Ctx>& column,
                                                     uint32_t table, typename Ctx::U32* position) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kRow = kColumnRowBytes;
  const U32 entry = ctx.SharedLoad32(SelectorAddress<kByte>(ctx, digits.even));
  const U32 next_entry = ctx.SharedLoad32(SelectorAddress<kByte>(ctx, digits.odd));
  const U32 at = column.AddressOf(*position);
  const U32 a = ctx.SharedLoad32(at);
  const U32 b = ctx.SharedLoad32(at + kRow);
  const U32 c = ctx.SharedLoad32(at + 2 * kRow);
  const U32 first = ctx.FunnelShiftRight(a, b, *position);
  const U32 second = ctx.FunnelShiftRight(b, c, *position);
  const U32 escaped = entry >> kHalfBits;
  const U32 next = ctx.FunnelShiftRightClamped(first, second, escaped);
  *position += escaped + (next_entry >> kHalfBits);
  return {ctx.BytePermute(U32(table), first, entry), ctx.BytePermute(U32(table), next, next_entry)};
}

// Resolves a level into the column from word address `to` on, from step kStep to the fullest run's `steps`.
template <uint32_t kStep, class Ctx>
constexpr void AscendFrom(Ctx& ctx, const RunLevel<Ctx>& level, uint32_t steps, uint32_t table,
                          const Column<Ctx>& column, const typename Ctx::U32& to, typename Ctx::U32* position) {
  using U32 = typename Ctx::U32;
  if constexpr (kStep < kRunWords * kWordSteps) {
    if (kStep >= steps) return;
    const simt::Pair<U32> symbols =
        ResolveOfRun<kStep % kWordSteps>(ctx, level.digits[kStep / kWordSteps], column, table, position);
    const auto has = level.count > kStep * kStepSymbols;
    const U32 address = to + kStep * 2 * kColumnRowBytes;
    ctx.SharedStore32If(has, address, symbols.x);
    ctx.SharedStore32If(has, address + kColumnRowBytes, symbols.y);
    AscendFrom<kStep + 1>(ctx, level, steps, table, column, to, position);
  }
}

template <class Ctx>
constexpr void Ascend(Ctx& ctx, const RunLevel<Ctx>& level, uint32_t steps, uint32_t table, Column<Ctx>* column) {
  using U32 = typename Ctx::U32;
  if (steps == 0) return;
  U32 position = column->Push(level.count);
  const U32 to = column->AddressOf(column->begin);
  AscendFrom<0>(ctx, level, steps, table, *column, to, &position);
}

// Copies the lane's raw symbols, the lowest level, to the column; `before` of the group stand before them.
template <class Ctx>
constexpr void CopyRawOfRun(Ctx& ctx, const Descent<Ctx>& descent, const typename Ctx::U32& before, uint32_t steps,
                            Column<Ctx>* column) {
  using U32 = typename Ctx::U32;
  column->Push(descent.count);
  const U32 to = column->AddressOf(column->begin);
  const U32 from = descent.at + before * kByteBits;
  PLAIT_ROLLED for (uint32_t step = 0; step < steps; ++step) {
    const U32 symbols = LoadBitRun<1>(ctx, descent.stream, from + step * kWordBits).words[0];
    ctx.SharedStore32If(descent.count > step * kWordBytes, to + step * kColumnRowBytes, symbols);
  }
}

// Decodes levels 1 and up, of which this lane needs `count` symbols of level 1. They are in the column from its
// `begin` on, unless what this returns is an error.
template <class Ctx>
constexpr uint32_t DecodeDeepLevels(Ctx& ctx, const uint8_t* stream, const GemvBlock& block, const GemvTask& task,
                                    const typename Ctx::U32& count, Column<Ctx>* column) {
  using U32 = typename Ctx::U32;
  static_assert(kGemvDeepLevels == 3);
  Descent<Ctx> descent{stream, task.packet, count, U32(0)};
  const RunLevel<Ctx> level1 = Descend<2>(ctx, task.counts[0], task.level_steps(1), &descent);
  const RunLevel<Ctx> level2 = Descend<1>(ctx, task.counts[1], task.level_steps(2), &descent);
  const RunLevel<Ctx> level3 = Descend<1>(ctx, task.counts[2], task.level_steps(kGemvDeepLevels), &descent);
  const U32 before = descent.Number(ctx, task.raw);
  if (ctx.Broadcast(descent.mismatch, simt::kWarpLanes - 1) != 0) return kTierWrongCounts;
  CopyRawOfRun(ctx, descent, before, task.raw_steps(), column);
  Ascend(ctx, level3, task.level_steps(kGemvDeepLevels), block.tables[kGemvDeepLevels], column);
  Ascend(ctx, level2, task.level_steps(2), block.tables[2], column);
  Ascend(ctx, level1, task.level_steps(1), block.tables[1], column);
  return kTierOk;
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_GEMV_DECODE_H_
