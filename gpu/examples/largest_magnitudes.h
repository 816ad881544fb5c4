// An example of a kernel that decodes weights where it uses them: the largest magnitude of every tile of bf16, which
// somebody who quantizes would ask for. No decoded weight leaves the registers.
#ifndef PLAIT_GPU_EXAMPLES_LARGEST_MAGNITUDES_H_
#define PLAIT_GPU_EXAMPLES_LARGEST_MAGNITUDES_H_

#include "gpu/device_tile.h"

namespace plait::gpu {

struct LargestMagnitudesParams {
  TierDecodeParams tiles;
  uint32_t* largest;  // of each task, as bf16 without its sign; unspecified where the block's status is not zero
};

// The larger magnitude of two bf16 in a word, of which the first `count` are there, and `so_far`.
template <class Ctx>
constexpr typename Ctx::U32 LargerOf(Ctx& ctx, const typename Ctx::U32& word, const typename Ctx::U32& count,
                                     const typename Ctx::U32& so_far) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kMagnitude = 0x7fff;
  const U32 low = ctx.Select(count > 0, word & kMagnitude, U32(0));
  const U32 high = ctx.Select(count > 1, word >> kHalfBits & kMagnitude, U32(0));
  return ctx.Max(so_far, ctx.Max(low, high));
}

template <class Ctx>
constexpr void LargestMagnitudesBody(Ctx& ctx, TierCapacity capacity, const LargestMagnitudesParams& params) {
  using U32 = typename Ctx::U32;
  const TierDecodeParams& tiles = params.tiles;
  PrepareTiles(ctx);
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  for (uint32_t t = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); t < tiles.num_tasks; t += step) {
    const TierTask task = ctx.GlobalLoadUniform(tiles.tasks + t);
    U32 largest(0);
    const auto consume = [&](const TilePiece<PlaneKind::kBf16, Ctx>& piece) {
      simt::Unrolled<2>([&](auto i) {
        const simt::Quad<U32>& quad = piece.elements.quads[i];
        const U32 count = ctx.Max(piece.count, U32(i * 8)) - U32(i * 8);
        largest = LargerOf(ctx, quad.x, count, largest);
        largest = LargerOf(ctx, quad.y, ctx.Max(count, U32(2)) - 2, largest);
        largest = LargerOf(ctx, quad.z, ctx.Max(count, U32(4)) - 4, largest);
        largest = LargerOf(ctx, quad.w, ctx.Max(count, U32(6)) - 6, largest);
      });
    };
    const uint32_t status =
        DecodeTile<PlaneKind::kBf16>(ctx, capacity, tiles.blocks + task.block, tiles.groups + t, task.group, consume);
    if (status != kTierOk) ctx.GlobalOr(tiles.status + task.block, status);
    for (uint32_t lanes = 16; lanes > 0; lanes /= 2) largest = ctx.Max(largest, ctx.ShuffleXor(largest, lanes));
    ctx.GlobalStoreIf(ctx.LaneIndex() == 0, params.largest + t, U32(0), largest);
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_EXAMPLES_LARGEST_MAGNITUDES_H_
