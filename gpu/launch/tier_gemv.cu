#include "gpu/kernels/tier_gemv.h"
#include "gpu/simt/cuda_context.cuh"

// TierGemvBATCH for straight rows (gpu/kernels/gemv_task.h), TierGemvBATCHAnyRows for others, GemvRowsBATCH to follow.
#define PLAIT_GEMV_KERNEL(NAME, BATCH, STRAIGHT)                                                   \
  extern "C" __global__ void __launch_bounds__(plait::gpu::kGemvMaxWarps* plait::simt::kWarpLanes) \
      NAME(plait::gpu::GemvParams params) {                                                        \
    plait::simt::CudaContext ctx;                                                                  \
    plait::gpu::TierGemvBody<BATCH, STRAIGHT>(ctx, params);                                        \
  }
#define PLAIT_GEMV_KERNELS(BATCH)                                                 \
  PLAIT_GEMV_KERNEL(TierGemv##BATCH, BATCH, true)                                 \
  PLAIT_GEMV_KERNEL(TierGemv##BATCH##AnyRows, BATCH, false)                       \
  extern "C" __global__ void GemvRows##BATCH(plait::gpu::GemvRowsParams params) { \
    plait::simt::CudaContext ctx;                                                 \
    plait::gpu::GemvRowsBody<BATCH>(ctx, params);                                 \
  }

PLAIT_GEMV_KERNELS(1)
PLAIT_GEMV_KERNELS(2)
PLAIT_GEMV_KERNELS(3)
PLAIT_GEMV_KERNELS(4)
