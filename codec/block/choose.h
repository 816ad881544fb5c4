// Which planes a block is split into: those of its type, and where that is no good, or there are none, those that look
// best on samples of the block.
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

// The planes of a float type; kBytes for types that have none.
PlaneKind OwnPlanes(Dtype dtype);

// The ways worth trying for a block of `raw` bytes of `dtype`, the smallest estimate first: any block may be bytes, one
// of a float type what that type says, and one of unknown content (U8) bf16, fp16 or fp32 at every phase.
// Depends on the bytes alone (and on the version of libzstd).
std::vector<PlaneChoice> RankPlaneChoices(Dtype dtype, std::span<const uint8_t> raw, BlockWorkspace& workspace);

// `choice` or, where that promises less, the same with wide symbols (plane_kind.h): sizes of samples are compared as
// the coders of `settings` would have them.
PlaneChoice ChooseSymbolWidth(const PlaneChoice& choice, const EncodeSettings& settings, std::span<const uint8_t> raw,
                              BlockWorkspace& workspace);

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_CHOOSE_H_
