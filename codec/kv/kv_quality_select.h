// The one selector of the kernels of KV quality layers.
#ifndef PLAIT_CODEC_KV_KV_QUALITY_SELECT_H_
#define PLAIT_CODEC_KV_KV_QUALITY_SELECT_H_

#include "codec/base/cpu.h"
#include "codec/kv/kv_quality_kernel.h"

namespace plait {

// Indexed by element type.
inline const KvQualityKernels* ActiveKvQualityKernels() {
#if defined(__x86_64__)
  if (ActiveCpu() >= CpuVariant::kAvx512) return kKvQualityAvx512;
#endif
  return kKvQualityScalar;
}

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_QUALITY_SELECT_H_
