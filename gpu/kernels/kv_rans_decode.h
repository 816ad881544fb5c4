// Decodes symbol streams of KV segments (codec/kv/kv_rans.h), a warp each: its lanes are the stream's, two for each
// where that has 64. States and contexts stay in registers; lanes whose state has become too low find their unit by a
// ballot.
//
// Tables are looked up in global memory, where the few that a strip needs are soon in the L1 cache. Shared memory would
// take fewer wavefronts, since lines conflict more often than banks, but a copy of all tables for every thread block,
// and a limit to how many a profile has.
#ifndef PLAIT_GPU_KERNELS_KV_RANS_DECODE_H_
#define PLAIT_GPU_KERNELS_KV_RANS_DECODE_H_

#include <cstdint>

#include "codec/kv/kv_layout.h"
#include "gpu/kernels/kv_entry.h"
#include "gpu/kernels/kv_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// A stream that a warp decodes: kLanes lanes, those of number 32 and up in the second state of each of the warp's own.
template <uint32_t kLanesLog2, class Ctx>
struct KvStreamLanes {
  static constexpr uint32_t kLanes = uint32_t{1} << kLanesLog2;
  static constexpr uint32_t kHalves = kLanes > simt::kWarpLanes ? kLanes / simt::kWarpLanes : 1;

  typename Ctx::U32 state[kHalves];
  const uint16_t* units;
  uint32_t num_units;
  uint32_t at;  // units that have been taken; more than there are if the stream ends early
};

// Which of a stream's lanes are the warp's.
template <uint32_t kLanesLog2, class Ctx>
constexpr typename Ctx::U32 KvLaneNumber(Ctx& ctx, uint32_t half) {
  return half * simt::kWarpLanes + ctx.LaneIndex();
}

// Returns what is wrong with its states.
template <uint32_t kLanesLog2, class Ctx>
constexpr uint32_t BeginKvStream(Ctx& ctx, const uint8_t* coded, const KvRun& run,
                                 KvStreamLanes<kLanesLog2, Ctx>& lanes) {
  using U32 = typename Ctx::U32;
  using Lanes = KvStreamLanes<kLanesLog2, Ctx>;
  constexpr uint32_t kStateBytes = Lanes::kLanes * uint32_t{sizeof(uint32_t)};
  static_assert(kStateBytes % kKvRunAlignment == 0);
  const auto* states = reinterpret_cast<const uint32_t*>(coded + run.begin);
  lanes.units = reinterpret_cast<const uint16_t*>(coded + run.begin + kStateBytes);
  lanes.num_units = (run.bytes - kStateBytes) / uint32_t{sizeof(uint16_t)};
  lanes.at = 0;
  bool is_bad = false;
  simt::Unrolled<Lanes::kHalves>([&](auto half) {
    const U32 lane = KvLaneNumber<kLanesLog2>(ctx, half);
    const U32 state = ctx.GlobalLoadIf(lane < Lanes::kLanes, states, lane);
    lanes.state[half] = ctx.Select(lane < Lanes::kLanes, state, U32(kKvLowState));
    is_bad |= ctx.Any((lanes.state[half] < kKvLowState) | (lanes.state[half] >> kKvStateBits != 0));
  });
  return is_bad ? kKvBadState : kKvOk;
}

// Lanes whose state is too low take a unit each, in ascending order.
template <uint32_t kLanesLog2, class Ctx>
constexpr void TakeKvUnits(Ctx& ctx, const typename Ctx::Pred (&active)[KvStreamLanes<kLanesLog2, Ctx>::kHalves],
                           KvStreamLanes<kLanesLog2, Ctx>& lanes) {
  using U32 = typename Ctx::U32;
  const U32 lanes_below = ctx.LowBits(ctx.LaneIndex());
  simt::Unrolled<KvStreamLanes<kLanesLog2, Ctx>::kHalves>([&](auto half) {
    const auto takes = active[half] & (lanes.state[half] < kKvLowState);
    const U32 takers(ctx.Ballot(takes));
    const U32 number = lanes.at + ctx.PopCount(takers & lanes_below);
    const U32 unit = ctx.GlobalLoadIf(takes & (number < lanes.num_units), lanes.units, number);
    lanes.state[half] = ctx.Select(takes, lanes.state[half] << kKvUnitBits | unit, lanes.state[half]);
    lanes.at += ctx.Uniform(ctx.PopCount(takers));
  });
}

// Returns what is wrong behind the last symbol.
template <uint32_t kLanesLog2, class Ctx>
constexpr uint32_t EndKvStream(Ctx& ctx, const KvStreamLanes<kLanesLog2, Ctx>& lanes) {
  bool is_wrong = false;
  simt::Unrolled<KvStreamLanes<kLanesLog2, Ctx>::kHalves>(
      [&](auto half) { is_wrong |= ctx.Any(lanes.state[half] != kKvLowState); });
  return (is_wrong ? kKvWrongEnd : kKvOk) | (lanes.at > lanes.num_units ? kKvEndsEarly : kKvOk) |
         (lanes.at < lanes.num_units ? kKvLeftOver : kKvOk);
}

// The tables of one kind of symbols, and the channels in coded order.
struct KvSymbolTables {
  const simt::Pair<uint32_t>* entries;
  uint32_t class_entries;
  const uint32_t* positions;
};

// The symbol that a state stands for, as its half of an entry, and which of its slots.
template <class Ctx>
struct KvSymbol {
  typename Ctx::U32 entry;
  typename Ctx::U32 offset;
};

template <class Ctx>
constexpr KvSymbol<Ctx> LookUpKvSymbol(Ctx& ctx, const simt::Pair<uint32_t>* entries, const typename Ctx::Pred& active,
                                       const typename Ctx::U32& table, const typename Ctx::U32& state) {
  using U32 = typename Ctx::U32;
  const U32 slot = state & (kKvSlots - 1);
  const auto bucket = ctx.GlobalLoadIf(active, entries, table + slot / kKvBucketSlots);
  const U32 in_bucket = slot & (kKvBucketSlots - 1);
  const U32 others_slots = KvOffset(bucket.x);
  const auto is_other = in_bucket < others_slots;
  return {ctx.Select(is_other, bucket.y, bucket.x),
          ctx.Select(is_other, KvOffset(bucket.y) + in_bucket, in_bucket - others_slots)};
}

// A strip: as many neighbouring positions as there are lanes, row after row.
template <uint32_t kLanesLog2, class Ctx>
constexpr void DecodeKvStrip(Ctx& ctx, const KvSymbolTables& tables, const KvPlaneShape& shape, uint32_t position,
                             KvStreamLanes<kLanesLog2, Ctx>& lanes, uint8_t* symbols) {
  using U32 = typename Ctx::U32;
  using Lanes = KvStreamLanes<kLanesLog2, Ctx>;
  typename Ctx::Pred active[Lanes::kHalves];
  U32 class_table[Lanes::kHalves], table[Lanes::kHalves], element[Lanes::kHalves];
  simt::Unrolled<Lanes::kHalves>([&](auto half) {
    const U32 lane = KvLaneNumber<kLanesLog2>(ctx, half);
    active[half] = (lane < Lanes::kLanes) & (position + lane < shape.channels);
    const U32 word = ctx.GlobalLoadIf(active[half], tables.positions, shape.first_channel + position + lane);
    class_table[half] = KvPairHigh(word) * tables.class_entries;
    table[half] = class_table[half];
    element[half] = shape.first_element + KvPairLow(word);
  });
  PLAIT_ROLLED for (uint32_t row = 0; row < shape.rows; ++row) {
    simt::Unrolled<Lanes::kHalves>([&](auto half) {
      U32& state = lanes.state[half];
      const KvSymbol<Ctx> symbol = LookUpKvSymbol(ctx, tables.entries, active[half], table[half], state);
      const U32 next = KvFrequency(symbol.entry) * (state >> kKvSlotBits) + symbol.offset;
      state = ctx.Select(active[half], next, state);
      table[half] = class_table[half] + KvContext(symbol.entry) * uint32_t{kKvSymbols};
      ctx.GlobalStoreIf(active[half], symbols, element[half], KvSymbolOf(symbol.entry));
      element[half] += shape.channels;
    });
    TakeKvUnits(ctx, active, lanes);
  }
}

template <uint32_t kLanesLog2, class Ctx>
constexpr void DecodeKvStream(Ctx& ctx, const KvDecodeParams& params, const KvSymbolTables& tables,
                              const KvStream& stream) {
  KvStreamLanes<kLanesLog2, Ctx> lanes;
  uint32_t status = BeginKvStream(ctx, params.coded, stream.run, lanes);
  PLAIT_ROLLED for (uint32_t p = 0; p < stream.num_planes; ++p) {
    const KvPlaneShape shape = ctx.GlobalLoadUniform(params.shapes + stream.first_plane + p);
    PLAIT_ROLLED for (uint32_t position = 0; position < shape.channels; position += lanes.kLanes) {
      DecodeKvStrip(ctx, tables, shape, position, lanes, params.symbols);
    }
  }
  status |= EndKvStream(ctx, lanes);
  if (status != kKvOk) ctx.GlobalOr(params.status + stream.layer, status);
}

// Any grid; a warp takes every so-many-th stream.
template <uint32_t kLanesLog2, class Ctx>
constexpr void KvRansBody(Ctx& ctx, const KvDecodeParams& params, const KvSymbolTables& tables, const KvStream* streams,
                          uint32_t num_streams) {
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  PLAIT_ROLLED for (uint32_t s = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); s < num_streams; s += step) {
    DecodeKvStream<kLanesLog2>(ctx, params, tables, ctx.GlobalLoadUniform(streams + s));
  }
}

template <class Ctx>
constexpr void KvBaseSymbolsBody(Ctx& ctx, const KvDecodeParams& params) {
  const KvProfileArrays& profile = params.profile;
  KvRansBody<kKvBaseLanesLog2>(ctx, params,
                               {profile.index_entries, profile.index_class_entries, profile.index_positions},
                               params.base_streams, params.num_base_streams);
}
template <class Ctx>
constexpr void KvExactSymbolsBody(Ctx& ctx, const KvDecodeParams& params) {
  const KvProfileArrays& profile = params.profile;
  KvRansBody<kKvExactRowsLanesLog2>(ctx, params,
                                    {profile.head_entries, profile.head_class_entries, profile.head_positions},
                                    params.exact_streams, params.num_exact_streams);
}
template <class Ctx>
constexpr void KvLosslessSymbolsBody(Ctx& ctx, const KvDecodeParams& params) {
  const KvProfileArrays& profile = params.profile;
  KvRansBody<kKvLosslessLanesLog2>(ctx, params,
                                   {profile.head_entries, profile.head_class_entries, profile.head_positions},
                                   params.lossless_streams, params.num_lossless_streams);
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_RANS_DECODE_H_
