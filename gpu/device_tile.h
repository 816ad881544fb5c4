// "Give me this tile of weights": the decode step of a tier group as a function for other people's kernels.
//
// A tile is a group: 4096 consecutive elements of a block, fewer at its end. A warp decodes it and hands every lane 16
// consecutive elements at a time, joined, in registers; nothing is written to global memory. A kernel
//   - has capacity.warps warps a thread block and capacity.shared_bytes() of shared memory, what it wants itself behind
//     that, and is launched once for the narrow tasks and once for the wide ones (gpu/kernels/tier_task.h);
//   - calls PrepareTiles once, with all its warps;
//   - calls DecodeTile for as many tiles as it likes.
// gpu/examples/largest_magnitudes.h is a whole kernel; DecodeLaunches (gpu/decode_launches.h) has the parameters.
#ifndef PLAIT_GPU_DEVICE_TILE_H_
#define PLAIT_GPU_DEVICE_TILE_H_

#include <cstdint>

#include "gpu/kernels/tier_decode.h"

namespace plait::gpu {

// What a lane gets: elements [first, first + count) of the block. Those of `elements` behind them are noise, and all of
// them where count is 0.
template <PlaneKind kKind, class Ctx>
struct TilePiece {
  typename Ctx::U32 first;
  typename Ctx::U32 count;  // up to kPieceSymbols
  PieceElements<kKind, Ctx> elements;
};

template <class Ctx>
constexpr void PrepareTiles(Ctx& ctx) {
  BuildSelectors(ctx);
  ctx.BlockBarrier();
}

// Decodes group number `number` of a block, whose index is `group`, and calls consume(piece) for every 512 of its
// elements, with a TilePiece for each lane. `consume` runs with all lanes and may use collectives.
// Returns what is wrong; `consume` has been called only if that is kTierOk.
template <PlaneKind kKind, class Ctx, class Consume>
constexpr uint32_t DecodeTile(Ctx& ctx, TierCapacity capacity, const TierBlock* block, const TierGroup* group,
                              uint32_t number, const Consume& consume) {
  using U32 = typename Ctx::U32;
  using Join = PieceJoin<kKind>;
  TierJob job{.block = ctx.GlobalLoadUniform(block),
              .group = ctx.GlobalLoadUniform(group),
              .first_element = number * kGroupSymbols,
              .count = 0,
              .scratch = ctx.SharedBegin() + kSelectorBytes + ctx.Warp() * capacity.warp_bytes()};
  const uint32_t left = job.block.elements - job.first_element;
  job.count = left < kGroupSymbols ? left : kGroupSymbols;
  const TierDeepDigits digits = AddDeepDigits(job);
  uint32_t status = PrepareDeepLevels(ctx, capacity, job, digits.units);
  if (status != kTierOk) return status;
  ctx.WarpBarrier();
  const uint32_t below = ResolveDeepLevels<kKind>(ctx, capacity, job, block, group, digits);
  status = PrepareFirstLevel(ctx, capacity, job);
  if (status != kTierOk) return status;
  ctx.WarpBarrier();
  const TierLevel level{
      .count = job.count, .first_unit = 0, .below = below, .table = Join::Prepare(job.block.tables[0])};
  PLAIT_ROLLED for (uint32_t first = 0; first < level.num_pieces(); first += simt::kWarpLanes) {
    const U32 piece = first + ctx.LaneIndex();
    const auto exists = piece < level.num_pieces();
    const U32 safe_piece = ctx.Min(piece, U32(level.num_pieces() - 1));
    const auto noise = Join::template Load<Ctx>(ctx, exists, job.block.noise, job.block.elements,
                                                piece + job.first_element / kPieceSymbols);
    const U32 symbols_left = job.count - safe_piece * kPieceSymbols;
    consume(TilePiece<kKind, Ctx>{
        job.first_element + piece * kPieceSymbols,
        ctx.Select(exists, ctx.Min(symbols_left, U32(kPieceSymbols)), U32(0)),
        Join::template Join<Ctx>(ctx, ResolvePiece(ctx, capacity, job.scratch, level, safe_piece), noise)});
  }
  ctx.WarpBarrier();  // nobody reads what the next tile overwrites
  return kTierOk;
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_DEVICE_TILE_H_
