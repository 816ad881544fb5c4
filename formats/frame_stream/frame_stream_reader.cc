#include "formats/frame_stream/frame_stream_reader.h"

#include <algorithm>
#include <cstring>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "formats/frame/frame_footer.h"
#include "formats/frame_stream/frame_stream_index.h"

namespace plait {
namespace {

// What tells a frame from the index.
constexpr size_t kMagicBytes = sizeof(kIndexMagic);

bool StartsWith(std::span<const uint8_t> bytes, std::span<const char> magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

absl::Status CheckHeader(std::span<const uint8_t> header) {
  if (const auto version = LoadLe<uint16_t>(header.data() + 8); version != kStreamVersion) {
    return absl::UnimplementedError(FoundExpected("stream version", version, kStreamVersion));
  }
  const size_t hash_at = header.size() - 8;
  const uint64_t hash = Hash64(header.first(hash_at));
  if (const auto expected = LoadLe<uint64_t>(header.data() + hash_at); hash != expected) {
    return absl::DataLossError(FoundExpected("stream header hash", HexDigits(hash), HexDigits(expected)));
  }
  if (const auto kind = LoadLe<uint16_t>(header.data() + 10); kind > 1) {
    return absl::UnimplementedError(FoundExpected("stream kind", kind, "0 or 1"));
  }
  return CheckZeros(header.subspan(12, hash_at - 12), "reserved bytes of the stream header");
}

}  // namespace

bool LooksLikeFrameStream(std::span<const uint8_t> bytes) { return StartsWith(bytes, kStreamMagic); }

absl::StatusOr<FrameStreamReader> FrameStreamReader::Open(ByteStream* stream) {
  uint8_t header[kStreamHeaderBytes];
  PLAIT_ASSIGN_OR_RETURN(const size_t bytes, stream->Read(header));
  if (!LooksLikeFrameStream(std::span(header).first(bytes))) {
    return absl::FailedPreconditionError("not a frame stream: found other first bytes than \"PLTSTREM\"");
  }
  if (bytes < sizeof(header)) return absl::OutOfRangeError(FoundExpected("stream header bytes", bytes, sizeof(header)));
  PLAIT_RETURN_IF_ERROR(CheckHeader(header));
  FrameStreamReader reader(stream);
  reader.kind_ = static_cast<StreamKind>(LoadLe<uint16_t>(header + 10));
  return reader;
}

absl::Status FrameStreamReader::ReadExactly(std::span<uint8_t> bytes, std::string_view what) {
  PLAIT_ASSIGN_OR_RETURN(const size_t found, stream_->Read(bytes));
  frame_offset_ += found;
  bytes_read_ += found;
  if (found == bytes.size()) return absl::OkStatus();
  return absl::OutOfRangeError(
      FoundExpected(what, absl::StrCat("the end of the stream after ", found, " bytes"), bytes.size()));
}

absl::Status FrameStreamReader::SkipPadding(uint64_t alignment, std::string_view what) {
  uint8_t padding[kFrameAlignment];
  const auto bytes = std::span(padding).first(AlignUp(frame_offset_, alignment) - frame_offset_);
  PLAIT_RETURN_IF_ERROR(ReadExactly(bytes, what));
  return CheckZeros(bytes, what);
}

absl::Status FrameStreamReader::BeginFrame(std::span<const uint8_t> first_bytes) {
  std::vector<uint8_t> bytes(first_bytes.begin(), first_bytes.end());
  frame_offset_ = bytes.size();
  bytes.resize(kFrameFixedHeaderBytes);
  PLAIT_RETURN_IF_ERROR(ReadExactly(std::span(bytes).subspan(frame_offset_), "frame header bytes"));
  // ParseFrameHeader refuses a length outside its limits; here it is only kept from being read.
  const size_t claimed = LoadLe<uint32_t>(bytes.data() + 12);
  bytes.resize(std::clamp(claimed, kFrameFixedHeaderBytes, kMaxFrameHeaderBytes));
  PLAIT_RETURN_IF_ERROR(ReadExactly(std::span(bytes).subspan(kFrameFixedHeaderBytes), "frame header bytes"));
  PLAIT_ASSIGN_OR_RETURN(FrameHeader header, ParseFrameHeader(bytes));
  if (header.num_blocks() == 0) return absl::DataLossError("frame blocks: found 0, expected at least 1");
  header_ = std::make_shared<FrameHeader>(std::move(header));
  block_table_.clear();
  return absl::OkStatus();
}

absl::StatusOr<StreamItem> FrameStreamReader::ReadBlock(std::vector<uint8_t>& coded) {
  StreamItem item = {.header = header_, .frame = entries_.size(), .block = block_, .end = std::nullopt};
  PLAIT_RETURN_IF_ERROR(SkipPadding(kBlockAlignment, "padding before the block"));
  coded.resize(kBlockHeaderBytes);
  PLAIT_RETURN_IF_ERROR(ReadExactly(coded, "block header bytes"));
  if (IsCutMark(coded)) {
    item.cut = true;
    PLAIT_ASSIGN_OR_RETURN(item.end, ReadCutMark(coded));
    coded.clear();
    return item;
  }
  PLAIT_ASSIGN_OR_RETURN(const BlockHeader block, ParseBlockHeader(coded));
  // No codec is used where it does not shrink, so a payload never asks for more memory than the block itself.
  const size_t most_bytes = BlockRawBytes(item.spec());
  if (block.payload_bytes > most_bytes) {
    return absl::DataLossError(
        FoundExpected("payload bytes", block.payload_bytes, absl::StrCat("at most ", most_bytes)));
  }
  coded.resize(kBlockHeaderBytes + block.payload_bytes);
  PLAIT_RETURN_IF_ERROR(ReadExactly(std::span(coded).subspan(kBlockHeaderBytes), "payload bytes"));
  AppendBlockTableEntry(block, &block_table_);
  ++block_;
  if (block_ < header_->num_blocks()) return item;
  PLAIT_ASSIGN_OR_RETURN(item.end, ReadFooter());
  return item;
}

absl::StatusOr<IndexEntry> FrameStreamReader::ReadFooter() {
  const uint64_t frame_bytes = FrameBytes(frame_offset_, block_);
  std::vector<uint8_t> bytes(frame_bytes - frame_offset_);
  PLAIT_RETURN_IF_ERROR(ReadExactly(bytes, "frame footer bytes"));
  const size_t padding_bytes = bytes.size() - FrameFooterBytes(block_);
  PLAIT_RETURN_IF_ERROR(CheckZeros(std::span(bytes).first(padding_bytes), "padding before the footer"));
  PLAIT_ASSIGN_OR_RETURN(const FrameFooter footer,
                         ParseFrameFooter(std::span(bytes).subspan(padding_bytes), header_->hash, block_));
  if (footer.frame_bytes != frame_bytes) {
    return absl::DataLossError(FoundExpected("frame bytes", footer.frame_bytes, frame_bytes));
  }
  if (!std::ranges::equal(footer.block_table, block_table_)) {
    return absl::DataLossError("block table: found other blocks than those of the frame");
  }
  return IndexEntry{frame_bytes, header_->decoded_bytes, footer.decoded_hash, false};
}

absl::StatusOr<IndexEntry> FrameStreamReader::ReadCutMark(std::span<const uint8_t> first_bytes) {
  std::vector<uint8_t> bytes(first_bytes.begin(), first_bytes.end());
  bytes.resize(kCutMarkBytes);
  PLAIT_RETURN_IF_ERROR(ReadExactly(std::span(bytes).subspan(first_bytes.size()), "cut mark bytes"));
  PLAIT_ASSIGN_OR_RETURN(const FrameCut cut, ParseCutMark(bytes, header_->hash));
  if (const uint64_t expected = header_->block_raw_offset(block_); cut.decoded_bytes != expected) {
    return absl::DataLossError(FoundExpected("decoded bytes before the cut", cut.decoded_bytes, expected));
  }
  PLAIT_RETURN_IF_ERROR(SkipPadding(kFrameAlignment, "padding behind the cut mark"));
  return IndexEntry{frame_offset_, cut.decoded_bytes, cut.decoded_hash, true};
}

absl::Status FrameStreamReader::ReadIndex(std::span<const uint8_t> first_bytes) {
  std::vector<uint8_t> bytes(first_bytes.begin(), first_bytes.end());
  bytes.resize(kIndexFixedBytes + entries_.size() * kIndexEntryBytes);
  PLAIT_RETURN_IF_ERROR(ReadExactly(std::span(bytes).subspan(first_bytes.size()), "index bytes"));
  PLAIT_RETURN_IF_ERROR(CheckStreamIndex(bytes, entries_));
  uint8_t more;
  PLAIT_ASSIGN_OR_RETURN(const size_t bytes_behind, stream_->Read({&more, 1}));
  if (bytes_behind != 0) return absl::DataLossError("end of the stream: found bytes behind the index");
  return absl::OkStatus();
}

absl::StatusOr<std::optional<StreamItem>> FrameStreamReader::Next(std::vector<uint8_t>& coded) {
  if (header_ == nullptr) {
    uint8_t magic[kMagicBytes];
    PLAIT_RETURN_IF_ERROR(ReadExactly(magic, "frame or index"));
    if (StartsWith(magic, kIndexMagic)) {
      PLAIT_RETURN_IF_ERROR(ReadIndex(magic));
      return std::nullopt;
    }
    PLAIT_RETURN_IF_ERROR(BeginFrame(magic));
  }
  PLAIT_ASSIGN_OR_RETURN(StreamItem item, ReadBlock(coded));
  if (item.end) {
    entries_.push_back(*item.end);
    header_ = nullptr;
    block_ = 0;
  }
  return item;
}

}  // namespace plait
