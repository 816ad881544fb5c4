// Writes one frame to a sink: header, blocks, footer.
#ifndef PLAIT_FORMATS_FRAME_FRAME_WRITER_H_
#define PLAIT_FORMATS_FRAME_FRAME_WRITER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/base/hash.h"
#include "codec/block/codec_id.h"
#include "formats/base/byte_io.h"
#include "formats/frame/frame_header.h"

namespace plait {

// What a finished frame was.
struct FrameSummary {
  uint64_t frame_bytes = 0;
  uint64_t decoded_bytes = 0;
  Hash128 decoded_hash;
  CodecId main_codec = CodecId::kStore;  // the one that coded most blocks; the lower id of two that tie
};

// Usage: Begin, AddBlock for every block in order, Finish (or Cut). The sink's size must be a multiple of
// kFrameAlignment at Begin and is one after Finish and Cut.
class FrameWriter {
 public:
  // `sink` outlives the writer.
  explicit FrameWriter(ByteSink* sink) : sink_(sink) {}

  // Requires: `header` was filled by MakeFrameHeader, which made `header_bytes`.
  absl::Status Begin(const FrameHeader& header, std::span<const uint8_t> header_bytes);

  // `coded` is what EncodeBlock made of `raw` for the next block.
  absl::Status AddBlock(std::span<const uint8_t> coded, std::span<const uint8_t> raw);

  absl::StatusOr<FrameSummary> Finish();

  // Ends the frame before its last block, as only streams may: the tensor broke off. The summary is of what is there.
  absl::StatusOr<FrameSummary> Cut();

 private:
  absl::Status Align(uint64_t alignment);

  ByteSink* sink_;
  uint64_t begin_ = 0;
  uint64_t decoded_bytes_ = 0;
  uint64_t header_hash_ = 0;
  std::vector<uint8_t> block_table_;
  uint64_t blocks_of_codec_[kMaxCodecId + 1] = {};
  Hasher128 decoded_hash_;
};

}  // namespace plait

#endif  // PLAIT_FORMATS_FRAME_FRAME_WRITER_H_
