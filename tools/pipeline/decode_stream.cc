#include <algorithm>
#include <utility>

#include "codec/base/status.h"
#include "formats/container/container_layout.h"
#include "tools/pipeline/decode.h"
#include "tools/pipeline/ordered.h"
#include "tools/pipeline/where.h"

namespace plait {
namespace {

struct StreamDecodeItem {
  std::optional<StreamItem> part;  // none if the stream could not be read on
  uint64_t failed_frame = 0;       // where that was
  uint64_t failed_block = 0;
  std::vector<uint8_t> coded;
  std::vector<uint8_t> raw;
  BlockWorkspace workspace;
  absl::Status status;
};

void DecodePart(StreamCheck check, StreamDecodeItem& item) {
  item.raw.clear();
  if (!item.status.ok() || item.part->cut || check == StreamCheck::kStructure) return;
  item.raw.resize(BlockRawBytes(item.part->spec()));
  item.status = DecodeBlock(item.part->spec(), item.coded, item.workspace, item.raw);
}

// Passes pieces on, gives them the names of the original's tensors and watches the decoded hash of each frame.
class FrameWatch {
 public:
  FrameWatch(StreamKind kind, StreamCheck check, const PieceReceiver* receive)
      : header_wanted_(kind == StreamKind::kSafetensors), check_(check), receive_(receive) {}

  absl::Status Take(StreamDecodeItem& item) {
    if (!item.part) return ReportFailure(item);
    const StreamItem& part = *item.part;
    if (part.frame != frame_ || frames_ == 0) BeginFrame(part);
    DecodedPiece piece{.tensor = tensor_,
                       .block = part.block,
                       .where = WhereIs(part.block),
                       .original_offset = frame_begin_ + part.header->block_raw_offset(part.block),
                       .bytes = item.raw,
                       .coded_bytes = item.coded.size(),
                       .status = item.status};
    whole_ = whole_ && item.status.ok();
    hash_.Update(item.raw);
    if (header_wanted_ && whole_) TakeHeader(item.raw);
    if (!part.cut) PLAIT_RETURN_IF_ERROR((*receive_)(piece));
    return part.end ? EndFrame(part, piece) : absl::OkStatus();
  }

 private:
  void BeginFrame(const StreamItem& part) {
    frame_ = part.frame;
    ++frames_;
    hash_.Reset();
    whole_ = true;
    const auto at = std::ranges::lower_bound(tensors_, frame_begin_, {}, &TensorInfo::begin);
    const bool is_tensor = at != tensors_.end() && at->begin == frame_begin_ && at->dtype == part.header->dtype &&
                           at->bytes() == part.header->decoded_bytes;
    tensor_ = is_tensor ? at->name : "";
  }

  absl::Status EndFrame(const StreamItem& part, DecodedPiece& piece) {
    frame_begin_ += part.end->decoded_bytes;
    const Hash128 hash = hash_.Digest();
    if (!whole_ || check_ == StreamCheck::kStructure || hash == part.end->decoded_hash) return absl::OkStatus();
    piece.bytes = {};
    piece.block = std::nullopt;
    piece.where = WhereIs(std::nullopt);
    piece.status =
        absl::DataLossError(FoundExpected("decoded hash", HexDigits(hash), HexDigits(part.end->decoded_hash)));
    return (*receive_)(piece);
  }

  // A frame of which nothing was read has no tensor yet.
  absl::Status ReportFailure(const StreamDecodeItem& item) {
    if (frames_ == 0 || item.failed_frame != frame_) tensor_.clear();
    frame_ = item.failed_frame;
    return (*receive_)({.tensor = tensor_,
                        .block = item.failed_block,
                        .where = WhereIs(item.failed_block),
                        .original_offset = frame_begin_,
                        .status = item.status});
  }

  // Gathers the original's header, until its tensors can be named. A header that does not parse names none.
  void TakeHeader(std::span<const uint8_t> bytes) {
    header_.insert(header_.end(), bytes.begin(), bytes.end());
    if (header_.size() > kMaxSafetensorsHeaderBytes + kSafetensorsLengthBytes) {
      header_wanted_ = false;
    } else if (absl::StatusOr<SafetensorsHeader> header = ParseSafetensorsHeader(header_, std::nullopt); header.ok()) {
      tensors_ = std::move(header->tensors);
      // From here on by their place in the file.
      for (TensorInfo& tensor : tensors_) {
        tensor.begin += header_.size();
        tensor.end += header_.size();
      }
      std::erase_if(tensors_, [](const TensorInfo& tensor) { return tensor.bytes() == 0; });
      header_wanted_ = false;
    }
    if (!header_wanted_) header_ = {};
  }

  std::string WhereIs(std::optional<uint64_t> block) const {
    if (!tensor_.empty()) return Where(ContainerKind::kSafetensors, tensor_, block);
    const std::string frame = absl::StrCat("frame ", frame_);
    return block ? absl::StrCat(frame, ": block ", *block) : frame;
  }

  bool header_wanted_;
  StreamCheck check_;
  const PieceReceiver* receive_;
  std::vector<uint8_t> header_;
  std::vector<TensorInfo> tensors_;
  uint64_t frames_ = 0;       // that began
  uint64_t frame_ = 0;        // the one that blocks now come from
  uint64_t frame_begin_ = 0;  // in the original
  std::string tensor_;        // whose frame it is
  Hasher128 hash_;
  bool whole_ = true;
};

}  // namespace

absl::Status DecodeStream(FrameStreamReader& stream, int threads, StreamCheck check, const PieceReceiver& receive) {
  FrameWatch watch(stream.kind(), check, &receive);
  bool ended = false;
  return RunOrdered<StreamDecodeItem>(
      threads,
      [&](StreamDecodeItem& item) {
        if (ended) return false;
        absl::StatusOr<std::optional<StreamItem>> part = stream.Next(item.coded);
        item.status = part.status();
        item.part = part.ok() ? *std::move(part) : std::nullopt;
        item.failed_frame = stream.frames_read();
        item.failed_block = stream.blocks_read();
        ended = !item.part;
        return !item.status.ok() || item.part.has_value();
      },
      [&](StreamDecodeItem& item) { DecodePart(check, item); },
      [&](StreamDecodeItem& item) { return watch.Take(item); });
}

}  // namespace plait
