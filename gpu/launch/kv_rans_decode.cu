#include "gpu/kernels/kv_rans_decode.h"
#include "gpu/simt/cuda_context.cuh"

#define PLAIT_KV_KERNEL(NAME)                                                                 \
  extern "C" __global__ void __launch_bounds__(plait::gpu::kKvWarps* plait::simt::kWarpLanes) \
      NAME(plait::gpu::KvDecodeParams params) {                                               \
    plait::simt::CudaContext ctx;                                                             \
    plait::gpu::NAME##Body(ctx, params);                                                      \
  }

PLAIT_KV_KERNEL(KvBaseSymbols)
PLAIT_KV_KERNEL(KvExactSymbols)
PLAIT_KV_KERNEL(KvLosslessSymbols)
