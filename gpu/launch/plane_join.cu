#include "gpu/kernels/plane_join.h"
#include "gpu/simt/cuda_context.cuh"

extern "C" __global__ void __launch_bounds__(256) PlaneJoinBf16(plait::gpu::PlaneJoinParams params) {
  plait::simt::CudaContext ctx;
  plait::gpu::PlaneJoinBody(ctx, params);
}
