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
  constexpr uint32_t num_levels() const { return static_cast<uint32_t>(shape().num_levels()); }
};

// Digits of levels 1 and up, as far as they have been added up.
struct TierDeepDigits {
  uint32_t units = 0;
  uint32_t escapes = 0;
  uint32_t end = 0;  // byte of the stream behind them
  uint32_t raw = 0;  // symbols of the level below, if it is the last

  constexpr void Add(uint32_t count, uint32_t next_count, uint32_t digit_bits) {
    units += (count + kUnitSymbols - 1) / kUnitSymbols;
    escapes += next_count;
    end += static_cast<uint32_t>(TierDigitBytes(count, digit_bits));
    raw = next_count;
  }
};

// A unit of levels 1 and up.
template <class Ctx>
struct TierDeepUnit {
  using U32 = typename Ctx::U32;
  TierUnitPlace<Ctx> place{0, 0, false};
  U32 escapes_before = 0;  // its level
  U32 escapes_end = 0;     // and with all of it
  typename Ctx::Pred last = false;
};

// All digits of levels 1 and up; the raw symbols follow them.
constexpr TierDeepDigits AddDeepDigits(const TierJob& job) {
  TierDeepDigits digits{.units = 0, .escapes = 0, .end = job.group.packet, .raw = job.group.counts[0]};
  simt::Unrolled<kTierMaxLevels - 1>([&](auto i) {
    if (i + 1 < job.num_levels()) {
      digits.Add(job.group.counts[i], job.group.counts[i + 1], job.shape().digit_bits(i + 1));
    }
  });
  return digits;
}

// Finds unit number `unit` of levels 1 and up; one that does not exist has no digits.
template <class Ctx>
constexpr TierDeepUnit<Ctx> FindDeepUnit(Ctx& ctx, const TierJob& job, const typename Ctx::U32& unit) {
  using U32 = typename Ctx::U32;
  TierDeepUnit<Ctx> found;
  U32 unit_bytes(0);
  U32 level_end(0);  // of its level's digits, if the level began with unit 0
  TierDeepDigits digits{.units = 0, .escapes = 0, .end = job.group.packet, .raw = job.group.counts[0]};
  simt::Unrolled<kTierMaxLevels - 1>([&](auto i) {
    if (i + 1 >= job.num_levels()) return;
    const uint32_t count = job.group.counts[i];
    const uint32_t bits = job.shape().digit_bits(i + 1);
    const uint32_t bytes = bits * (kUnitSymbols / kByteBits);
    const auto here = unit >= digits.units;
    unit_bytes = ctx.Select(here, U32(bytes), unit_bytes);
    found.place.at = ctx.Select(here, U32(digits.end - digits.units * bytes), found.place.at);
    level_end = ctx.Select(here, U32(count + digits.units * kUnitSymbols), level_end);
    found.escapes_before = ctx.Select(here, U32(digits.escapes), found.escapes_before);
    digits.Add(count, job.group.counts[i + 1], bits);
    found.escapes_end = ctx.Select(here, U32(digits.escapes), found.escapes_end);
  });
  const U32 left = ctx.Select(unit < digits.units, level_end - unit * kUnitSymbols, U32(0));
  found.place.at += unit * unit_bytes;
  found.place.count = ctx.Min(left, U32(kUnitSymbols));
  found.place.two_bits = unit_bytes > kUnitSymbols / kByteBits;
  found.last = (left > 0) & (left <= kUnitSymbols);
  return found;
}

template <class Ctx>
constexpr typename Ctx::U32 CountEscapes(Ctx& ctx, const TierUnit<Ctx>& digits) {
  const simt::Pair<typename Ctx::U32> escapes = digits.escapes();
  return ctx.PopCount(escapes.x) + ctx.PopCount(escapes.y);
}

// Index bytes and prefixes of levels 1 and up. Returns what is wrong.
template <class Ctx>
constexpr uint32_t PrepareDeepLevels(Ctx& ctx, TierCapacity capacity, const TierJob& job, uint32_t num_units) {
  using U32 = typename Ctx::U32;
  U32 ones(0);
  U32 wrong(0);
  uint32_t done = 0;  // escapes of the units of earlier steps
  for (uint32_t first = 0; first < num_units; first += simt::kWarpLanes) {
    const U32 number = first + ctx.LaneIndex();
    const TierDeepUnit<Ctx> unit = FindDeepUnit(ctx, job, number);
    const TierUnit<Ctx> digits = LoadUnit(ctx, job.block.stream, unit.place, &ones);
    const U32 escapes = CountEscapes(ctx, digits);
    const U32 upto = InclusiveScan(ctx, escapes) + done;
    wrong |= ctx.Select(unit.last, upto ^ unit.escapes_end, U32(0));
    StoreUnit(ctx, capacity, job.scratch, number, number < num_units, digits, upto - escapes - unit.escapes_before);
    done = ctx.Broadcast(upto, simt::kWarpLanes - 1);
  }
  return (ctx.Any(ones != 0) ? kTierPaddingOnes : 0u) | (ctx.Any(wrong != 0) ? kTierWrongCounts : 0u);
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
constexpr TierUnit<Ctx> LoadFirstLevelUnit(Ctx& ctx, const TierJob& job, const typename Ctx::U32& unit,
                                           typename Ctx::U32* ones) {
  using U32 = typename Ctx::U32;
  if (job.count == kGroupSymbols) return LoadWholeUnit(ctx, job, unit);
  const uint32_t bits = job.shape().digit_bits(0);
  const uint32_t begin = kTierHeaderBytes + job.first_element / kByteBits * bits;
  const U32 symbols = ctx.Min(unit * kUnitSymbols, U32(job.count));
  const TierUnitPlace<Ctx> place{begin + unit * (kUnitSymbols / kByteBits * bits),
                                 ctx.Min(job.count - symbols, U32(kUnitSymbols)), bits == 2};
  return LoadUnit(ctx, job.block.stream, place, ones);
}

// Index bytes and prefixes of level 0: two units a lane, numbered by one scan of both counts. Returns what is wrong.
template <class Ctx>
constexpr uint32_t PrepareFirstLevel(Ctx& ctx, TierCapacity capacity, const TierJob& job) {
  using U32 = typename Ctx::U32;
  static_assert(kGroupUnits == 2 * simt::kWarpLanes);
  U32 ones(0);
  const U32 unit = ctx.LaneIndex();
  const TierUnit<Ctx> low = LoadFirstLevelUnit(ctx, job, unit, &ones);
  const TierUnit<Ctx> high = LoadFirstLevelUnit(ctx, job, unit + simt::kWarpLanes, &ones);
  const U32 low_escapes = CountEscapes(ctx, low);
  const U32 high_escapes = CountEscapes(ctx, high);
  const U32 upto = InclusiveScan(ctx, low_escapes | high_escapes << kHalfBits);
  const uint32_t all = ctx.Broadcast(upto, simt::kWarpLanes - 1);
  const uint32_t low_all = all & kLowHalf;
  StoreUnit(ctx, capacity, job.scratch, unit, true, low, (upto & kLowHalf) - low_escapes);
  StoreUnit(ctx, capacity, job.scratch, unit + simt::kWarpLanes, true, high,
            (upto >> kHalfBits) - high_escapes + low_all);
  return (ctx.Any(ones != 0) ? kTierPaddingOnes : 0u) |
         (low_all + (all >> kHalfBits) != job.group.counts[0] ? kTierWrongCounts : 0u);
}

// Copies the raw symbols to the end of the warp's symbols, and a few zeros behind them, which are read ahead. Returns
// where they begin.
template <PlaneKind kKind, class Ctx>
constexpr uint32_t CopyRaw(Ctx& ctx, TierCapacity capacity, const TierJob& job, uint32_t from, uint32_t count) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kWordsAhead = 3;
  const uint32_t begin = (job.scratch + capacity.symbols_end() - count) & ~(kPieceSymbols - 1);
  const uint32_t num_words = count / kWordBytes + kWordsAhead;
  for (uint32_t first = 0; first < num_words; first += simt::kWarpLanes) {
    const U32 word = first + ctx.LaneIndex();
    const U32 at = ctx.Min(word * kWordBytes, U32(count));
    const U32 symbols = LoadUnaligned(ctx, job.block.stream, from + at, ctx.Min(count - at, U32(kWordBytes))).x;
    ctx.SharedStore32If(word < num_words, begin + word * kWordBytes, PieceJoin<kKind>::Prepare(symbols));
  }
  return begin;
}

// Resolves levels 1 and up, the deepest first, and returns where the symbols of level 1 begin.
template <PlaneKind kKind, class Ctx>
constexpr uint32_t ResolveDeepLevels(Ctx& ctx, TierCapacity capacity, const TierJob& job, const TierBlock* block,
                                     const TierGroup* group, const TierDeepDigits& digits) {
  using U32 = typename Ctx::U32;
  uint32_t below_count = digits.raw;
  uint32_t below = CopyRaw<kKind>(ctx, capacity, job, digits.end, below_count);
  uint32_t first_unit = digits.units;
  ctx.WarpBarrier();
  for (uint32_t k = job.num_levels() - 1; k > 0; --k) {
    TierLevel level{.count = ctx.GlobalLoadUniform(&group->counts[k - 1]),
                    .first_unit = 0,
                    .below = below,
                    .table = PieceJoin<kKind>::Prepare(ctx.GlobalLoadUniform(&block->tables[k]))};
    first_unit -= (level.count + kUnitSymbols - 1) / kUnitSymbols;
    level.first_unit = first_unit;
    const uint32_t begin = (below + below_count - level.count) & ~(kPieceSymbols - 1);
    for (uint32_t first = 0; first < level.num_pieces(); first += simt::kWarpLanes) {
      const U32 piece = first + ctx.LaneIndex();
      const simt::Quad<U32> symbols = ResolveLevelPiece(ctx, capacity, job.scratch, level, piece);
      ctx.WarpBarrier();  // all have read what this overwrites
      ctx.SharedStore128If(piece < level.num_pieces(), begin + piece * kPieceSymbols, symbols);
      ctx.WarpBarrier();
    }
    below = begin;
    below_count = level.count;
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
  ctx.WarpBarrier();  // nobody reads symbols any more
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

// Resolves level 0 and joins it with the other plane.
template <PlaneKind kKind, class Ctx>
constexpr void ResolveFirstLevel(Ctx& ctx, TierCapacity capacity, const TierJob& job, uint32_t below) {
  using U32 = typename Ctx::U32;
  using Join = PieceJoin<kKind>;
  const TierLevel level{
      .count = job.count, .first_unit = 0, .below = below, .table = Join::Prepare(job.block.tables[0])};
  auto* const out = reinterpret_cast<simt::Quad<uint32_t>*>(job.block.out);
  for (uint32_t first = 0; first < level.num_pieces(); first += simt::kWarpLanes) {
    const U32 piece = first + ctx.LaneIndex();
    const U32 piece_of_block = piece + job.first_element / kPieceSymbols;
    const auto noise =
        Join::template Load<Ctx>(ctx, piece < level.num_pieces(), job.block.noise, job.block.elements, piece_of_block);
    const PieceElements<kKind, Ctx> elements =
        Join::template Join<Ctx>(ctx, ResolveLevelPiece(ctx, capacity, job.scratch, level, piece), noise);
    const uint32_t whole = job.count / kPieceSymbols;
    simt::Unrolled<Join::kElementBytes>([&](auto i) {
      ctx.GlobalStoreIf(piece < whole, out, piece_of_block * Join::kElementBytes + i, elements.quads[i]);
    });
    if (whole < level.num_pieces() && first + simt::kWarpLanes >= level.num_pieces()) {
      StoreRest<kKind>(ctx, job, job.scratch + capacity.symbols_at(), piece == whole, elements);
    }
  }
}

// What the index itself shows to be wrong: from here on every address is inside its buffer, whatever the stream holds.
constexpr uint32_t CheckIndex(TierCapacity capacity, const TierJob& job, const TierDeepDigits& digits) {
  const uint32_t first_digits = static_cast<uint32_t>(TierDigitBytes(job.block.elements, job.shape().digit_bits(0)));
  bool good = job.group.packet <= job.block.stream_bytes && digits.end <= job.block.stream_bytes &&
              digits.raw <= job.block.stream_bytes - digits.end && kTierHeaderBytes + first_digits <= job.group.packet;
  uint32_t count = job.count;
  simt::Unrolled<kTierMaxLevels>([&](auto i) {
    if (i >= job.num_levels()) return;
    good = good && job.group.counts[i] <= count;
    count = job.group.counts[i];
  });
  if (!good) return kTierBadIndex;
  return digits.units <= capacity.units && job.group.counts[0] <= capacity.symbols ? kTierOk : kTierOverCapacity;
}

// One group. Returns what is wrong; elements are written only if nothing is.
template <PlaneKind kKind, class Ctx>
constexpr uint32_t DecodeGroup(Ctx& ctx, TierCapacity capacity, const TierJob& job, const TierBlock* block,
                               const TierGroup* group) {
  const TierDeepDigits digits = AddDeepDigits(job);
  uint32_t status = CheckIndex(capacity, job, digits);
  if (status != kTierOk) return status;
  status = PrepareDeepLevels(ctx, capacity, job, digits.units);
  if (status != kTierOk) return status;
  ctx.WarpBarrier();
  const uint32_t below = ResolveDeepLevels<kKind>(ctx, capacity, job, block, group, digits);
  status = PrepareFirstLevel(ctx, capacity, job);
  if (status != kTierOk) return status;
  ctx.WarpBarrier();
  ResolveFirstLevel<kKind>(ctx, capacity, job, below);
  return kTierOk;
}

// Any grid with capacity.warps warps a thread block and capacity.shared_bytes() of shared memory; a warp takes every
// so-many-th task.
template <PlaneKind kKind, class Ctx>
constexpr void TierDecodeBody(Ctx& ctx, TierCapacity capacity, const TierDecodeParams& params) {
  BuildSelectors(ctx);
  ctx.BlockBarrier();
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  for (uint32_t t = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); t < params.num_tasks; t += step) {
    const TierTask task = ctx.GlobalLoadUniform(params.tasks + t);
    const TierBlock* const block = params.blocks + task.block;
    TierJob job{.block = ctx.GlobalLoadUniform(block),
                .group = ctx.GlobalLoadUniform(params.groups + t),
                .first_element = task.group * kGroupSymbols,
                .count = 0,
                .scratch = kSelectorBytes + ctx.Warp() * capacity.warp_bytes()};
    uint32_t status = kTierBadIndex;
    if (job.first_element < job.block.elements) {
      const uint32_t left = job.block.elements - job.first_element;
      job.count = left < kGroupSymbols ? left : kGroupSymbols;
      status = DecodeGroup<kKind>(ctx, capacity, job, block, params.groups + t);
    }
    if (status != kTierOk) ctx.GlobalOr(params.status + task.block, status);
    ctx.WarpBarrier();
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_DECODE_H_
