#include "gpu/kernels/tier_gemv.h"
#include "gpu/simt/cuda_context.cuh"

extern "C" __global__ void __launch_bounds__(plait::gpu::kGemvMaxWarps* plait::simt::kWarpLanes)
    TierGemv(plait::gpu::GemvParams params) {
  plait::simt::CudaContext ctx;
  plait::gpu::TierGemvBody(ctx, params);
}

extern "C" __global__ void GemvRows(plait::gpu::GemvRowsParams params) {
  plait::simt::CudaContext ctx;
  plait::gpu::GemvRowsBody(ctx, params);
}
