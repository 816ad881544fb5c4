// Reads a frame stream from front to back, block by block, with a buffer of one block.
#ifndef PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_READER_H_
#define PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/base/byte_io.h"
#include "formats/frame/frame_header.h"
#include "formats/frame_stream/frame_stream_layout.h"

namespace plait {

// Whether `bytes`, the first ones of a file or a pipe, are those of a frame stream.
bool LooksLikeFrameStream(std::span<const uint8_t> bytes);

// The next thing in a stream: a block, or the cut mark of a frame that ends without its other blocks.
struct StreamItem {
  std::shared_ptr<const FrameHeader> header;  // of the frame
  uint64_t frame = 0;                         // counted from 0
  uint64_t block = 0;
  bool cut = false;  // a cut mark, no block
  // With the last block and with a cut mark: what the frame says of its decoded bytes. To be compared by whoever
  // decodes them.
  std::optional<IndexEntry> end;

  BlockSpec spec() const { return header->block(block); }
};

class FrameStreamReader {
 public:
  // Reads the stream's header. `stream` outlives the reader.
  // Returns: kFailedPrecondition if it is no frame stream; kOutOfRange if it ends early; kDataLoss if a field or the
  // hash is wrong; kUnimplemented for another version or kind.
  static absl::StatusOr<FrameStreamReader> Open(ByteStream* stream);

  StreamKind kind() const { return kind_; }
  // Where it is, or where Next() failed: frames that are complete, blocks of the next one.
  uint64_t frames_read() const { return entries_.size(); }
  uint64_t blocks_read() const { return block_; }
  // Bytes of the stream that were read so far.
  uint64_t bytes_read() const { return bytes_read_; }

  // Reads the next block, header and payload, into `coded` (emptied for a cut mark); nullopt at the end, when the index
  // was found to be right and nothing behind it. Everything is checked but the block's hash and the inside of its
  // payload (DecodeBlock) and the decoded hash (StreamItem::end). Never call again after a failure.
  // Returns: kOutOfRange if the stream ends early; kDataLoss if a part is wrong; kUnimplemented for another version, an
  // unknown dtype, codec or section; kUnavailable if reading fails.
  absl::StatusOr<std::optional<StreamItem>> Next(std::vector<uint8_t>& coded);

 private:
  explicit FrameStreamReader(ByteStream* stream) : stream_(stream) {}

  absl::Status ReadExactly(std::span<uint8_t> bytes, std::string_view what);
  absl::Status SkipPadding(uint64_t alignment, std::string_view what);
  absl::Status BeginFrame(std::span<const uint8_t> first_bytes);
  absl::StatusOr<StreamItem> ReadBlock(std::vector<uint8_t>& coded);
  absl::StatusOr<IndexEntry> ReadFooter();
  absl::StatusOr<IndexEntry> ReadCutMark(std::span<const uint8_t> first_bytes);
  absl::Status ReadIndex(std::span<const uint8_t> first_bytes);

  ByteStream* stream_;
  StreamKind kind_ = StreamKind::kOpaque;
  uint64_t bytes_read_ = kStreamHeaderBytes;
  std::vector<IndexEntry> entries_;            // of the frames that are complete
  std::shared_ptr<const FrameHeader> header_;  // of the frame being read; null between frames
  uint64_t block_ = 0;                         // the next one of it
  uint64_t frame_offset_ = 0;                  // bytes of it that were read
  std::vector<uint8_t> block_table_;           // of its blocks so far
};

}  // namespace plait

#endif  // PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_READER_H_
