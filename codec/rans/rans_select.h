// The one selector of the rans kernels.
#ifndef PLAIT_CODEC_RANS_RANS_SELECT_H_
#define PLAIT_CODEC_RANS_RANS_SELECT_H_

#include "codec/base/cpu.h"
#include "codec/rans/rans_kernel.h"

namespace plait {

inline const RansKernels& ActiveRansKernels() {
#if defined(__x86_64__)
  if (ActiveCpu() >= CpuVariant::kAvx512) return kRansAvx512;
  if (ActiveCpu() >= CpuVariant::kAvx2) return kRansAvx2;
#endif
  return kRansScalar;
}

}  // namespace plait

#endif  // PLAIT_CODEC_RANS_RANS_SELECT_H_
