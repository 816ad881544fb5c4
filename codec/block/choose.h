// Which planes a block is split into: each kind that might fit is tried on samples of the block, cheapest first.
#ifndef PLAIT_CODEC_BLOCK_CHOOSE_H_
#define PLAIT_CODEC_BLOCK_CHOOSE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "codec/base/dtype.h"
#include "codec/block/encode_settings.h"
#include "codec/block/workspace.h"
#include "codec/transform/plane_kind.h"

namespace plait {

// A way to cut a block into planes.
struct PlaneChoice {
  PlaneKind kind = PlaneKind::kBytes;
  uint8_t phase = 0;           // bytes before the first whole element; 0 for a tensor
  size_t estimated_bytes = 0;  // of the coded block
};

// The ways worth trying for a block of `raw` bytes of `dtype`, the smallest estimate first; at least one. A tensor of a
// float type is cut as that type says, or is bytes if it looks like no float at all; bytes of unknown content (U8) are
// tried as bytes, bf16, fp16 and fp32 at every phase.
// Depends on the bytes alone (and on the version of libzstd).
std::vector<PlaneChoice> RankPlaneChoices(Dtype dtype, std::span<const uint8_t> raw, BlockWorkspace& workspace);

// `choice` or, where that promises less, the same with wide symbols (plane_kind.h): sizes of samples are compared as
// the coders of `settings` would have them.
PlaneChoice ChooseSymbolWidth(const PlaneChoice& choice, const EncodeSettings& settings, std::span<const uint8_t> raw,
                              BlockWorkspace& workspace);

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_CHOOSE_H_
