// The payload of a block that is split into planes: a directory, then the planes, each by its own coder. Frozen
// numbers; FORMAT.md beside this file describes them.
//
//   directory, an entry for each plane:  codec id (1) | phase (1; of plane 0, else zero) | zero (2) | coded bytes (4)
//   planes, in order, each from a multiple of kPlaneAlignment of the payload on
//   edge bytes: the `phase` bytes before the first whole element, then those behind the last
#ifndef PLAIT_CODEC_BLOCK_PLANE_PAYLOAD_H_
#define PLAIT_CODEC_BLOCK_PLANE_PAYLOAD_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/block/block_layout.h"
#include "codec/block/choose.h"
#include "codec/block/codec_id.h"
#include "codec/block/encode_settings.h"
#include "codec/block/workspace.h"

namespace plait {

inline constexpr size_t kPlaneEntryBytes = 8;
inline constexpr size_t kPlaneAlignment = 16;

struct EncodedPayload {
  CodecId codec = CodecId::kStore;  // of plane 0
  bool is_structured = false;       // whether signs and mantissas are not what those of weights are, nearly random
};

// Appends the payload of `raw`, cut as `choice` says (not kBytes). Every plane gets the smallest of its coders, or
// `forced` for plane 0; with `forced`, kInvalidArgument if it cannot carry that plane.
absl::StatusOr<EncodedPayload> AppendPlanePayload(const PlaneChoice& choice, const CodecId* forced,
                                                  const EncodeSettings& settings, std::span<const uint8_t> raw,
                                                  BlockWorkspace& workspace, std::vector<uint8_t>* coded);

// The inverse; plane 0's codec must be `codec`, as the block header says.
// Returns: kOutOfRange if the payload ends early; kDataLoss if it is corrupt; kUnimplemented for an unknown codec.
absl::Status DecodePlanePayload(PlaneKind kind, CodecId codec, std::span<const uint8_t> payload,
                                BlockWorkspace& workspace, std::span<uint8_t> raw, const DecodeHints& hints = {});

// One plane of a coded block, for those who ask where the bytes went.
struct CodedPlane {
  CodecId codec = CodecId::kStore;
  size_t coded_bytes = 0;
};

struct BlockAnatomy {
  PlaneKind kind = PlaneKind::kBytes;
  uint8_t phase = 0;
  std::vector<CodedPlane> planes;
};

// How a block that ParseBlockHeader accepts is made up; nothing is decoded.
// Returns: kOutOfRange if its directory ends early; kDataLoss or kUnimplemented if that is wrong.
absl::StatusOr<BlockAnatomy> DescribeBlock(std::span<const uint8_t> coded);

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_PLANE_PAYLOAD_H_
