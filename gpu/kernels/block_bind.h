// Makes addresses of an image's (gpu/decode_plan.h) where it stands: the first launch of a decode.
#ifndef PLAIT_GPU_KERNELS_BLOCK_BIND_H_
#define PLAIT_GPU_KERNELS_BLOCK_BIND_H_

#include <cstddef>
#include <cstdint>

#include "gpu/kernels/tier_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

inline constexpr uint32_t kBindWarps = 8;  // of a thread block

struct BlockBindParams {
  const TierBlock* blocks;       // whose addresses count from the begin of image and output
  const uint32_t* first_status;  // of each
  TierBlock* bound;              // the same blocks with real addresses
  uint32_t* status;
  uint32_t num_blocks;
  uint64_t image;   // address
  uint64_t output;  // address of what is at 0
};

// The words of TierBlock that hold its three addresses, the low one first.
inline constexpr uint32_t kTierBlockWords = sizeof(TierBlock) / sizeof(uint32_t);
static_assert(offsetof(TierBlock, stream) == 0 && offsetof(TierBlock, noise) == 8 && offsetof(TierBlock, out) == 16);
static_assert(kTierBlockWords <= simt::kWarpLanes);

// Any grid; a warp takes every so-many-th block, a lane a word of it.
template <class Ctx>
constexpr void BlockBindBody(Ctx& ctx, const BlockBindParams& params) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kImageWords = 4;  // two addresses
  constexpr uint32_t kAddressWords = 6;
  const U32 word = ctx.LaneIndex();
  const auto exists = word < kTierBlockWords;
  const auto in_image = word < kImageWords;
  const auto is_high = (word & 1) != 0;
  const auto base_word = [&](uint32_t half_bits) {
    const U32 image(static_cast<uint32_t>(params.image >> half_bits));
    const U32 output(static_cast<uint32_t>(params.output >> half_bits));
    return ctx.Select(word < kAddressWords, ctx.Select(in_image, image, output), U32(0));
  };
  const U32 base_low = base_word(0);
  const U32 base = ctx.Select(is_high, base_word(32), base_low);
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  PLAIT_ROLLED for (uint32_t b = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); b < params.num_blocks; b += step) {
    const U32 value = ctx.GlobalLoadIf(exists, reinterpret_cast<const uint32_t*>(params.blocks + b), word);
    const U32 sum = value + base;
    const U32 carries = ctx.Select(sum < base, U32(1), U32(0));  // right in even lanes, where the low words are
    const U32 carry = ctx.Select(is_high, ctx.ShuffleUp(carries, 1), U32(0));
    ctx.GlobalStoreIf(exists, reinterpret_cast<uint32_t*>(params.bound + b), word, sum + carry);
    ctx.GlobalStoreIf(word == 0, params.status + b, U32(0), U32(ctx.GlobalLoadUniform(params.first_status + b)));
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_BLOCK_BIND_H_
