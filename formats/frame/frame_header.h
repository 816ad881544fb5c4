// The header of a frame: what tensor it holds and how it is cut into blocks.
#ifndef PLAIT_FORMATS_FRAME_FRAME_HEADER_H_
#define PLAIT_FORMATS_FRAME_FRAME_HEADER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/base/dtype.h"
#include "codec/block/block_codec.h"
#include "formats/base/sections.h"
#include "formats/frame/frame_layout.h"

namespace plait {

struct FrameHeader {
  Dtype dtype = Dtype::kU8;
  std::vector<uint64_t> shape;
  unsigned block_log2 = kDefaultBlockLog2;  // elements per block, as a power of two
  std::vector<Section> sections;

  // Filled by MakeFrameHeader and ParseFrameHeader.
  uint64_t num_elements = 0;
  uint64_t decoded_bytes = 0;
  uint64_t header_bytes = 0;
  uint64_t hash = 0;

  uint64_t num_blocks() const;
  // What block `index` (< num_blocks()) holds; its seed binds it to this header and place.
  BlockSpec block(uint64_t index) const;
  // Place of that block's first byte in the decoded tensor.
  uint64_t block_raw_offset(uint64_t index) const;
};

// Bytes of a tensor of this dtype and shape.
// Returns: kInvalidArgument if they overflow 64 bits or are no whole number.
absl::StatusOr<uint64_t> TensorBytes(Dtype dtype, std::span<const uint64_t> shape);

// Appends the header's bytes to `out` and fills its derived fields.
// Returns: kInvalidArgument for a shape that TensorBytes refuses or of more than kMaxRank dimensions.
absl::Status MakeFrameHeader(FrameHeader* header, std::vector<uint8_t>* out);

// The header at the front of `bytes`, which may go on behind it.
// Returns: kOutOfRange if it ends early; kDataLoss if a field or the hash is wrong; kUnimplemented for another version,
// an unknown dtype or a section that must be understood.
absl::StatusOr<FrameHeader> ParseFrameHeader(std::span<const uint8_t> bytes);

}  // namespace plait

#endif  // PLAIT_FORMATS_FRAME_FRAME_HEADER_H_
