#include "gpu/kernels/kv_join_heads.h"
#include "gpu/simt/cuda_context.cuh"

// NAME ## ELEMENT: the kernel of one element type.
#define PLAIT_KV_KERNEL(NAME, ELEMENT)                                                        \
  extern "C" __global__ void __launch_bounds__(plait::gpu::kKvWarps* plait::simt::kWarpLanes) \
      NAME##ELEMENT(plait::gpu::KvDecodeParams params) {                                      \
    plait::simt::CudaContext ctx;                                                             \
    plait::gpu::NAME##Body<plait::KvElement::k##ELEMENT>(ctx, params);                        \
  }

PLAIT_KV_KERNEL(KvJoinHeads, Bf16)
PLAIT_KV_KERNEL(KvJoinHeads, F16)
PLAIT_KV_KERNEL(KvJoinHeads, E4m3)
PLAIT_KV_KERNEL(KvJoinHeads, E5m2)
