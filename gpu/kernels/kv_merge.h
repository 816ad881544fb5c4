// Adds refinements 2 and up and the exact layer to prefixes (codec/kv/kv_quality.h). A warp walks through a plane, once
// for all layers: which elements take part in one depends on those before it, and where their bits are on all elements
// before them. What happens to an element is in codec/kv/kv_quality_element.h, for the CPU as well.
#ifndef PLAIT_GPU_KERNELS_KV_MERGE_H_
#define PLAIT_GPU_KERNELS_KV_MERGE_H_

#include <cstdint>

#include "codec/kv/kv_layout.h"
#include "codec/kv/kv_quality_element.h"
#include "gpu/kernels/kv_group.h"
#include "gpu/kernels/kv_steps.h"
#include "gpu/kernels/kv_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// A group on the way from prefixes to elements.
template <class Ctx>
struct KvGroupPrefixes {
  KvGroupOf<typename Ctx::Pred> there;
  KvGroupOf<typename Ctx::U32> step;
  KvGroupOf<typename Ctx::U32> prefix;
};

// Which elements of a group `condition(step, magnitude)` is true of.
template <KvElement kElement, class Ctx, class Condition>
constexpr KvGroupOf<typename Ctx::Pred> WhichKv(Ctx& ctx, const KvGroupPrefixes<Ctx>& group,
                                                const Condition& condition) {
  return ForKvHalves<typename Ctx::Pred>([&](auto half) {
    const auto holds = ctx.PerLane(
        [&condition](uint32_t step, uint32_t prefix) {
          return condition(static_cast<int>(step), KvMagnitude(GetKvElementInfo(kElement), prefix));
        },
        group.step.half[half], group.prefix.half[half]);
    return group.there.half[half] & holds;
  });
}

template <KvElement kElement, class Ctx>
constexpr void RefineKvGroup(Ctx& ctx, uint32_t refinement, KvBits& bits, KvGroupPrefixes<Ctx>& group) {
  using U32 = typename Ctx::U32;
  const int below = static_cast<int>(refinement);
  const auto takes = WhichKv<kElement>(ctx, group, [below](int step, unsigned magnitude) {
    return KvTakesPart(GetKvElementInfo(kElement), step - below, magnitude);
  });
  const KvGroupOf<U32> bit = TakeKvBits<1>(ctx, takes, bits);
  group.prefix = ForKvHalves<U32>([&](auto half) {
    return ctx.PerLane(
        [below](uint32_t step, uint32_t prefix, uint32_t is_one) {
          if (is_one == 0) return prefix;
          return uint32_t{
              KvWithBit(GetKvElementInfo(kElement), static_cast<int>(step) - below, static_cast<uint16_t>(prefix))};
        },
        group.step.half[half], group.prefix.half[half], bit.half[half]);
  });
}

// Exponents of what is still zero, one after the other. Ends where there is nothing left to ask about.
template <KvElement kElement, class Ctx>
constexpr void TakeKvExponents(Ctx& ctx, uint32_t refinements, KvBits& bits, KvGroupPrefixes<Ctx>& group) {
  using U32 = typename Ctx::U32;
  PLAIT_ROLLED for (uint32_t k = 0; k < kKvZeroBits; ++k) {
    const auto takes = WhichKv<kElement>(ctx, group, [refinements, k](int step, unsigned magnitude) {
      return KvIsHalved(step - static_cast<int>(refinements), k, magnitude);
    });
    if (!ctx.Any(takes.half[0] | takes.half[1])) return;
    const KvGroupOf<U32> bit = TakeKvBits<1>(ctx, takes, bits);
    simt::Unrolled<kKvHalves>([&](auto half) {
      const U32 exponent = group.step.half[half] - (refinements + 1 + k);
      group.prefix.half[half] |= bit.half[half] * (exponent << GetKvElementInfo(kElement).mantissa_bits);
    });
  }
}

// The exact layer.
template <KvElement kElement, class Ctx>
constexpr void CompleteKvGroup(Ctx& ctx, uint32_t refinements, KvBits& bits, KvGroupPrefixes<Ctx>& group) {
  using U32 = typename Ctx::U32;
  constexpr KvElementInfo kInfo = GetKvElementInfo(kElement);
  constexpr uint32_t kMagnitudeBits = kInfo.exponent_bits + kInfo.mantissa_bits;
  const int last = static_cast<int>(refinements);
  TakeKvExponents<kElement>(ctx, refinements, bits, group);
  const auto is_raw = WhichKv<kElement>(ctx, group, [last](int step, unsigned magnitude) {
    return KvIsRaw(GetKvElementInfo(kElement), step - last, magnitude);
  });
  PLAIT_ROLLED for (uint32_t q = kInfo.mantissa_bits; q-- > 0;) {
    auto takes = WhichKv<kElement>(ctx, group, [last, q](int step, unsigned magnitude) {
      return KvHasPlace(GetKvElementInfo(kElement), step - last, q, magnitude);
    });
    simt::Unrolled<kKvHalves>([&](auto half) { takes.half[half] &= !is_raw.half[half]; });
    const KvGroupOf<U32> bit = TakeKvBits<1>(ctx, takes, bits);
    simt::Unrolled<kKvHalves>([&](auto half) { group.prefix.half[half] |= bit.half[half] << q; });
  }
  if (!ctx.Any(is_raw.half[0] | is_raw.half[1])) return;
  const KvGroupOf<U32> magnitude = TakeKvBits<kMagnitudeBits>(ctx, is_raw, bits);
  simt::Unrolled<kKvHalves>([&](auto half) {
    const U32 sign = group.prefix.half[half] & uint32_t{kInfo.sign_bit()};
    group.prefix.half[half] = ctx.Select(is_raw.half[half], sign | magnitude.half[half], group.prefix.half[half]);
  });
}

// The prefixes of a group, and the step exponents.
template <KvElement kElement, class Ctx>
constexpr KvGroupPrefixes<Ctx> LoadKvPrefixes(Ctx& ctx, const KvDecodeParams& params, const KvQualityPlane& plane,
                                              const KvGroup<Ctx>& group, uint32_t row) {
  using U32 = typename Ctx::U32;
  const U32 row_step = LoadKvRowStep(ctx, params, plane, row);
  const auto step = ForKvHalves<U32>([&](auto half) {
    const U32 channel = plane.shape.first_channel + group.channel.half[half];
    return KvStepOf<kElement>(ctx, params.profile.refinements,
                              ctx.GlobalLoadIf(group.there.half[half], params.profile.steps, channel), row_step);
  });
  const auto prefix = ForKvHalves<U32>(
      [&](auto half) { return ctx.GlobalLoadIf(group.there.half[half], params.prefixes, group.element.half[half]); });
  return {group.there, step, prefix};
}

// Returns what is wrong with a plane.
template <KvElement kElement, class Ctx>
constexpr uint32_t MergeKvPlane(Ctx& ctx, const KvDecodeParams& params, const KvQualityPlane& plane) {
  constexpr uint32_t kRuns = kKvMaxRefinements - 1;
  static_assert(kRuns == 7);
  const bool is_exact = plane.known == kKvKnowsElements;
  const uint32_t refinements = is_exact ? params.profile.refinements : plane.known;
  const auto bits_of = [&](uint32_t run) { return KvBitsOf(ctx, params.coded, plane.refinements[run]); };
  KvBits bits[kRuns] = {bits_of(0), bits_of(1), bits_of(2), bits_of(3), bits_of(4), bits_of(5), bits_of(6)};
  KvBits exact = KvBitsOf(ctx, params.coded, plane.exact);
  ForEachKvGroup(ctx, plane.shape, [&](const KvGroup<Ctx>& group, uint32_t row) {
    KvGroupPrefixes<Ctx> prefixes = LoadKvPrefixes<kElement>(ctx, params, plane, group, row);
    simt::Unrolled<kRuns>([&](auto run) {
      if (run + 2 <= refinements) RefineKvGroup<kElement>(ctx, run + 2, bits[run], prefixes);
    });
    if (is_exact) CompleteKvGroup<kElement>(ctx, refinements, exact, prefixes);
    simt::Unrolled<kKvHalves>([&](auto half) {
      ctx.GlobalStoreIf(group.there.half[half], params.elements, group.element.half[half], prefixes.prefix.half[half]);
    });
  });
  uint32_t status = EndKvBits(ctx, exact);
  simt::Unrolled<kRuns>([&](auto run) { status |= EndKvBits(ctx, bits[run]); });
  return status;
}

// Any grid; a warp takes every so-many-th plane of those that have bits.
template <KvElement kElement, class Ctx>
constexpr void KvMergeBody(Ctx& ctx, const KvDecodeParams& params) {
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  PLAIT_ROLLED for (uint32_t p = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); p < params.num_quality_planes;
                    p += step) {
    const KvQualityPlane plane = ctx.GlobalLoadUniform(params.quality_planes + p);
    if (plane.known < 2) continue;
    const uint32_t status = MergeKvPlane<kElement>(ctx, params, plane);
    if (status != kKvOk) ctx.GlobalOr(params.status + plane.layer, status);
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_MERGE_H_
