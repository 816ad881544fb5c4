// Copies blocks that are not coded, by pieces, as other kernels decode those that are.
#ifndef PLAIT_GPU_KERNELS_BLOCK_COPY_H_
#define PLAIT_GPU_KERNELS_BLOCK_COPY_H_

#include <cstdint>

#include "gpu/kernels/tier_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

inline constexpr uint32_t kCopyPieceBytes = 8192;
inline constexpr uint32_t kCopyWarps = 8;  // of a thread block

struct BlockCopyParams {
  const TierTask* tasks;    // `group` is the number of a piece
  const TierBlock* blocks;  // `stream_bytes` bytes from `stream` to `out`
  uint32_t num_tasks;
};

template <class Ctx>
constexpr void CopyPiece(Ctx& ctx, const TierBlock& block, uint32_t piece) {
  using U32 = typename Ctx::U32;
  using Quad = simt::Quad<uint32_t>;
  const uint32_t begin = piece * kCopyPieceBytes;
  const uint32_t left = block.stream_bytes - begin;
  const uint32_t end = begin + (left < kCopyPieceBytes ? left : kCopyPieceBytes);
  const uint32_t quads_end = end / sizeof(Quad);
  PLAIT_ROLLED for (uint32_t first = begin / sizeof(Quad); first < quads_end; first += simt::kWarpLanes) {
    const U32 quad = first + ctx.LaneIndex();
    const auto exists = quad < quads_end;
    ctx.GlobalStoreIf(exists, reinterpret_cast<Quad*>(block.out), quad,
                      ctx.GlobalLoadIf(exists, reinterpret_cast<const Quad*>(block.stream), quad));
  }
  const U32 byte = quads_end * static_cast<uint32_t>(sizeof(Quad)) + ctx.LaneIndex();
  const auto rest = byte < end;
  ctx.GlobalStoreIf(rest, block.out, byte, ctx.GlobalLoadIf(rest, block.stream, byte));
}

// Any grid; a warp takes every so-many-th task.
template <class Ctx>
constexpr void BlockCopyBody(Ctx& ctx, const BlockCopyParams& params) {
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  PLAIT_ROLLED for (uint32_t t = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); t < params.num_tasks; t += step) {
    const TierTask task = ctx.GlobalLoadUniform(params.tasks + t);
    CopyPiece(ctx, ctx.GlobalLoadUniform(params.blocks + task.block), task.group);
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_BLOCK_COPY_H_
