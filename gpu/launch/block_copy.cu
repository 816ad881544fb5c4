#include "gpu/kernels/block_copy.h"
#include "gpu/simt/cuda_context.cuh"

extern "C" __global__ void __launch_bounds__(plait::gpu::kCopyWarps* plait::simt::kWarpLanes)
    BlockCopy(plait::gpu::BlockCopyParams params) {
  plait::simt::CudaContext ctx;
  plait::gpu::BlockCopyBody(ctx, params);
}
