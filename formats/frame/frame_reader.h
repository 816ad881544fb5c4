// Reads one frame from a source: any block without the others.
#ifndef PLAIT_FORMATS_FRAME_FRAME_READER_H_
#define PLAIT_FORMATS_FRAME_FRAME_READER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/base/hash.h"
#include "codec/block/block_codec.h"
#include "formats/base/byte_io.h"
#include "formats/frame/frame_header.h"

namespace plait {

class FrameReader {
 public:
  // The frame that takes [begin, begin + frame_bytes) of `source`, which outlives the reader. Reads and checks header
  // and footer only.
  // Returns: kOutOfRange if a part ends early; kDataLoss if a field, a hash or the padding is wrong; kUnimplemented for
  // another version, an unknown dtype, codec or section. The messages name the field.
  static absl::StatusOr<FrameReader> Open(const ByteSource* source, uint64_t begin, uint64_t frame_bytes);

  const FrameHeader& header() const { return header_; }
  const Hash128& decoded_hash() const { return decoded_hash_; }
  // As the block table says.
  CodecId codec(uint64_t index) const { return blocks_[index].codec; }
  // Where header and payload of block `index` stand in the source, for those who have its bytes at hand.
  uint64_t coded_offset(uint64_t index) const { return begin_ + blocks_[index].offset; }
  uint64_t coded_bytes(uint64_t index) const { return kBlockHeaderBytes + blocks_[index].payload_bytes; }

  // Reads header and payload of block `index` into `coded` and checks them, but for the hash and the payload's inside,
  // against the block table, and that zeros follow.
  absl::Status ReadCodedBlock(uint64_t index, std::vector<uint8_t>& coded) const;

  // Reads block `index` into `coded` (scratch), checks it and the zeros behind it, and decodes it into `raw`, whose
  // size is BlockRawBytes(header().block(index)). Thread-safe for different scratch.
  // Returns: as DecodeBlock; kUnavailable if reading fails.
  absl::Status ReadBlock(uint64_t index, BlockWorkspace& workspace, std::vector<uint8_t>& coded,
                         std::span<uint8_t> raw) const;

 private:
  struct Block {
    uint64_t offset = 0;  // in the frame
    uint32_t payload_bytes = 0;
    CodecId codec = CodecId::kStore;
    uint8_t plane = 0;
  };

  absl::Status ReadHeader();
  absl::Status ReadFooter();
  absl::Status ParseBlockTable(std::span<const uint8_t> table);

  const ByteSource* source_ = nullptr;
  uint64_t begin_ = 0;
  uint64_t frame_bytes_ = 0;
  uint64_t footer_offset_ = 0;  // in the frame
  FrameHeader header_;
  Hash128 decoded_hash_;
  std::vector<Block> blocks_;
};

}  // namespace plait

#endif  // PLAIT_FORMATS_FRAME_FRAME_READER_H_
