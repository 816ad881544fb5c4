#include "gpu/kernels/tier_decode.h"
#include "gpu/simt/cuda_context.cuh"

using plait::PlaneKind;

// NAME ## Narrow and NAME ## Wide: the kernels of one plane kind (gpu/kernels/tier_task.h).
#define PLAIT_TIER_KERNEL(NAME, KIND, CAPACITY)                                                     \
  extern "C" __global__ void __launch_bounds__(plait::gpu::CAPACITY.warps* plait::simt::kWarpLanes) \
      NAME(plait::gpu::TierDecodeParams params) {                                                   \
    plait::simt::CudaContext ctx;                                                                   \
    plait::gpu::TierDecodeBody<KIND>(ctx, plait::gpu::CAPACITY, params);                            \
  }

PLAIT_TIER_KERNEL(TierSymbols, PlaneKind::kBytes, kTierNarrow)
PLAIT_TIER_KERNEL(TierSymbolsWide, PlaneKind::kBytes, kTierWide)
PLAIT_TIER_KERNEL(TierBf16, PlaneKind::kBf16, kTierNarrow)
PLAIT_TIER_KERNEL(TierBf16Wide, PlaneKind::kBf16, kTierWide)
PLAIT_TIER_KERNEL(TierE4m3, PlaneKind::kE4m3, kTierNarrow)
PLAIT_TIER_KERNEL(TierE4m3Wide, PlaneKind::kE4m3, kTierWide)
PLAIT_TIER_KERNEL(TierE5m2, PlaneKind::kE5m2, kTierNarrow)
PLAIT_TIER_KERNEL(TierE5m2Wide, PlaneKind::kE5m2, kTierWide)
