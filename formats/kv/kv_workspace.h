// Memory of writers and decoders of KV objects.
#ifndef PLAIT_FORMATS_KV_KV_WORKSPACE_H_
#define PLAIT_FORMATS_KV_KV_WORKSPACE_H_

#include "codec/kv/kv_coder.h"
#include "formats/kv/kv_tier_segment.h"

namespace plait {

// Not thread-safe: one a thread.
struct KvWorkspace {
  KvScratch layers;
  KvTierScratch tier;
};

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_WORKSPACE_H_
