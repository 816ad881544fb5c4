// Writes a frame stream to a sink that is never asked to go back: header, frames, index.
#ifndef PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_WRITER_H_
#define PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_WRITER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "formats/base/byte_io.h"
#include "formats/frame/frame_writer.h"
#include "formats/frame_stream/frame_stream_layout.h"

namespace plait {

// Usage: Begin; for every frame BeginFrame, AddBlock..., EndFrame or CutFrame; then Finish. Only Append of the sink is
// used.
class FrameStreamWriter {
 public:
  // `sink` outlives the writer and is empty.
  explicit FrameStreamWriter(ByteSink* sink) : sink_(sink), frame_(sink) {}

  absl::Status Begin(StreamKind kind);
  // `header` was filled by MakeFrameHeader, which made `header_bytes`.
  absl::Status BeginFrame(const FrameHeader& header, std::span<const uint8_t> header_bytes) {
    return frame_.Begin(header, header_bytes);
  }
  absl::Status AddBlock(std::span<const uint8_t> coded, std::span<const uint8_t> raw) {
    return frame_.AddBlock(coded, raw);
  }
  absl::Status EndFrame();
  // Ends the frame where it is: its tensor broke off.
  absl::Status CutFrame();
  absl::Status Finish();

 private:
  absl::Status AddEntry(const absl::StatusOr<FrameSummary>& summary, bool cut);

  ByteSink* sink_;
  FrameWriter frame_;
  std::vector<IndexEntry> entries_;
};

}  // namespace plait

#endif  // PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_WRITER_H_
