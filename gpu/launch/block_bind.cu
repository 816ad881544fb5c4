#include "gpu/kernels/block_bind.h"
#include "gpu/simt/cuda_context.cuh"

extern "C" __global__ void __launch_bounds__(plait::gpu::kBindWarps* plait::simt::kWarpLanes)
    BlockBind(plait::gpu::BlockBindParams params) {
  plait::simt::CudaContext ctx;
  plait::gpu::BlockBindBody(ctx, params);
}
