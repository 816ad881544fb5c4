#include "formats/frame/frame_reader.h"

#include <algorithm>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "formats/frame/frame_footer.h"

namespace plait {

absl::StatusOr<FrameReader> FrameReader::Open(const ByteSource* source, uint64_t begin, uint64_t frame_bytes) {
  FrameReader reader;
  reader.source_ = source;
  reader.begin_ = begin;
  reader.frame_bytes_ = frame_bytes;
  PLAIT_RETURN_IF_ERROR(reader.ReadHeader());
  PLAIT_RETURN_IF_ERROR(reader.ReadFooter());
  return reader;
}

absl::Status FrameReader::ReadHeader() {
  if (frame_bytes_ % kFrameAlignment != 0 || frame_bytes_ == 0) {
    return absl::DataLossError(
        FoundExpected("frame bytes", frame_bytes_, absl::StrCat("a multiple of ", kFrameAlignment)));
  }
  std::vector<uint8_t> bytes(std::min<uint64_t>(frame_bytes_, kFrameAlignment));
  PLAIT_RETURN_IF_ERROR(source_->ReadAt(begin_, bytes));
  const uint64_t claimed = LoadLe<uint32_t>(bytes.data() + 12);
  if (claimed > bytes.size() && claimed <= std::min<uint64_t>(frame_bytes_, kMaxFrameHeaderBytes)) {
    bytes.resize(AlignUp<uint64_t>(claimed, kBlockAlignment));
    PLAIT_RETURN_IF_ERROR(source_->ReadAt(begin_, bytes));
  }
  PLAIT_ASSIGN_OR_RETURN(header_, ParseFrameHeader(bytes));
  const uint64_t blocks_begin = AlignUp<uint64_t>(header_.header_bytes, kBlockAlignment);
  return CheckZeros(std::span(bytes).subspan(header_.header_bytes, blocks_begin - header_.header_bytes),
                    "padding of the frame header");
}

absl::Status FrameReader::ReadFooter() {
  const uint64_t num_blocks = header_.num_blocks();
  if (num_blocks == 0) return absl::DataLossError("frame blocks: found 0, expected at least 1");
  // Every block takes at least its alignment, so more blocks than that cannot be there: nothing is allocated for them.
  const uint64_t most_blocks = frame_bytes_ / kBlockAlignment;
  if (num_blocks > most_blocks) {
    return absl::DataLossError(FoundExpected("frame blocks", num_blocks, absl::StrCat("at most ", most_blocks)));
  }
  const uint64_t footer_bytes = FrameFooterBytes(num_blocks);
  if (footer_bytes > frame_bytes_) {
    return absl::OutOfRangeError(FoundExpected("frame bytes", frame_bytes_, absl::StrCat("at least ", footer_bytes)));
  }
  footer_offset_ = frame_bytes_ - footer_bytes;
  std::vector<uint8_t> bytes(footer_bytes);
  PLAIT_RETURN_IF_ERROR(source_->ReadAt(begin_ + footer_offset_, bytes));
  PLAIT_ASSIGN_OR_RETURN(const FrameFooter footer, ParseFrameFooter(bytes, header_.hash, num_blocks));
  if (footer.frame_bytes != frame_bytes_) {
    return absl::DataLossError(FoundExpected("frame bytes", footer.frame_bytes, frame_bytes_));
  }
  PLAIT_RETURN_IF_ERROR(ParseBlockTable(footer.block_table));
  decoded_hash_ = footer.decoded_hash;
  return absl::OkStatus();
}

absl::Status FrameReader::ParseBlockTable(std::span<const uint8_t> table) {
  uint64_t offset = AlignUp<uint64_t>(header_.header_bytes, kBlockAlignment);
  uint64_t end = offset;
  for (size_t entry = 0; entry < table.size(); entry += kBlockTableEntryBytes) {
    const uint8_t* bytes = table.data() + entry;
    if (!IsCodecId(bytes[4])) return absl::UnimplementedError(FoundExpected("codec id", bytes[4], "a known one"));
    if (LoadLe<uint16_t>(bytes + 6) != 0) return absl::DataLossError("block table: found ones, expected zeros");
    const Block block = {.offset = offset,
                         .payload_bytes = LoadLe<uint32_t>(bytes),
                         .codec = static_cast<CodecId>(bytes[4]),
                         .plane = bytes[5]};
    // No codec is used where it does not shrink, so a payload never asks for more memory than the block itself.
    const BlockSpec spec = header_.block(entry / kBlockTableEntryBytes);
    if (block.payload_bytes > BlockRawBytes(spec)) {
      return absl::DataLossError(
          FoundExpected("payload bytes", block.payload_bytes, absl::StrCat("at most ", BlockRawBytes(spec))));
    }
    end = offset + kBlockHeaderBytes + block.payload_bytes;
    if (end > footer_offset_) {
      return absl::DataLossError(FoundExpected("end of block " + std::to_string(entry / kBlockTableEntryBytes), end,
                                               absl::StrCat("at most ", footer_offset_)));
    }
    offset = AlignUp<uint64_t>(end, kBlockAlignment);
    blocks_.push_back(block);
  }
  const uint64_t expected = FrameBytes(end, blocks_.size());
  if (expected != frame_bytes_) return absl::DataLossError(FoundExpected("frame bytes", frame_bytes_, expected));
  return absl::OkStatus();
}

absl::Status FrameReader::ReadCodedBlock(uint64_t index, std::vector<uint8_t>& coded) const {
  const Block& block = blocks_[index];
  const uint64_t next = index + 1 < blocks_.size() ? blocks_[index + 1].offset : footer_offset_;
  const size_t coded_bytes = kBlockHeaderBytes + block.payload_bytes;
  coded.resize(next - block.offset);
  PLAIT_RETURN_IF_ERROR(source_->ReadAt(begin_ + block.offset, coded));
  PLAIT_ASSIGN_OR_RETURN(const BlockHeader found, ParseBlockHeader(coded));
  if (found.payload_bytes != block.payload_bytes) {
    return absl::DataLossError(FoundExpected("payload bytes", found.payload_bytes, block.payload_bytes));
  }
  if (found.codec != static_cast<uint8_t>(block.codec) || found.plane != block.plane) {
    return absl::DataLossError(FoundExpected("codec id and plane kind", absl::StrCat(found.codec, ", ", found.plane),
                                             absl::StrCat(static_cast<int>(block.codec), ", ", block.plane)));
  }
  PLAIT_RETURN_IF_ERROR(CheckZeros(std::span(coded).subspan(coded_bytes), "padding behind the block"));
  coded.resize(coded_bytes);
  return absl::OkStatus();
}

absl::Status FrameReader::ReadBlock(uint64_t index, BlockWorkspace& workspace, std::vector<uint8_t>& coded,
                                    std::span<uint8_t> raw) const {
  PLAIT_RETURN_IF_ERROR(ReadCodedBlock(index, coded));
  return DecodeBlock(header_.block(index), coded, workspace, raw);
}

}  // namespace plait
