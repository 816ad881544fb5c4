#include "tools/pipeline/decode.h"

#include <algorithm>
#include <memory>

#include "codec/base/status.h"
#include "tools/pipeline/ordered.h"
#include "tools/pipeline/stages.h"
#include "tools/pipeline/where.h"

namespace plait {
namespace {

constexpr uint64_t kPlainPieceBytes = uint64_t{1} << 20;

struct DecodeItem {
  size_t tensor = 0;
  bool last = false;                         // piece of its tensor
  std::shared_ptr<const FrameReader> frame;  // null for a plain tensor
  uint64_t block = 0;                        // of the frame
  uint64_t offset = 0;                       // in the decoded tensor
  uint64_t bytes = 0;
  std::vector<uint8_t> coded;
  std::vector<uint8_t> raw;
  BlockWorkspace workspace;
  absl::Status status;
};

class PiecePlanner {
 public:
  explicit PiecePlanner(const ContainerReader* container) : container_(container) {}

  bool Next(DecodeItem& item) {
    if (tensor_ == container_->tensors().size()) return false;
    item.status = absl::OkStatus();
    item.tensor = tensor_;
    item.block = block_;
    item.offset = 0;
    item.bytes = 0;
    if (block_ == 0) item.status = OpenTensor();
    item.frame = frame_;
    item.last = true;
    if (item.status.ok()) PlanPiece(item);
    ++block_;
    if (item.last) {
      ++tensor_;
      block_ = 0;
    }
    return true;
  }

 private:
  absl::Status OpenTensor() {
    frame_ = nullptr;
    if (!container_->tensors()[tensor_].framed()) return absl::OkStatus();
    PLAIT_ASSIGN_OR_RETURN(FrameReader frame, container_->OpenFrame(tensor_));
    frame_ = std::make_shared<FrameReader>(std::move(frame));
    return absl::OkStatus();
  }

  void PlanPiece(DecodeItem& item) const {
    const uint64_t tensor_bytes = container_->tensors()[tensor_].original.bytes();
    if (frame_ != nullptr) {
      item.offset = frame_->header().block_raw_offset(block_);
      item.bytes = BlockRawBytes(frame_->header().block(block_));
    } else {
      item.offset = block_ * kPlainPieceBytes;
      item.bytes = std::min(kPlainPieceBytes, tensor_bytes - item.offset);
    }
    item.last = item.offset + item.bytes == tensor_bytes;
  }

  const ContainerReader* container_;
  std::shared_ptr<const FrameReader> frame_;
  size_t tensor_ = 0;
  uint64_t block_ = 0;
};

void DecodeItemPiece(const ContainerReader& container, DecodeItem& item) {
  if (!item.status.ok()) return;
  const StageTimer timer(Stage::kCode);
  item.raw.resize(item.bytes);
  if (item.frame != nullptr) {
    item.status = item.frame->ReadBlock(item.block, item.workspace, item.coded, item.raw);
  } else {
    item.status = container.source().ReadAt(container.tensors()[item.tensor].offset + item.offset, item.raw);
  }
}

// Passes pieces on and watches the decoded hash of the tensor they add up to.
class TensorWatch {
 public:
  TensorWatch(const ContainerReader* container, const PieceReceiver* receive)
      : container_(container), receive_(receive) {}

  absl::Status Take(DecodeItem& item) {
    const StageTimer timer(Stage::kHash);
    const StoredTensor& tensor = container_->tensors()[item.tensor];
    if (item.offset == 0) {
      hash_.Reset();
      whole_ = true;
    }
    DecodedPiece piece{.tensor = tensor.original.name,
                       .original_offset = container_->original_header().size() + tensor.original.begin + item.offset,
                       .bytes = item.raw,
                       .coded_bytes = item.frame != nullptr ? item.coded.size() : item.bytes,
                       .status = item.status};
    if (item.frame != nullptr) piece.block = item.block;
    piece.where = Where(container_->kind(), piece.tensor, piece.block);
    whole_ = whole_ && item.status.ok();
    if (item.status.ok()) hash_.Update(item.raw);
    PLAIT_RETURN_IF_ERROR((*receive_)(piece));
    if (!item.last || !whole_) return absl::OkStatus();
    const Hash128 hash = hash_.Digest();
    if (hash == tensor.entry.decoded_hash) return absl::OkStatus();
    return (*receive_)({.tensor = piece.tensor,
                        .where = Where(container_->kind(), piece.tensor),
                        .status = absl::DataLossError(
                            FoundExpected("decoded hash", HexDigits(hash), HexDigits(tensor.entry.decoded_hash)))});
  }

 private:
  const ContainerReader* container_;
  const PieceReceiver* receive_;
  Hasher128 hash_;
  bool whole_ = true;
};

}  // namespace

absl::Status DecodeContainer(const ContainerReader& container, int threads, const PieceReceiver& receive) {
  if (!container.original_header().empty()) {
    PLAIT_RETURN_IF_ERROR(receive({.where = "header", .bytes = container.original_header()}));
  }
  PiecePlanner planner(&container);
  TensorWatch receiver(&container, &receive);
  return RunOrdered<DecodeItem>(
      threads, [&](DecodeItem& item) { return planner.Next(item); },
      [&](DecodeItem& item) { DecodeItemPiece(container, item); },
      [&](DecodeItem& item) { return receiver.Take(item); });
}

}  // namespace plait
