// The one selector of the range kernels.
#ifndef PLAIT_CODEC_RANGE_RANGE_SELECT_H_
#define PLAIT_CODEC_RANGE_RANGE_SELECT_H_

#include "codec/base/cpu.h"
#include "codec/range/range_kernel.h"

namespace plait {

inline const RangeKernels& ActiveRangeKernels() {
#if defined(__x86_64__)
  if (ActiveCpu() >= CpuVariant::kAvx512) return kRangeAvx512;
  if (ActiveCpu() >= CpuVariant::kAvx2) return kRangeAvx2;
#endif
  return kRangeScalar;
}

}  // namespace plait

#endif  // PLAIT_CODEC_RANGE_RANGE_SELECT_H_
