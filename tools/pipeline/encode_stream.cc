#include "tools/pipeline/encode_stream.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "formats/frame_stream/frame_stream_writer.h"
#include "formats/safetensors/safetensors_header.h"
#include "tools/pipeline/block_coding.h"
#include "tools/pipeline/ordered.h"
#include "tools/pipeline/where.h"

namespace plait {
namespace {

// A frame's length stands in its header, so bytes whose end is not in sight are gathered up to this many first.
constexpr uint64_t kChunkBytes = uint64_t{16} << 20;

template <class Found, class Expected>
absl::Status Refusal(std::string_view field, const Found& found, const Expected& expected) {
  return absl::UnimplementedError(absl::StrCat(FoundExpected(field, found, expected), ", refused by --strict"));
}

struct StreamBlock : BlockItem {
  bool cut = false;  // no block: the frame's tensor broke off here
};

// Cuts the original into frames and hands out their blocks in order.
class StreamPlanner {
 public:
  StreamPlanner(ByteStream* input, bool strict, const Level& level)
      : input_(input), strict_(strict), block_log2_(level.block_log2) {}

  // Reads the header of a .safetensors file, if the original begins with one.
  absl::Status Begin() {
    absl::Status status = ReadHeader();
    if (absl::IsUnavailable(status) || absl::IsCancelled(status)) return status;
    if (status.ok()) return absl::OkStatus();
    plan_ = OpaquePlan(0);
    if (!strict_) return absl::OkStatus();
    return absl::UnimplementedError(
        absl::StrCat("not a valid .safetensors file, refused by --strict: ", status.message()));
  }

  StreamKind kind() const {
    return plan_.kind == ContainerKind::kSafetensors ? StreamKind::kSafetensors : StreamKind::kOpaque;
  }

  bool Next(StreamBlock& item) {
    if (failed_) return false;
    item.status = absl::OkStatus();
    item.cut = false;
    if (frame_ == nullptr || block_ == frame_->header.num_blocks()) {
      item.status = NextFrame();
      if (item.status.ok() && frame_ == nullptr) return false;
    }
    item.frame = frame_;
    item.block = block_;
    if (item.status.ok()) item.status = FillBlock(item);
    failed_ = !item.status.ok();
    ++block_;
    return true;
  }

  // "tensor T: block N" of a block that Next() gave; for a run of small tensors or bytes of unknown content,
  // "contents".
  std::string WhereIs(const StreamBlock& item) const {
    if (item.frame == nullptr || item.frame->tensor == kNoTensor) return Where(ContainerKind::kOpaque, "", item.block);
    return Where(plan_.kind, plan_.tensors[item.frame->tensor].name, item.block);
  }

 private:
  static constexpr size_t kNoTensor = ~size_t{0};

  absl::Status ReadHeader() {
    PLAIT_RETURN_IF_ERROR(FillPending(kSafetensorsLengthBytes + 1));
    // Whatever else begins with eight bytes that could be a length, its ninth is hardly a brace.
    if (pending_.size() <= kSafetensorsLengthBytes || pending_.back() != '{') {
      return absl::DataLossError("header JSON: found no '{', expected it first");
    }
    const auto json_bytes = LoadLe<uint64_t>(pending_.data());
    if (json_bytes > kMaxSafetensorsHeaderBytes) {
      return absl::ResourceExhaustedError(
          FoundExpected("header bytes", json_bytes, absl::StrCat("at most ", kMaxSafetensorsHeaderBytes)));
    }
    PLAIT_RETURN_IF_ERROR(FillPending(kSafetensorsLengthBytes + json_bytes));
    PLAIT_ASSIGN_OR_RETURN(SafetensorsHeader header, ParseSafetensorsHeader(pending_, std::nullopt));
    plan_.kind = ContainerKind::kSafetensors;
    plan_.tensors = std::move(header.tensors);
    return absl::OkStatus();
  }

  // Reads until `bytes` are pending or the input ends; grows no further than the input really goes.
  absl::Status FillPending(uint64_t bytes) {
    while (pending_.size() < bytes) {
      const size_t have = pending_.size();
      pending_.resize(have + std::min<uint64_t>(bytes - have, uint64_t{1} << 20));
      PLAIT_ASSIGN_OR_RETURN(const size_t found, input_->Read(std::span(pending_).subspan(have)));
      const bool ended = have + found < pending_.size();
      pending_.resize(have + found);
      if (ended) break;
    }
    return absl::OkStatus();
  }

  // Sets frame_, to null at the end of the original. Pending bytes come first; they are the header, or what a tensor
  // that broke off left.
  absl::Status NextFrame() {
    frame_ = nullptr;
    block_ = 0;
    if (!pending_.empty() && plan_.kind == ContainerKind::kSafetensors) return FramePending();
    if (tensor_ < plan_.tensors.size()) {
      if (MayShrink(plan_, tensor_)) return FrameTensor();
      const uint64_t bytes = TakeSmallTensors();
      PLAIT_RETURN_IF_ERROR(FillPending(bytes));
      if (strict_ && pending_.size() < bytes) return Refusal("data bytes", pending_.size(), bytes);
      if (!pending_.empty()) return FramePending();
      if (tensor_ < plan_.tensors.size()) return FrameTensor();
    }
    PLAIT_RETURN_IF_ERROR(FillPending(kChunkBytes));
    if (pending_.empty()) return absl::OkStatus();
    if (strict_) return Refusal("data bytes", "more", "those that the header names");
    return FramePending();
  }

  // Steps over tensors too small for a frame of their own and returns their bytes together.
  uint64_t TakeSmallTensors() {
    uint64_t bytes = 0;
    while (tensor_ < plan_.tensors.size() && !MayShrink(plan_, tensor_) && bytes < kChunkBytes) {
      bytes += plan_.tensors[tensor_++].bytes();
    }
    return bytes;
  }

  absl::Status FramePending() {
    chunk_ = std::move(pending_);
    pending_ = {};
    chunk_at_ = 0;
    return BeginFrame(kNoTensor, FrameHeaderFor(OpaquePlan(chunk_.size()), 0, block_log2_));
  }

  absl::Status FrameTensor() {
    chunk_.clear();
    const size_t tensor = tensor_++;
    return BeginFrame(tensor, FrameHeaderFor(plan_, tensor, block_log2_));
  }

  absl::Status BeginFrame(size_t tensor, FrameHeader header) {
    auto frame = std::make_shared<Frame>();
    frame->tensor = tensor;
    frame->header = std::move(header);
    PLAIT_RETURN_IF_ERROR(MakeFrameHeader(&frame->header, &frame->header_bytes));
    frame_ = std::move(frame);
    return absl::OkStatus();
  }

  absl::Status FillBlock(StreamBlock& item) {
    item.raw.resize(BlockRawBytes(item.spec()));
    if (frame_->tensor == kNoTensor) {
      std::copy_n(chunk_.begin() + chunk_at_, item.raw.size(), item.raw.begin());
      chunk_at_ += item.raw.size();
      return absl::OkStatus();
    }
    PLAIT_ASSIGN_OR_RETURN(const size_t found, input_->Read(item.raw));
    if (found == item.raw.size()) return absl::OkStatus();
    if (strict_) return Refusal("block bytes", absl::StrCat("the end after ", found), item.raw.size());
    item.cut = true;
    pending_.assign(item.raw.begin(), item.raw.begin() + found);
    tensor_ = plan_.tensors.size();
    frame_ = nullptr;
    return absl::OkStatus();
  }

  ByteStream* input_;
  bool strict_;
  unsigned block_log2_;  // of tensors
  ContainerPlan plan_;
  std::vector<uint8_t> pending_;  // read, in no frame yet
  size_t tensor_ = 0;             // the next one
  std::shared_ptr<const Frame> frame_;
  uint64_t block_ = 0;          // the next one of frame_
  std::vector<uint8_t> chunk_;  // the frame's bytes, if it is no tensor's
  size_t chunk_at_ = 0;
  bool failed_ = false;
};

absl::Status WriteBlock(const StreamBlock& item, FrameStreamWriter& writer) {
  PLAIT_RETURN_IF_ERROR(item.status);
  if (item.block == 0) PLAIT_RETURN_IF_ERROR(writer.BeginFrame(item.frame->header, item.frame->header_bytes));
  if (item.cut) return writer.CutFrame();
  PLAIT_RETURN_IF_ERROR(writer.AddBlock(item.coded, item.raw));
  return item.is_last() ? writer.EndFrame() : absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> EncodeStream(ByteStream& original, bool strict, const EncodeOptions& options, ByteSink& sink,
                                      Progress& progress) {
  StreamPlanner planner(&original, strict, options.level);
  PLAIT_RETURN_IF_ERROR(planner.Begin());
  FrameStreamWriter writer(&sink);
  PLAIT_RETURN_IF_ERROR(writer.Begin(planner.kind()));
  uint64_t original_bytes = 0;
  PLAIT_RETURN_IF_ERROR(RunOrdered<StreamBlock>(
      options.threads, [&](StreamBlock& item) { return planner.Next(item); },
      [&](StreamBlock& item) {
        if (item.status.ok() && !item.cut) CodeBlock(options, item);
      },
      [&](StreamBlock& item) {
        if (absl::Status status = WriteBlock(item, writer); !status.ok()) {
          return Annotate(status, planner.WhereIs(item));
        }
        if (item.cut) return absl::OkStatus();
        original_bytes += item.raw.size();
        progress.Add(item.raw.size(), item.coded.size());
        return absl::OkStatus();
      }));
  PLAIT_RETURN_IF_ERROR(writer.Finish());
  return original_bytes;
}

}  // namespace plait
