// Step exponents of elements, and where channels' and rows' shares of them stand.
#ifndef PLAIT_GPU_KERNELS_KV_STEPS_H_
#define PLAIT_GPU_KERNELS_KV_STEPS_H_

#include <cstdint>

#include "codec/kv/kv_quality_element.h"
#include "gpu/kernels/kv_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// Of a channel and a row, whose shares are signed.
template <KvElement kElement, class Ctx>
constexpr typename Ctx::U32 KvStepOf(Ctx& ctx, uint32_t refinements, const typename Ctx::U32& of_channel,
                                     const typename Ctx::U32& of_row) {
  return ctx.PerLane(
      [refinements](uint32_t channel, uint32_t row) {
        constexpr KvElementInfo kInfo = GetKvElementInfo(kElement);
        return static_cast<uint32_t>(
            KvStepExponent(kInfo, refinements, static_cast<int>(channel), static_cast<int>(row)));
      },
      of_channel, of_row);
}

// The share of a row of a plane, the same in all lanes.
template <class Ctx>
constexpr typename Ctx::U32 LoadKvRowStep(Ctx& ctx, const KvDecodeParams& params, const KvQualityPlane& plane,
                                          uint32_t row) {
  return ctx.GlobalLoad(params.row_steps, typename Ctx::U32(plane.first_row + row));
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_STEPS_H_
