// The one selector of the kernels between KV elements and symbols.
#ifndef PLAIT_CODEC_KV_KV_SYMBOLS_SELECT_H_
#define PLAIT_CODEC_KV_KV_SYMBOLS_SELECT_H_

#include "codec/base/cpu.h"
#include "codec/kv/kv_symbols_kernel.h"

namespace plait {

// Indexed by element type.
inline const KvSymbolKernels* ActiveKvSymbolKernels() {
#if defined(__x86_64__)
  if (ActiveCpu() >= CpuVariant::kAvx512) return kKvSymbolsAvx512;
#endif
  return kKvSymbolsScalar;
}

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_SYMBOLS_SELECT_H_
