// One plane of a block: which coder it gets, and the coders' one dispatch point.
#ifndef PLAIT_CODEC_BLOCK_PLANE_CODEC_H_
#define PLAIT_CODEC_BLOCK_PLANE_CODEC_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/block/codec_id.h"
#include "codec/block/encode_settings.h"
#include "codec/block/workspace.h"

namespace plait {

// What a plane is likely to hold; decides which coders are asked.
enum class PlaneRole {
  kSymbols,  // an exponent plane: few values, no order
  kNoise,    // signs and mantissas: stored unless a cheap look says otherwise
  kBytes,    // unknown: text, codes, numbers
};

struct EncodedPlane {
  CodecId codec = CodecId::kStore;
  size_t ideal_bytes = 0;  // what an ideal coder of single bytes would take, estimated
};

// Appends `plane`, coded, to `coded` and says how. Never more than plane.size() bytes.
// Depends on the bytes, the role and the settings alone (and on the version of libzstd).
EncodedPlane EncodePlane(PlaneRole role, std::span<const uint8_t> plane, const EncodeSettings& settings,
                         BlockWorkspace& workspace, std::vector<uint8_t>* coded);

// The same with a given coder, without asking whether it helps. False, and nothing appended, if the coder cannot carry
// this plane at all.
[[nodiscard]] bool EncodePlaneWith(CodecId codec, std::span<const uint8_t> plane, BlockWorkspace& workspace,
                                   std::vector<uint8_t>* coded);

// Decodes `coded`, which holds one plane and nothing else, into `plane`.
// Returns: kOutOfRange if it ends early; kDataLoss if it is corrupt. On failure `plane` is unspecified. Reads nothing
// outside `coded`.
absl::Status DecodePlane(CodecId codec, std::span<const uint8_t> coded, BlockWorkspace& workspace,
                         std::span<uint8_t> plane);

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_PLANE_CODEC_H_
