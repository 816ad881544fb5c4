#include "formats/frame/frame_writer.h"

#include <algorithm>
#include <cstring>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"

namespace plait {

absl::Status FrameWriter::Begin(const FrameHeader& header, std::span<const uint8_t> header_bytes) {
  begin_ = sink_->size();
  header_hash_ = header.hash;
  block_table_.clear();
  std::ranges::fill(blocks_of_codec_, 0);
  decoded_hash_.Reset();
  return sink_->Append(header_bytes);
}

absl::Status FrameWriter::AddBlock(std::span<const uint8_t> coded, std::span<const uint8_t> raw) {
  decoded_hash_.Update(raw);
  PLAIT_ASSIGN_OR_RETURN(const BlockHeader block, ParseBlockHeader(coded));
  ++blocks_of_codec_[block.codec];
  const size_t entry = block_table_.size();
  block_table_.resize(entry + kBlockTableEntryBytes);
  StoreLe(block.payload_bytes, block_table_.data() + entry);
  block_table_[entry + 4] = block.codec;
  block_table_[entry + 5] = block.plane;
  PLAIT_RETURN_IF_ERROR(AppendZerosUpTo(begin_ + AlignUp<uint64_t>(sink_->size() - begin_, kBlockAlignment), *sink_));
  return sink_->Append(coded);
}

absl::StatusOr<FrameSummary> FrameWriter::Finish() {
  const uint64_t footer_bytes = kFooterFixedBytes + block_table_.size();
  FrameSummary summary;
  summary.decoded_hash = decoded_hash_.Digest();
  summary.frame_bytes = AlignUp<uint64_t>(sink_->size() - begin_ + footer_bytes, kFrameAlignment);
  summary.main_codec = static_cast<CodecId>(std::ranges::max_element(blocks_of_codec_) - blocks_of_codec_);

  std::vector<uint8_t> footer(footer_bytes);
  std::memcpy(footer.data(), kFooterMagic, sizeof(kFooterMagic));
  StoreLe(static_cast<uint32_t>(block_table_.size() / kBlockTableEntryBytes), footer.data() + 4);
  std::ranges::copy(block_table_, footer.begin() + 8);
  uint8_t* tail = footer.data() + 8 + block_table_.size();
  StoreLe(summary.decoded_hash.low, tail);
  StoreLe(summary.decoded_hash.high, tail + 8);
  StoreLe(summary.frame_bytes, tail + 16);
  StoreLe(Hash64(std::span(footer).first(footer_bytes - 16), header_hash_), tail + 24);
  StoreLe(footer_bytes, tail + 32);
  PLAIT_RETURN_IF_ERROR(AppendZerosUpTo(begin_ + summary.frame_bytes - footer_bytes, *sink_));
  PLAIT_RETURN_IF_ERROR(sink_->Append(footer));
  return summary;
}

}  // namespace plait
