#include "gpu/examples/largest_magnitudes.h"
#include "gpu/simt/cuda_context.cuh"

extern "C" __global__ void __launch_bounds__(plait::gpu::kTierNarrow.warps* plait::simt::kWarpLanes)
    LargestMagnitudes(plait::gpu::LargestMagnitudesParams params) {
  plait::simt::CudaContext ctx;
  plait::gpu::LargestMagnitudesBody(ctx, plait::gpu::kTierNarrow, params);
}
