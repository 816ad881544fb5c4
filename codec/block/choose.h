// Which codec a block gets: every candidate's size is estimated, the smallest wins, ties go to the faster decoder.
#ifndef PLAIT_CODEC_BLOCK_CHOOSE_H_
#define PLAIT_CODEC_BLOCK_CHOOSE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "codec/base/dtype.h"
#include "codec/block/codec_id.h"
#include "codec/block/workspace.h"
#include "codec/tier/tier.h"

namespace plait {

struct BlockChoice {
  CodecId codec = CodecId::kStore;
  PlaneKind plane = PlaneKind::kBytes;
  size_t estimated_bytes = 0;  // of the payload
  TierPlan tier_plan = {};     // when codec is kTier
};

// All choices worth trying for a block of `raw` bytes of `dtype`, smallest estimate first; store, which always works,
// is the last. When tier is among them, the workspace holds the block's bf16 planes on return.
// Depends on the bytes alone (and on the version of libzstd).
std::vector<BlockChoice> RankChoices(Dtype dtype, std::span<const uint8_t> raw, BlockWorkspace& workspace);

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_CHOOSE_H_
