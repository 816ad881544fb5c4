#include "tools/pipeline/encode.h"

#include <algorithm>
#include <memory>

#include "codec/base/status.h"
#include "tools/pipeline/block_coding.h"
#include "tools/pipeline/ordered.h"
#include "tools/pipeline/stages.h"
#include "tools/pipeline/where.h"

namespace plait {
namespace {

constexpr uint64_t kCopyBytes = uint64_t{1} << 20;

// What a container may add to an original, a part of it and so many bytes more. Thousands of tiny tensors, each with an
// entry in header and manifest, would add more: such a file is carried as one opaque tensor.
constexpr uint64_t kMostGrowthPart = 1000;
constexpr uint64_t kMostGrowthBytes = 4096;

struct EncodeItem : BlockItem {
  uint64_t offset = 0;  // in the original
};

// Hands out the blocks of all tensors that may shrink, in the order of the original.
class BlockPlanner {
 public:
  BlockPlanner(const ContainerPlan* plan, const Level& level) : plan_(plan), block_log2_(level.block_log2) {}

  bool Next(EncodeItem& item) {
    item.status = absl::OkStatus();
    if (frame_ == nullptr || block_ == frame_->header.num_blocks()) {
      if (!NextFrame(item.status)) return false;
    }
    item.frame = frame_;
    item.block = block_;
    item.offset =
        plan_->original_header.size() + plan_->tensors[frame_->tensor].begin + frame_->header.block_raw_offset(block_);
    ++block_;
    return true;
  }

 private:
  bool NextFrame(absl::Status& status) {
    while (tensor_ < plan_->tensors.size() && !MayShrink(*plan_, tensor_)) ++tensor_;
    if (tensor_ == plan_->tensors.size()) return false;
    auto frame = std::make_shared<Frame>();
    frame->tensor = tensor_;
    frame->header = FrameHeaderFor(*plan_, tensor_, block_log2_);
    status = MakeFrameHeader(&frame->header, &frame->header_bytes);
    frame_ = std::move(frame);
    block_ = 0;
    ++tensor_;
    return true;
  }

  const ContainerPlan* plan_;
  unsigned block_log2_;
  std::shared_ptr<const Frame> frame_;
  size_t tensor_ = 0;
  uint64_t block_ = 0;
};

void EncodeItemBlock(const ByteSource& original, const EncodeOptions& options, EncodeItem& item) {
  if (!item.status.ok()) return;
  item.raw.resize(BlockRawBytes(item.spec()));
  item.status = original.ReadAt(item.offset, item.raw);
  if (item.status.ok()) CodeBlock(options, item);
}

absl::Status WriteItem(const EncodeItem& item, ContainerWriter& writer) {
  const StageTimer timer(Stage::kHash);
  PLAIT_RETURN_IF_ERROR(item.status);
  const Frame& frame = *item.frame;
  if (item.block == 0) PLAIT_RETURN_IF_ERROR(writer.BeginFrame(frame.header, frame.header_bytes));
  PLAIT_RETURN_IF_ERROR(writer.AddBlock(item.coded, item.raw));
  return item.is_last() ? writer.EndFrame(frame.tensor) : absl::OkStatus();
}

absl::Status CopyPlain(const ByteSource& original, const ContainerPlan& plan, size_t index, ContainerWriter& writer,
                       Progress& progress) {
  const TensorInfo& tensor = plan.tensors[index];
  std::vector<uint8_t> bytes;
  PLAIT_RETURN_IF_ERROR(writer.BeginPlain(index));
  for (uint64_t begin = tensor.begin; begin < tensor.end; begin += kCopyBytes) {
    bytes.resize(std::min(kCopyBytes, tensor.end - begin));
    PLAIT_RETURN_IF_ERROR(original.ReadAt(plan.original_header.size() + begin, bytes));
    PLAIT_RETURN_IF_ERROR(writer.AddPlain(bytes));
    // A tensor that was tried as a frame has been counted.
    progress.Add(MayShrink(plan, index) ? 0 : bytes.size(), 0);
  }
  return writer.EndPlain(index);
}

// Writes the container of `plan`, from the sink's first byte on.
absl::Status EncodePlan(const ByteSource& original, const ContainerPlan& plan, const EncodeOptions& options,
                        ByteSink& sink, Progress& progress) {
  ContainerWriter writer(&plan, &sink);
  PLAIT_RETURN_IF_ERROR(writer.Begin());
  BlockPlanner planner(&plan, options.level);
  PLAIT_RETURN_IF_ERROR(RunOrdered<EncodeItem>(
      options.threads, [&](EncodeItem& item) { return planner.Next(item); },
      [&](EncodeItem& item) { EncodeItemBlock(original, options, item); },
      [&](EncodeItem& item) {
        const absl::Status status = WriteItem(item, writer);
        progress.Add(item.raw.size(), item.coded.size());
        return status.ok() ? status
                           : Annotate(status, Where(plan.kind, plan.tensors[item.frame->tensor].name, item.block));
      }));
  for (size_t index : writer.PlainTensors()) {
    PLAIT_RETURN_IF_ERROR(
        Annotate(CopyPlain(original, plan, index, writer, progress), Where(plan.kind, plan.tensors[index].name)));
  }
  return writer.Finish();
}

}  // namespace

absl::Status EncodeContainer(const ByteSource& original, const ContainerPlan& plan, const EncodeOptions& options,
                             ByteSink& sink, Progress& progress) {
  PLAIT_RETURN_IF_ERROR(EncodePlan(original, plan, options, sink, progress));
  const uint64_t most_bytes = plan.original_bytes + plan.original_bytes / kMostGrowthPart + kMostGrowthBytes;
  if (plan.kind == ContainerKind::kOpaque || sink.size() <= most_bytes) return absl::OkStatus();
  PLAIT_RETURN_IF_ERROR(sink.Truncate(0));
  return EncodePlan(original, OpaquePlan(plan.original_bytes), options, sink, progress);
}

}  // namespace plait
