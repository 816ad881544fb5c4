// What a warp that walks through the elements of a plane has in hand: a group of neighbouring channels of a row, two
// for each lane, and the runs of bits and escapes that tell more of some of them. Those that take part get their places
// in a run by ballots.
#ifndef PLAIT_GPU_KERNELS_KV_GROUP_H_
#define PLAIT_GPU_KERNELS_KV_GROUP_H_

#include <cstdint>
#include <type_traits>

#include "codec/kv/kv_layout.h"
#include "gpu/kernels/kv_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

inline constexpr uint32_t kKvHalves = kKvGroup / simt::kWarpLanes;
static_assert(kKvHalves == 2);

// A value of each element: those of the first 32 channels, and of the others.
template <class Lanes>
struct KvGroupOf {
  Lanes half[kKvHalves];
};

// result(half) = function(half) for both halves.
template <class Lanes, class Function>
constexpr KvGroupOf<Lanes> ForKvHalves(const Function& function) {
  return {
      {Lanes(function(std::integral_constant<uint32_t, 0>())), Lanes(function(std::integral_constant<uint32_t, 1>()))}};
}

// Which channels of a plane a group has: as many as there are, from `first_channel` on.
template <class Ctx>
struct KvGroup {
  using U32 = typename Ctx::U32;

  constexpr KvGroup(Ctx& ctx, const KvPlaneShape& shape, uint32_t row, uint32_t first_channel)
      : channel(ForKvHalves<U32>([&](auto half) { return first_channel + half * simt::kWarpLanes + ctx.LaneIndex(); })),
        there(ForKvHalves<typename Ctx::Pred>([&](auto half) { return channel.half[half] < shape.channels; })),
        element(ForKvHalves<U32>(
            [&](auto half) { return shape.first_element + row * shape.channels + channel.half[half]; })) {}

  KvGroupOf<U32> channel;
  KvGroupOf<typename Ctx::Pred> there;
  KvGroupOf<U32> element;  // number of the element
};

// Of those who take part: how many stand before each, and how many there are.
template <class Ctx>
struct KvRanks {
  KvGroupOf<typename Ctx::U32> before;
  uint32_t all;
};

template <class Ctx>
constexpr KvRanks<Ctx> RankKvGroup(Ctx& ctx, const KvGroupOf<typename Ctx::Pred>& takes) {
  using U32 = typename Ctx::U32;
  const U32 lanes_below = ctx.LowBits(ctx.LaneIndex());
  const U32 low(ctx.Ballot(takes.half[0])), high(ctx.Ballot(takes.half[1]));
  const U32 num_low = ctx.PopCount(low);
  return {{{ctx.PopCount(low & lanes_below), num_low + ctx.PopCount(high & lanes_below)}},
          ctx.Uniform(num_low + ctx.PopCount(high))};
}

// A run of bits, the least significant one of a byte first. Behind its end there are zeros.
struct KvBits {
  const uint32_t* words;
  uint32_t num_bits;
  uint32_t at = 0;  // bits that have been taken; more than there are if the run ends early

  static constexpr uint32_t kByteBits = 8;
  static constexpr uint32_t kWordBits = 32;
};

template <class Ctx>
constexpr KvBits KvBitsOf(Ctx&, const uint8_t* coded, const KvRun& run) {
  return {reinterpret_cast<const uint32_t*>(coded + run.begin), run.bytes * KvBits::kByteBits};
}

// The number that the low 16 bits are.
template <class U32>
constexpr U32 KvSignExtended(const U32& bits) {
  constexpr uint32_t kSign = 0x8000;
  return ((bits & (2 * kSign - 1)) ^ kSign) - kSign;
}

// `kCount` bits from `bit` on, in lanes that take part.
template <uint32_t kCount, class Ctx>
constexpr typename Ctx::U32 LoadKvBits(Ctx& ctx, const KvBits& bits, const typename Ctx::Pred& takes,
                                       const typename Ctx::U32& bit) {
  using U32 = typename Ctx::U32;
  const U32 word = bit / KvBits::kWordBits;
  const U32 shift = bit & (KvBits::kWordBits - 1);
  const U32 low = ctx.GlobalLoadIf(takes & (bit < bits.num_bits), bits.words, word);
  if constexpr (kCount == 1) {
    return low >> shift & 1;
  } else {
    const auto in_next =
        takes & (shift + kCount > KvBits::kWordBits) & ((word + 1) * KvBits::kWordBits < bits.num_bits);
    const U32 high = ctx.GlobalLoadIf(in_next, bits.words, word + 1);
    return ctx.FunnelShiftRight(low, high, shift) & ((uint32_t{1} << kCount) - 1);
  }
}

// The next kCount bits for each element that takes part, in order; zeros for the others.
template <uint32_t kCount, class Ctx>
constexpr KvGroupOf<typename Ctx::U32> TakeKvBits(Ctx& ctx, const KvGroupOf<typename Ctx::Pred>& takes, KvBits& bits) {
  const KvRanks<Ctx> ranks = RankKvGroup(ctx, takes);
  const uint32_t at = bits.at;
  bits.at += ranks.all * kCount;
  return ForKvHalves<typename Ctx::U32>([&](auto half) {
    return LoadKvBits<kCount>(ctx, bits, takes.half[half], at + ranks.before.half[half] * kCount);
  });
}

// What is wrong behind the last bit that was wanted: bits of the last byte that are not filled with zeros, bytes more
// or less.
template <class Ctx>
constexpr uint32_t EndKvBits(Ctx& ctx, const KvBits& bits) {
  using U32 = typename Ctx::U32;
  const bool ends_early = bits.at > bits.num_bits;
  const bool has_more = !ends_early && bits.num_bits - bits.at >= KvBits::kByteBits;
  // What stands behind the last byte in its word is zero.
  const U32 filled(bits.at & (KvBits::kWordBits - 1));
  const typename Ctx::Pred is_cut(bits.num_bits > bits.at && !has_more);
  const U32 last = ctx.GlobalLoadIf(is_cut, bits.words, U32(bits.at / KvBits::kWordBits)) >> filled;
  return (ends_early ? kKvEndsEarly : kKvOk) | (has_more ? kKvLeftOver : kKvOk) |
         (ctx.Any(last != 0) ? kKvNotEncoded : kKvOk);
}

// A run of escapes, 2 bytes each.
struct KvEscapes {
  const uint16_t* values;
  uint32_t bytes;
  uint32_t at = 0;  // as above
};

template <class Ctx>
constexpr KvEscapes KvEscapesOf(Ctx&, const uint8_t* coded, const KvRun& run) {
  return {reinterpret_cast<const uint16_t*>(coded + run.begin), run.bytes};
}

// The next escape for each element that takes part, in order.
template <class Ctx>
constexpr KvGroupOf<typename Ctx::U32> TakeKvEscapes(Ctx& ctx, const KvGroupOf<typename Ctx::Pred>& takes,
                                                     KvEscapes& escapes) {
  const KvRanks<Ctx> ranks = RankKvGroup(ctx, takes);
  const uint32_t at = escapes.at;
  escapes.at += ranks.all;
  return ForKvHalves<typename Ctx::U32>([&](auto half) {
    const typename Ctx::U32 number = at + ranks.before.half[half];
    return ctx.GlobalLoadIf(takes.half[half] & (number < escapes.bytes / 2), escapes.values, number);
  });
}

constexpr uint32_t EndKvEscapes(const KvEscapes& escapes) {
  const uint32_t wanted = escapes.at * uint32_t{sizeof(uint16_t)};
  return wanted > escapes.bytes ? kKvEndsEarly : wanted < escapes.bytes ? kKvLeftOver : kKvOk;
}

// Symbols of a group, and which are escapes.
template <class Ctx>
struct KvGroupSymbols {
  KvGroupOf<typename Ctx::U32> symbol;
  KvGroupOf<typename Ctx::Pred> is_escape;
};

template <class Ctx>
constexpr KvGroupSymbols<Ctx> LoadKvSymbols(Ctx& ctx, const uint8_t* symbols, const KvGroup<Ctx>& group) {
  const auto symbol = ForKvHalves<typename Ctx::U32>(
      [&](auto half) { return ctx.GlobalLoadIf(group.there.half[half], symbols, group.element.half[half]); });
  const auto is_escape = ForKvHalves<typename Ctx::Pred>(
      [&](auto half) { return group.there.half[half] & (symbol.half[half] == kKvEscape); });
  return {symbol, is_escape};
}

// function(group, row) for every group of a plane, row after row.
template <class Ctx, class Function>
constexpr void ForEachKvGroup(Ctx& ctx, const KvPlaneShape& shape, const Function& function) {
  PLAIT_ROLLED for (uint32_t row = 0; row < shape.rows; ++row) {
    PLAIT_ROLLED for (uint32_t channel = 0; channel < shape.channels; channel += uint32_t{kKvGroup}) {
      function(KvGroup<Ctx>(ctx, shape, row, channel), row);
    }
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_GROUP_H_
