// The one selector of the tier kernels.
#ifndef PLAIT_CODEC_TIER_TIER_SELECT_H_
#define PLAIT_CODEC_TIER_TIER_SELECT_H_

#include "codec/base/cpu.h"
#include "codec/tier/tier_kernel.h"

namespace plait {

inline const TierKernels& ActiveTierKernels() {
#if defined(__x86_64__)
  if (ActiveCpu() >= CpuVariant::kAvx512) return kTierAvx512;
  if (ActiveCpu() >= CpuVariant::kAvx2) return kTierAvx2;
#endif
  return kTierScalar;
}

}  // namespace plait

#endif  // PLAIT_CODEC_TIER_TIER_SELECT_H_
