// The one selector of the KV kernels.
#ifndef PLAIT_CODEC_KV_KV_RANS_SELECT_H_
#define PLAIT_CODEC_KV_KV_RANS_SELECT_H_

#include "codec/kv/kv_rans_kernel.h"

namespace plait {

inline const KvRansKernels& ActiveKvRansKernels() { return kKvRansScalar; }

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_RANS_SELECT_H_
