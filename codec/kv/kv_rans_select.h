// The one selector of the KV kernels.
#ifndef PLAIT_CODEC_KV_KV_RANS_SELECT_H_
#define PLAIT_CODEC_KV_KV_RANS_SELECT_H_

#include "codec/base/cpu.h"
#include "codec/kv/kv_rans_kernel.h"

namespace plait {

inline const KvRansKernels& ActiveKvRansKernels() {
#if defined(__x86_64__)
  if (ActiveCpu() >= CpuVariant::kAvx512) return kKvRansAvx512;
#endif
  return kKvRansScalar;
}

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_RANS_SELECT_H_
