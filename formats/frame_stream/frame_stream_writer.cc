#include "formats/frame_stream/frame_stream_writer.h"

#include <cstring>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "formats/frame_stream/frame_stream_index.h"

namespace plait {

absl::Status FrameStreamWriter::Begin(StreamKind kind) {
  std::vector<uint8_t> header(kStreamHeaderBytes);
  std::memcpy(header.data(), kStreamMagic, sizeof(kStreamMagic));
  StoreLe(kStreamVersion, header.data() + 8);
  StoreLe(static_cast<uint16_t>(kind), header.data() + 10);
  StoreLe(Hash64(std::span(header).first(kStreamHeaderBytes - 8)), header.data() + kStreamHeaderBytes - 8);
  return sink_->Append(header);
}

absl::Status FrameStreamWriter::AddEntry(const absl::StatusOr<FrameSummary>& summary, bool cut) {
  PLAIT_RETURN_IF_ERROR(summary.status());
  entries_.push_back({summary->frame_bytes, summary->decoded_bytes, summary->decoded_hash, cut});
  return absl::OkStatus();
}

absl::Status FrameStreamWriter::EndFrame() { return AddEntry(frame_.Finish(), false); }

absl::Status FrameStreamWriter::CutFrame() { return AddEntry(frame_.Cut(), true); }

absl::Status FrameStreamWriter::Finish() { return sink_->Append(MakeStreamIndex(entries_)); }

}  // namespace plait
