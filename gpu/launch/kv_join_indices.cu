#include "gpu/kernels/kv_join_indices.h"
#include "gpu/simt/cuda_context.cuh"

extern "C" __global__ void __launch_bounds__(plait::gpu::kKvWarps* plait::simt::kWarpLanes)
    KvJoinIndices(plait::gpu::KvDecodeParams params) {
  plait::simt::CudaContext ctx;
  plait::gpu::KvJoinIndicesBody(ctx, params);
}
