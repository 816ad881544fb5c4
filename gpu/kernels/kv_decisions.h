// Decodes the first refinement of KV planes: decision streams (codec/kv/kv_rans.h) to prefixes. A warp takes a stream,
// a lane a channel of each strip, whose sign in the row before it has in a register.
#ifndef PLAIT_GPU_KERNELS_KV_DECISIONS_H_
#define PLAIT_GPU_KERNELS_KV_DECISIONS_H_

#include <cstdint>

#include "codec/kv/kv_layout.h"
#include "codec/kv/kv_quality_element.h"
#include "gpu/kernels/kv_rans_decode.h"
#include "gpu/kernels/kv_steps.h"
#include "gpu/kernels/kv_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// One lane for each of the warp's.
template <class Ctx>
using KvDecisionLanes = KvStreamLanes<kKvDecisionLanesLog2, Ctx>;
static_assert(uint32_t{1} << kKvDecisionLanesLog2 == simt::kWarpLanes);

// The channels of a strip.
template <class Ctx>
struct KvDecisionStrip {
  typename Ctx::Pred active;
  typename Ctx::U32 channel;
  typename Ctx::U32 shares;    // where those of the channel's class begin
  typename Ctx::U32 step;      // the channel's share of step exponents
  typename Ctx::U32 negative;  // 1 if the element of the row before is
};

template <class Ctx>
constexpr KvDecisionStrip<Ctx> BeginKvDecisions(Ctx& ctx, const KvProfileArrays& profile, const KvPlaneShape& shape,
                                                uint32_t first_position) {
  using U32 = typename Ctx::U32;
  const U32 position = first_position + ctx.LaneIndex();
  const auto active = position < shape.channels;
  const U32 word = ctx.GlobalLoadIf(active, profile.index_positions, shape.first_channel + position);
  const U32 channel = KvPairLow(word);
  const U32 step = ctx.GlobalLoadIf(active, profile.steps, shape.first_channel + channel);
  return {active, channel, KvPairHigh(word) * uint32_t{kKvBitContexts}, step, U32(0)};
}

// The decision about each index, 0 where there is none.
template <KvElement kElement, class Ctx>
constexpr typename Ctx::U32 DecodeKvDecision(Ctx& ctx, const KvProfileArrays& profile, const typename Ctx::U32& index,
                                             KvDecisionStrip<Ctx>& strip, KvDecisionLanes<Ctx>& lanes) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kMostOpen = uint32_t{1} << GetKvElementInfo(kElement).mantissa_bits;
  constexpr uint32_t kMostWithOwnContext = 3;
  constexpr uint32_t kSignShift = 31;
  const auto is_negative = index >> kSignShift != 0;
  const U32 magnitude = ctx.Select(is_negative, 0 - index, index);
  const typename Ctx::Pred takes[] = {typename Ctx::Pred(strip.active & (magnitude <= kMostOpen))};
  const U32 context = ctx.Select(magnitude == 0, strip.negative, ctx.Min(magnitude, U32(kMostWithOwnContext)) + 1);
  const U32 zeros = ctx.GlobalLoadIf(takes[0], profile.shares, strip.shares + context);
  U32& state = lanes.state[0];
  const U32 slot = state & (kKvSlots - 1);
  const auto is_one = takes[0] & (slot >= zeros);
  const U32 frequency = ctx.Select(is_one, kKvSlots - zeros, zeros);
  const U32 offset = ctx.Select(is_one, slot - zeros, slot);
  state = ctx.Select(takes[0], frequency * (state >> kKvSlotBits) + offset, state);
  TakeKvUnits(ctx, takes, lanes);
  const U32 decision = ctx.Select(is_one, U32(1), U32(0));
  strip.negative = ctx.Select(magnitude == 0, decision, index >> kSignShift);
  return decision;
}

template <KvElement kElement, class Ctx>
constexpr typename Ctx::U32 KvFirstPrefixOf(Ctx& ctx, const typename Ctx::U32& step, const typename Ctx::U32& index,
                                            const typename Ctx::U32& decision) {
  return ctx.PerLane(
      [](uint32_t d, uint32_t i, uint32_t bit) {
        constexpr KvElementInfo kInfo = GetKvElementInfo(kElement);
        return uint32_t{KvFirstPrefix(kInfo, static_cast<int>(d), static_cast<int16_t>(i), bit != 0)};
      },
      step, index, decision);
}

template <KvElement kElement, class Ctx>
constexpr void DecodeKvDecisionStrip(Ctx& ctx, const KvDecodeParams& params, const KvQualityPlane& plane,
                                     uint32_t first_position, KvDecisionLanes<Ctx>& lanes) {
  using U32 = typename Ctx::U32;
  KvDecisionStrip<Ctx> strip = BeginKvDecisions(ctx, params.profile, plane.shape, first_position);
  PLAIT_ROLLED for (uint32_t row = 0; row < plane.shape.rows; ++row) {
    const U32 element = plane.shape.first_element + row * plane.shape.channels + strip.channel;
    const U32 index = ctx.GlobalLoadIf(strip.active, params.indices, element);
    const U32 decision = DecodeKvDecision<kElement>(ctx, params.profile, index, strip, lanes);
    const U32 step =
        KvStepOf<kElement>(ctx, params.profile.refinements, strip.step, LoadKvRowStep(ctx, params, plane, row));
    ctx.GlobalStoreIf(strip.active, params.prefixes, element, KvFirstPrefixOf<kElement>(ctx, step, index, decision));
  }
}

// Any grid; a warp takes every so-many-th stream.
template <KvElement kElement, class Ctx>
constexpr void KvDecisionsBody(Ctx& ctx, const KvDecodeParams& params) {
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  PLAIT_ROLLED for (uint32_t s = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); s < params.num_decision_streams;
                    s += step) {
    const KvStream stream = ctx.GlobalLoadUniform(params.decision_streams + s);
    KvDecisionLanes<Ctx> lanes;
    uint32_t status = BeginKvStream(ctx, params.coded, stream.run, lanes);
    PLAIT_ROLLED for (uint32_t p = 0; p < stream.num_planes; ++p) {
      const KvQualityPlane plane = ctx.GlobalLoadUniform(params.quality_planes + stream.first_plane + p);
      PLAIT_ROLLED for (uint32_t position = 0; position < plane.shape.channels; position += simt::kWarpLanes) {
        DecodeKvDecisionStrip<kElement>(ctx, params, plane, position, lanes);
      }
    }
    status |= EndKvStream(ctx, lanes);
    if (status != kKvOk) ctx.GlobalOr(params.status + stream.layer, status);
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_DECISIONS_H_
