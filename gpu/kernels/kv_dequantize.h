// Writes rows of KV planes into the pages of a cache: values for what is known of elements, or elements that are known
// (codec/kv/kv_quality_element.h). A warp takes a row.
#ifndef PLAIT_GPU_KERNELS_KV_DEQUANTIZE_H_
#define PLAIT_GPU_KERNELS_KV_DEQUANTIZE_H_

#include <cstdint>
#include <type_traits>

#include "codec/kv/kv_quality_element.h"
#include "gpu/kernels/kv_steps.h"
#include "gpu/kernels/kv_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// An element as caches hold it.
template <KvElement kElement>
using KvStored = std::conditional_t<GetKvElementInfo(kElement).bytes() == 2, uint16_t, uint8_t>;

template <KvElement kElement, class Ctx>
constexpr typename Ctx::U32 KvValuesOf(Ctx& ctx, const KvDecodeParams& params, uint32_t known,
                                       const typename Ctx::Pred& there, const typename Ctx::U32& element,
                                       const typename Ctx::U32& step) {
  using U32 = typename Ctx::U32;
  if (known == kKvKnowsElements) return ctx.GlobalLoadIf(there, params.elements, element);
  if (known == kKvKnowsIndices) {
    return ctx.PerLane(
        [](uint32_t d, uint32_t i) {
          constexpr KvElementInfo kInfo = GetKvElementInfo(kElement);
          return uint32_t{KvValueOfIndex(kInfo, static_cast<int>(d), static_cast<int16_t>(i))};
        },
        step, ctx.GlobalLoadIf(there, params.indices, element));
  }
  const uint16_t* prefixes = known == 1 ? params.prefixes : params.elements;  // where kv_merge.h has not been
  const U32 prefix = ctx.GlobalLoadIf(there, prefixes, element);
  return ctx.PerLane(
      [known](uint32_t d, uint32_t x) {
        constexpr KvElementInfo kInfo = GetKvElementInfo(kElement);
        return uint32_t{
            KvValueOfPrefix(kInfo, static_cast<int>(d), static_cast<int>(d - known), static_cast<uint16_t>(x))};
      },
      step, prefix);
}

template <KvElement kElement, class Ctx>
constexpr void WriteKvRow(Ctx& ctx, const KvDecodeParams& params, const KvRow& row, const KvTarget& target) {
  using U32 = typename Ctx::U32;
  const uint64_t at = uint64_t{row.slot / target.block_tokens} * target.block_elements +
                      uint64_t{row.slot % target.block_tokens} * target.channels;
  auto* to = reinterpret_cast<KvStored<kElement>*>(target.pages) + at;
  const U32 row_step(static_cast<uint32_t>(int32_t{row.row_step}));
  const bool has_steps = row.known != kKvKnowsElements;
  PLAIT_ROLLED for (uint32_t first = 0; first < target.channels; first += simt::kWarpLanes) {
    const U32 channel = first + ctx.LaneIndex();
    const auto there = channel < target.channels;
    const U32 of_channel = ctx.GlobalLoadIf(there & has_steps, params.profile.steps, target.first_channel + channel);
    const U32 step = KvStepOf<kElement>(ctx, params.profile.refinements, of_channel, row_step);
    ctx.GlobalStoreIf(there, to, channel,
                      KvValuesOf<kElement>(ctx, params, row.known, there, row.first_element + channel, step));
  }
}

// Any grid; a warp takes every so-many-th row. Of a model layer that is damaged nothing is written.
template <KvElement kElement, class Ctx>
constexpr void KvDequantizeBody(Ctx& ctx, const KvDecodeParams& params) {
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  PLAIT_ROLLED for (uint32_t r = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); r < params.num_rows; r += step) {
    const KvRow row = ctx.GlobalLoadUniform(params.rows + r);
    const KvTarget target = ctx.GlobalLoadUniform(params.targets + row.target);
    if (ctx.GlobalLoadUniform(params.status + target.layer) != kKvOk) continue;
    WriteKvRow<kElement>(ctx, params, row, target);
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_DEQUANTIZE_H_
