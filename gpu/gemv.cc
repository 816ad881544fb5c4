#include "gpu/gemv.h"

#include <algorithm>
#include <utility>

#include "codec/base/status.h"
#include "gpu/kernels/gemv_plan.h"

namespace plait::gpu {
namespace {

constexpr uint64_t kAlignment = 16;

template <class T>
std::span<const uint8_t> BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)};
}

absl::Status CheckBuffer(const char* name, const void* begin, uint64_t size, uint64_t needed) {
  if (size < needed) {
    return absl::InvalidArgumentError(FoundExpected(name, size, absl::StrCat("at least ", needed)));
  }
  if (reinterpret_cast<uintptr_t>(begin) % kAlignment != 0) {
    return absl::InvalidArgumentError(
        FoundExpected(name, "an odd address", absl::StrCat("a multiple of ", kAlignment)));
  }
  return absl::OkStatus();
}

}  // namespace

GemvImageBuilder::GemvImageBuilder(const GemvLayout& layout, ImageSink sink, Choice choice)
    : layout_(layout),
      sink_(std::move(sink)),
      choice_(std::move(choice)),
      tiler_(layout, [this](const GemvTiles& tiles) { return AddBlock(tiles); }),
      blocks_(layout.blocks()),
      tasks_(size_t{layout.blocks()} * kGemvBlockGroups) {}

absl::Status GemvImageBuilder::Add(std::span<const uint16_t> weights) { return tiler_.Add(weights); }

absl::Status GemvImageBuilder::AddBlock(const GemvTiles& tiles) {
  const TierPlan plan = choice_(CountBytes(tiles.exponents), tiles.exponents.size());
  const ArrangedGemvBlock arranged = ArrangeGemvBlock(plan.shape, plan.table, tiles.exponents, tiles.noise);
  std::ranges::copy(arranged.tasks, tasks_.begin() + size_t{tiles.block} * kGemvBlockGroups);
  GemvBlock& block = blocks_[tiles.block] = arranged.block;
  // The noise is what may be read behind the stream.
  static_assert(kGemvReadAheadBytes <= kGroupSymbols);
  PLAIT_ASSIGN_OR_RETURN(block.stream, Write(arranged.stream));
  PLAIT_ASSIGN_OR_RETURN(block.noise, Write(arranged.noise));
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> GemvImageBuilder::Write(std::span<const uint8_t> bytes) {
  static constexpr uint8_t kZeros[kAlignment] = {};
  PLAIT_RETURN_IF_ERROR(sink_(bytes_, bytes));
  const uint64_t at = bytes_;
  bytes_ += bytes.size();
  if (const uint64_t padding = AlignUp(bytes_, kAlignment) - bytes_; padding > 0) {
    PLAIT_RETURN_IF_ERROR(sink_(bytes_, std::span(kZeros).first(padding)));
    bytes_ += padding;
  }
  return at;
}

absl::StatusOr<GemvPlan> GemvImageBuilder::Finish() {
  PLAIT_RETURN_IF_ERROR(tiler_.Finish());
  GemvPlan plan{.layout = layout_, .image_bytes = 0, .blocks_at = 0, .tasks_at = 0, .chunks_at = 0};
  PLAIT_ASSIGN_OR_RETURN(plan.blocks_at, Write(BytesOf(blocks_)));
  PLAIT_ASSIGN_OR_RETURN(plan.tasks_at, Write(BytesOf(tasks_)));
  PLAIT_ASSIGN_OR_RETURN(plan.chunks_at, Write(BytesOf(MakeGemvChunks(layout_))));
  plan.image_bytes = bytes_;
  return plan;
}

absl::Status GemvMultiplier::Multiply(const GemvPlan& plan, uint32_t batch, const GemvBuffers& buffers,
                                      DeviceStream stream) {
  if (batch == 0 || batch > kGemvMaxBatch) {
    return absl::InvalidArgumentError(FoundExpected("batch", batch, absl::StrCat("1 to ", kGemvMaxBatch)));
  }
  const GemvBuffers& b = buffers;
  PLAIT_RETURN_IF_ERROR(CheckBuffer("image bytes", b.image.data(), b.image.size(), plan.image_bytes));
  PLAIT_RETURN_IF_ERROR(CheckBuffer("x", b.x.data(), b.x.size(), uint64_t{plan.layout.in_features()} * batch));
  PLAIT_RETURN_IF_ERROR(CheckBuffer("scratch bytes", b.scratch.data(), b.scratch.size(), plan.scratch_bytes(batch)));
  PLAIT_RETURN_IF_ERROR(CheckBuffer("y", b.y.data(), b.y.size(), uint64_t{plan.layout.rows()} * batch));
  PLAIT_RETURN_IF_ERROR(CheckBuffer("status words", b.status.data(), b.status.size(), plan.status_words()));
  return MultiplyChecked(plan, batch, buffers, stream);
}

GemvParams GemvLaunches::product() const {
  const uint8_t* const image = buffers->image.data();
  const GemvLayout& layout = plan->layout;
  return {.image = image,
          .tasks = reinterpret_cast<const GemvTask*>(image + plan->tasks_at),
          .blocks = reinterpret_cast<const GemvBlock*>(image + plan->blocks_at),
          .chunks = reinterpret_cast<const GemvChunk*>(image + plan->chunks_at),
          .status = buffers->status.data(),
          .x = buffers->x.data(),
          .sums = layout.whole_strips() ? buffers->y.data() : reinterpret_cast<float*>(buffers->scratch.data()),
          .num_chunks = plan->num_chunks(),
          .num_sums = layout.whole_strips() ? layout.rows() : layout.num_partials(),
          .in_features = layout.in_features(),
          .batch = batch,
          .steps = layout.steps(),
          .reciprocal = ReciprocalOf(layout.steps()),
          .shared = {layout.chunk_slots(), layout.steps(), batch}};
}

GemvRowsParams GemvLaunches::rows() const {
  const GemvLayout& layout = plan->layout;
  return {.partials = reinterpret_cast<const float*>(buffers->scratch.data()),
          .y = buffers->y.data(),
          .rows = layout.rows(),
          .batch = batch,
          .num_partials = layout.num_partials(),
          .steps = layout.steps(),
          .windows = layout.windows(),
          .chunk_groups = layout.chunk_groups(),
          .window_slots = layout.window_slots()};
}

uint32_t GemvLaunches::shared_bytes(uint32_t warps) const { return product().shared.bytes(warps, batch); }

uint32_t GemvLaunches::MaxWarps(uint32_t available_bytes) const {
  uint32_t warps = kGemvMaxWarps;
  while (warps > 0 && shared_bytes(warps) > available_bytes) --warps;
  return warps;
}

}  // namespace plait::gpu
