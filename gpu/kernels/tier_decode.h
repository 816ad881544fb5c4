// Decodes tier streams (codec/tier/FORMAT.md) to elements in global memory, joined with their other plane on the way.
//
// A warp takes a group of 4096 symbols. First the digits of all levels but the first: a lane takes a unit of 64 of
// them, whatever its level, so that one scan numbers the escapes of all levels (tier_digits.h). Then levels are
// resolved from the deepest to the first, in steps of 512 symbols, 16 to a lane (tier_resolve.h). In such a step the
// symbols that lanes fetch from the level below stand in one run of about 140 bytes: no bank conflicts, and the other
// plane and the elements are read and written in order.
//
// The symbols of a level replace those of the level below, in the same memory: all levels end at the same place, and
// what is still needed of the level below is always shorter than what is still to come of this one.
#ifndef PLAIT_GPU_KERNELS_TIER_DECODE_H_
#define PLAIT_GPU_KERNELS_TIER_DECODE_H_

#include <cstdint>

#include "codec/tier/tier_layout.h"
#include "codec/transform/plane_kind.h"
#include "gpu/kernels/join.h"
#include "gpu/kernels/tier_digits.h"
#include "gpu/kernels/tier_resolve.h"
#include "gpu/kernels/tier_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// A group on the way through its stages.
struct TierJob {
  TierBlock block;  // its tables stay in global memory: only level 0's is used from here
  TierGroup group;
  uint32_t first_element;
  uint32_t count;    // symbols of level 0
  uint32_t scratch;  // where the warp's shared memory begins

  constexpr TierShape shape() const { return TierShape(static_cast<uint8_t>(block.shape)); }
  constexpr uint32_t num_levels() const { return block.num_levels; }
};

// Digits of levels 1 and up, as far as they have been added up.
struct TierDeepDigits {
  uint32_t units = 0;
  uint32_t escapes = 0;
  uint32_t end = 0;  // byte of the stream behind them

  constexpr void Add(uint32_t count, uint32_t next_count, uint32_t digit_bits) {
    units += (count + kUnitSymbols - 1) / kUnitSymbols;
    escapes += next_count;
    end += static_cast<uint32_t>(TierDigitBytes(count, digit_bits));
  }
};

// A unit of levels 1 and up.
template <class Ctx>
struct TierDeepUnit {
  TierUnitPlace<Ctx> place;
  typename Ctx::U32 escapes_before;  // its level
  typename Ctx::U32 escapes_end;     // and with all of it
  typename Ctx::Pred last;           // of its level
};

// All digits of levels 1 and up; the raw symbols follow them.
constexpr TierDeepDigits AddDeepDigits(const TierJob& job) {
  TierDeepDigits digits{.units = 0, .escapes = 0, .end = job.group.packet};
  simt::Unrolled<kTierDeepLevels>(
      [&](auto i) { digits.Add(job.group.counts[i], job.group.escapes(i), job.shape().digit_bits(i + 1)); });
  return digits;
}

// Finds unit number `unit` of levels 1 and up; one that does not exist has no digits.
template <class Ctx>
constexpr TierDeepUnit<Ctx> FindDeepUnit(Ctx& ctx, const TierJob& job, const typename Ctx::U32& unit) {
  using U32 = typename Ctx::U32;
  U32 at(0);         // of unit 0, if the level began with it
  U32 level_end(0);  // of the level's digits, if it began with unit 0; above it, the bytes of a unit
  U32 escapes(0);    // before the level, and above it, with it
  TierDeepDigits digits{.units = 0, .escapes = 0, .end = job.group.packet};
  simt::Unrolled<kTierDeepLevels>([&](auto i) {
    const uint32_t count = job.group.counts[i];
    const uint32_t bits = job.shape().digit_bits(i + 1);
    const uint32_t bytes = bits * (kUnitSymbols / kByteBits);
    const auto here = unit >= digits.units;
    at = ctx.Select(here, U32(digits.end - digits.units * bytes), at);
    level_end = ctx.Select(here, U32(count + digits.units * kUnitSymbols + (bytes << kHalfBits)), level_end);
    const uint32_t before = digits.escapes;
    digits.Add(count, job.group.escapes(i), bits);
    escapes = ctx.Select(here, U32(before | digits.escapes << kHalfBits), escapes);
  });
  const auto exists = unit < digits.units;
  const U32 unit_bytes = level_end >> kHalfBits;
  const U32 left = ctx.Select(exists, (level_end & kLowHalf) - unit * kUnitSymbols, U32(0));
  const TierUnitPlace<Ctx> place{ctx.Select(exists, at + unit * unit_bytes, U32(0)), ctx.Min(left, U32(kUnitSymbols)),
                                 unit_bytes > kUnitSymbols / kByteBits};
  return {place, escapes & kLowHalf, escapes >> kHalfBits, typename Ctx::Pred(exists & (left <= kUnitSymbols))};
}

template <class Ctx>
constexpr typename Ctx::U32 CountEscapes(Ctx& ctx, const TierUnit<Ctx>& digits) {
  const simt::Pair<typename Ctx::U32> escapes = digits.escapes();
  return ctx.PopCount(escapes.x) + ctx.PopCount(escapes.y);
}

// Index bytes and positions of levels 1 and up. Returns what is wrong.
template <class Ctx>
constexpr uint32_t PrepareDeepLevels(Ctx& ctx, TierCapacity capacity, const TierJob& job, uint32_t num_units) {
  using U32 = typename Ctx::U32;
  U32 wrong(0);
  uint32_t done = 0;  // escapes of the units of earlier steps
  PLAIT_ROLLED for (uint32_t first = 0; first < num_units; first += simt::kWarpLanes) {
    const U32 number = first + ctx.LaneIndex();
    const TierDeepUnit<Ctx> unit = FindDeepUnit(ctx, job, number);
    const TierUnit<Ctx> digits = LoadUnit(ctx, job.block.stream, unit.place);
    const U32 escapes = CountEscapes(ctx, digits);
    const U32 upto = ctx.InclusiveScan(escapes) + done;
    wrong |= ctx.Select(unit.last, upto ^ unit.escapes_end, U32(0));
    StoreUnit(ctx, capacity, job.scratch, number, number < num_units, digits, upto - escapes - unit.escapes_before);
    done = ctx.Broadcast(upto, simt::kWarpLanes - 1);
  }
  return ctx.Any(wrong != 0) ? kTierWrongCounts : kTierOk;
}

// A unit of level 0 in the middle of the plane, where all are whole: one aligned load.
template <class Ctx>
constexpr TierUnit<Ctx> LoadWholeUnit(Ctx& ctx, const TierJob& job, const typename Ctx::U32& unit) {
  const uint32_t bits = job.shape().digit_bits(0);
  const uint32_t group_units = job.first_element / kUnitSymbols;
  const uint8_t* const digits = job.block.stream + kTierHeaderBytes;
  if (bits == 1) {
    const auto both = ctx.GlobalLoad(reinterpret_cast<const simt::Pair<uint32_t>*>(digits), unit + group_units);
    return {both, both};
  }
  const auto both = ctx.GlobalLoad(reinterpret_cast<const simt::Quad<uint32_t>*>(digits), unit + group_units);
  return {{both.x, both.y}, {both.z, both.w}};
}

template <class Ctx>
constexpr TierUnit<Ctx> LoadFirstLevelUnit(Ctx& ctx, const TierJob& job, const typename Ctx::U32& unit) {
  using U32 = typename Ctx::U32;
  if (job.count == kGroupSymbols) return LoadWholeUnit(ctx, job, unit);
  const uint32_t bits = job.shape().digit_bits(0);
  const uint32_t begin = kTierHeaderBytes + job.first_element / kByteBits * bits;
  const U32 before = ctx.Min(unit * kUnitSymbols, U32(job.count));
  const U32 count = ctx.Min(job.count - before, U32(kUnitSymbols));
  const U32 at = begin + unit * (kUnitSymbols / kByteBits * bits);
  return LoadUnit(ctx, job.block.stream,
                  TierUnitPlace<Ctx>{ctx.Select(count > 0, at, U32(0)), count, typename Ctx::Pred(bits == 2)});
}

// Index bytes and positions of level 0: two units a lane, numbered by one scan of both counts. Returns what is wrong.
template <class Ctx>
constexpr uint32_t PrepareFirstLevel(Ctx& ctx, TierCapacity capacity, const TierJob& job) {
  using U32 = typename Ctx::U32;
  using Pred = typename Ctx::Pred;
  static_assert(kGroupUnits == 2 * simt::kWarpLanes);
  const U32 unit = ctx.LaneIndex();
  const TierUnit<Ctx> low = LoadFirstLevelUnit(ctx, job, unit);
  const TierUnit<Ctx> high = LoadFirstLevelUnit(ctx, job, unit + simt::kWarpLanes);
  const U32 low_escapes = CountEscapes(ctx, low);
  const U32 high_escapes = CountEscapes(ctx, high);
  const U32 upto = ctx.InclusiveScan(low_escapes | high_escapes << kHalfBits);
  const uint32_t all = ctx.Broadcast(upto, simt::kWarpLanes - 1);
  const uint32_t low_all = all & kLowHalf;
  StoreUnit(ctx, capacity, job.scratch, unit, Pred(true), low, (upto & kLowHalf) - low_escapes);
  StoreUnit(ctx, capacity, job.scratch, unit + simt::kWarpLanes, Pred(true), high,
            (upto >> kHalfBits) - high_escapes + low_all);
  return low_all + (all >> kHalfBits) == job.group.first_escapes() ? kTierOk : kTierWrongCounts;
}

// Copies the raw symbols to the end of the warp's symbols, and a few bytes more, which are read ahead. Returns where
// they begin.
template <PlaneKind kKind, class Ctx>
constexpr uint32_t CopyRaw(Ctx& ctx, TierCapacity capacity, const TierJob& job, uint32_t from, uint32_t count) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kWordsAhead = 3;
  const uint32_t begin = (job.scratch + capacity.symbols_end() - count) & ~(kPieceSymbols - 1);
  const uint32_t num_words = count / kWordBytes + kWordsAhead;
  PLAIT_ROLLED for (uint32_t first = 0; first < num_words; first += simt::kWarpLanes) {
    const U32 word = first + ctx.LaneIndex();
    const U32 symbols = LoadUnaligned(ctx, job.block.stream, from + ctx.Min(word * kWordBytes, U32(count))).x;
    ctx.SharedStore32If(word < num_words, begin + word * kWordBytes, PieceJoin<kKind>::Prepare(symbols));
  }
  return begin;
}

// Resolves one level into symbols from `begin` on.
template <class Ctx>
constexpr void ResolveDeepLevel(Ctx& ctx, TierCapacity capacity, uint32_t scratch, const TierLevel& level,
                                uint32_t begin) {
  using U32 = typename Ctx::U32;
  const uint32_t num_pieces = level.num_pieces();
  PLAIT_ROLLED for (uint32_t first = 0; first < num_pieces; first += simt::kWarpLanes) {
    const U32 piece = first + ctx.LaneIndex();
    const simt::Quad<U32> symbols = ResolvePiece(ctx, capacity, scratch, level, ctx.Min(piece, U32(num_pieces - 1)));
    ctx.WarpBarrier();  // all have read what this overwrites
    ctx.SharedStore128If(piece < num_pieces, begin + piece * kPieceSymbols, symbols);
    ctx.WarpBarrier();
  }
}

// Resolves levels 1 and up, the deepest first, and returns where the symbols of level 1 begin.
template <PlaneKind kKind, class Ctx>
constexpr uint32_t ResolveDeepLevels(Ctx& ctx, TierCapacity capacity, const TierJob& job, const TierBlock* block,
                                     const TierGroup* group, const TierDeepDigits& digits) {
  uint32_t below = CopyRaw<kKind>(ctx, capacity, job, digits.end, job.group.raw);
  uint32_t end = below + job.group.raw;
  uint32_t first_unit = digits.units;
  ctx.WarpBarrier();
  const uint32_t* table = block->tables + job.num_levels();  // behind the one of the level
  const uint16_t* count = group->counts + (job.num_levels() - 1);
  PLAIT_ROLLED for (uint32_t left = job.num_levels() - 1; left > 0; --left) {
    --table;
    --count;
    const uint32_t symbols = ctx.GlobalLoadUniform(count);
    first_unit -= (symbols + kUnitSymbols - 1) / kUnitSymbols;
    const uint32_t begin = (end - symbols) & ~(kPieceSymbols - 1);
    const TierLevel level{.count = symbols,
                          .first_unit = first_unit,
                          .below = below,
                          .table = PieceJoin<kKind>::Prepare(ctx.GlobalLoadUniform(table))};
    ResolveDeepLevel(ctx, capacity, job.scratch, level, begin);
    below = begin;
    end = begin + symbols;
  }
  return below;
}

// Writes the elements of the last piece, of which there are only `rest`, one by one, by way of shared memory.
template <PlaneKind kKind, class Ctx>
constexpr void StoreRest(Ctx& ctx, const TierJob& job, uint32_t shared, const typename Ctx::Pred& mine,
                         const PieceElements<kKind, Ctx>& elements) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kElementBytes = PieceJoin<kKind>::kElementBytes;
  const uint32_t rest = job.count % kPieceSymbols;
  simt::Unrolled<kElementBytes>(
      [&](auto i) { ctx.SharedStore128If(mine, U32(shared + i * kPieceSymbols), elements.quads[i]); });
  ctx.WarpBarrier();
  const U32 at = ctx.LaneIndex();
  const U32 element = job.first_element + job.count - rest + at;
  if constexpr (kElementBytes == 1) {
    ctx.GlobalStoreIf(at < rest, job.block.out, element, ctx.SharedLoad8If(at < rest, shared + at, U32(0)));
  } else {
    ctx.GlobalStoreIf(at < rest, reinterpret_cast<uint16_t*>(job.block.out), element,
                      ctx.SharedLoad16If(at < rest, shared + at * kElementBytes, U32(0)));
  }
}

// Resolves level 0 and joins it with the other plane. kWhole: the group has all its symbols.
template <PlaneKind kKind, bool kWhole, class Ctx>
constexpr void ResolveFirstLevel(Ctx& ctx, TierCapacity capacity, const TierJob& job, uint32_t below) {
  using U32 = typename Ctx::U32;
  using Pred = typename Ctx::Pred;
  using Join = PieceJoin<kKind>;
  const uint32_t count = kWhole ? kGroupSymbols : job.count;
  const TierLevel level{.count = count, .first_unit = 0, .below = below, .table = Join::Prepare(job.block.tables[0])};
  auto* const out = reinterpret_cast<simt::Quad<uint32_t>*>(job.block.out);
  const uint32_t whole_pieces = count / kPieceSymbols;
  PLAIT_ROLLED for (uint32_t first = 0; first < level.num_pieces(); first += simt::kWarpLanes) {
    const U32 piece = first + ctx.LaneIndex();
    const U32 piece_of_block = piece + job.first_element / kPieceSymbols;
    const Pred exists = kWhole ? Pred(true) : piece < level.num_pieces();
    const Pred is_whole = kWhole ? Pred(true) : piece < whole_pieces;
    const auto noise = Join::template Load<Ctx>(ctx, exists, job.block.noise, job.block.elements, piece_of_block);
    const U32 safe_piece = kWhole ? piece : ctx.Min(piece, U32(level.num_pieces() - 1));
    const PieceElements<kKind, Ctx> elements =
        Join::template Join<Ctx>(ctx, ResolvePiece(ctx, capacity, job.scratch, level, safe_piece), noise);
    simt::Unrolled<Join::kElementBytes>(
        [&](auto i) { ctx.GlobalStoreIf(is_whole, out, piece_of_block * Join::kElementBytes + i, elements.quads[i]); });
    if (!kWhole && whole_pieces < level.num_pieces() && first + simt::kWarpLanes >= level.num_pieces()) {
      StoreRest<kKind>(ctx, job, job.scratch + capacity.elements_at(), piece == whole_pieces, elements);
    }
  }
}

// One group. Returns what is wrong; elements are written only if nothing is.
template <PlaneKind kKind, class Ctx>
constexpr uint32_t DecodeGroup(Ctx& ctx, TierCapacity capacity, const TierJob& job, const TierBlock* block,
                               const TierGroup* group) {
  const TierDeepDigits digits = AddDeepDigits(job);
  uint32_t status = PrepareDeepLevels(ctx, capacity, job, digits.units);
  if (status != kTierOk) return status;
  ctx.WarpBarrier();
  const uint32_t below = ResolveDeepLevels<kKind>(ctx, capacity, job, block, group, digits);
  status = PrepareFirstLevel(ctx, capacity, job);
  if (status != kTierOk) return status;
  ctx.WarpBarrier();
  if (job.count == kGroupSymbols) {
    ResolveFirstLevel<kKind, true>(ctx, capacity, job, below);
  } else {
    ResolveFirstLevel<kKind, false>(ctx, capacity, job, below);
  }
  return kTierOk;
}

// Any grid with capacity.warps warps a thread block and capacity.shared_bytes() of shared memory; a warp takes every
// so-many-th task.
template <PlaneKind kKind, class Ctx>
constexpr void TierDecodeBody(Ctx& ctx, TierCapacity capacity, const TierDecodeParams& params) {
  BuildSelectors(ctx);
  ctx.BlockBarrier();
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  PLAIT_ROLLED for (uint32_t t = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); t < params.num_tasks; t += step) {
    const TierTask task = ctx.GlobalLoadUniform(params.tasks + t);
    const TierBlock* const block = params.blocks + task.block;
    TierJob job{.block = ctx.GlobalLoadUniform(block),
                .group = ctx.GlobalLoadUniform(params.groups + t),
                .first_element = task.group * kGroupSymbols,
                .count = 0,
                .scratch = ctx.SharedBegin() + kSelectorBytes + ctx.Warp() * capacity.warp_bytes()};
    const uint32_t left = job.block.elements - job.first_element;
    job.count = left < kGroupSymbols ? left : kGroupSymbols;
    const uint32_t status = DecodeGroup<kKind>(ctx, capacity, job, block, params.groups + t);
    if (status != kTierOk) ctx.GlobalOr(params.status + task.block, status);
    ctx.WarpBarrier();
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_DECODE_H_
