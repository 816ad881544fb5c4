// Joins symbols with escapes and low bits to base indices (codec/kv/kv_symbols.h). A warp walks through a plane,
// because the place of an escape says how many there are before it.
#ifndef PLAIT_GPU_KERNELS_KV_JOIN_INDICES_H_
#define PLAIT_GPU_KERNELS_KV_JOIN_INDICES_H_

#include <cstdint>

#include "codec/kv/kv_layout.h"
#include "gpu/kernels/kv_group.h"
#include "gpu/kernels/kv_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// The low bits of a group's indices: the highest of all first.
template <class Ctx>
constexpr KvGroupOf<typename Ctx::U32> TakeKvLowBits(Ctx& ctx, const KvGroupOf<typename Ctx::U32>& shift,
                                                     const KvGroupOf<typename Ctx::Pred>& is_escape, KvBits& bits) {
  using U32 = typename Ctx::U32;
  KvGroupOf<U32> low_bits = {{U32(0), U32(0)}};
  if (!ctx.Any((shift.half[0] | shift.half[1]) != 0)) return low_bits;
  PLAIT_ROLLED for (uint32_t b = kKvMaxShift; b-- > 0;) {
    const auto takes =
        ForKvHalves<typename Ctx::Pred>([&](auto half) { return (shift.half[half] > b) & (!is_escape.half[half]); });
    const KvGroupOf<U32> bit = TakeKvBits<1>(ctx, takes, bits);
    simt::Unrolled<kKvHalves>([&](auto half) { low_bits.half[half] |= bit.half[half] << b; });
  }
  return low_bits;
}

// Returns what is wrong with a plane.
template <class Ctx>
constexpr uint32_t JoinKvIndices(Ctx& ctx, const KvDecodeParams& params, const KvQualityPlane& plane) {
  using U32 = typename Ctx::U32;
  KvEscapes escapes = KvEscapesOf(ctx, params.coded, plane.escapes);
  KvBits low_bits = KvBitsOf(ctx, params.coded, plane.low_bits);
  typename Ctx::Pred is_wrong(false);
  ForEachKvGroup(ctx, plane.shape, [&](const KvGroup<Ctx>& group, uint32_t) {
    const KvGroupSymbols<Ctx> symbols = LoadKvSymbols(ctx, params.symbols, group);
    const auto channel = ForKvHalves<U32>([&](auto half) {
      return ctx.GlobalLoadIf(group.there.half[half], params.profile.index_channels,
                              plane.shape.first_channel + group.channel.half[half]);
    });
    const auto shift = ForKvHalves<U32>([&](auto half) { return KvPairHigh(channel.half[half]); });
    const auto low = TakeKvLowBits(ctx, shift, symbols.is_escape, low_bits);
    const auto escape = TakeKvEscapes(ctx, symbols.is_escape, escapes);
    simt::Unrolled<kKvHalves>([&](auto half) {
      const U32 center = KvSignExtended(channel.half[half]);
      const U32 coded =
          center + ((symbols.symbol.half[half] - uint32_t{kKvSymbolZero}) << shift.half[half]) + low.half[half];
      const U32 index = ctx.Select(symbols.is_escape.half[half], KvSignExtended(escape.half[half]), coded);
      is_wrong |=
          group.there.half[half] & (index + uint32_t{kKvSaturated} > 2 * uint32_t{kKvSaturated});  // beyond either end
      ctx.GlobalStoreIf(group.there.half[half], params.indices, group.element.half[half], index);
    });
  });
  return EndKvEscapes(escapes) | EndKvBits(ctx, low_bits) | (ctx.Any(is_wrong) ? kKvNotEncoded : kKvOk);
}

// Any grid; a warp takes every so-many-th plane.
template <class Ctx>
constexpr void KvJoinIndicesBody(Ctx& ctx, const KvDecodeParams& params) {
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  PLAIT_ROLLED for (uint32_t p = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); p < params.num_quality_planes;
                    p += step) {
    const KvQualityPlane plane = ctx.GlobalLoadUniform(params.quality_planes + p);
    const uint32_t status = JoinKvIndices(ctx, params, plane);
    if (status != kKvOk) ctx.GlobalOr(params.status + plane.layer, status);
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_JOIN_INDICES_H_
