#include "formats/frame/frame_writer.h"

#include <algorithm>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "formats/frame/frame_footer.h"

namespace plait {

absl::Status FrameWriter::Begin(const FrameHeader& header, std::span<const uint8_t> header_bytes) {
  begin_ = sink_->size();
  header_hash_ = header.hash;
  decoded_bytes_ = 0;
  block_table_.clear();
  std::ranges::fill(blocks_of_codec_, 0);
  decoded_hash_.Reset();
  return sink_->Append(header_bytes);
}

absl::Status FrameWriter::AddBlock(std::span<const uint8_t> coded, std::span<const uint8_t> raw) {
  decoded_hash_.Update(raw);
  decoded_bytes_ += raw.size();
  PLAIT_ASSIGN_OR_RETURN(const BlockHeader block, ParseBlockHeader(coded));
  ++blocks_of_codec_[block.codec];
  AppendBlockTableEntry(block, &block_table_);
  PLAIT_RETURN_IF_ERROR(Align(kBlockAlignment));
  return sink_->Append(coded);
}

absl::Status FrameWriter::Align(uint64_t alignment) {
  return AppendZerosUpTo(begin_ + AlignUp<uint64_t>(sink_->size() - begin_, alignment), *sink_);
}

absl::StatusOr<FrameSummary> FrameWriter::Finish() {
  const uint64_t num_blocks = block_table_.size() / kBlockTableEntryBytes;
  FrameSummary summary = {.decoded_bytes = decoded_bytes_, .decoded_hash = decoded_hash_.Digest()};
  summary.frame_bytes = FrameBytes(sink_->size() - begin_, num_blocks);
  summary.main_codec = static_cast<CodecId>(std::ranges::max_element(blocks_of_codec_) - blocks_of_codec_);
  const FrameFooter footer = {block_table_, summary.decoded_hash, summary.frame_bytes};
  PLAIT_RETURN_IF_ERROR(AppendZerosUpTo(begin_ + summary.frame_bytes - FrameFooterBytes(num_blocks), *sink_));
  PLAIT_RETURN_IF_ERROR(sink_->Append(MakeFrameFooter(footer, header_hash_)));
  return summary;
}

absl::StatusOr<FrameSummary> FrameWriter::Cut() {
  FrameSummary summary = {.decoded_bytes = decoded_bytes_, .decoded_hash = decoded_hash_.Digest()};
  PLAIT_RETURN_IF_ERROR(Align(kBlockAlignment));
  PLAIT_RETURN_IF_ERROR(sink_->Append(MakeCutMark({decoded_bytes_, summary.decoded_hash}, header_hash_)));
  PLAIT_RETURN_IF_ERROR(Align(kFrameAlignment));
  summary.frame_bytes = sink_->size() - begin_;
  return summary;
}

}  // namespace plait
