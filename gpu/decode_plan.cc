#include "gpu/decode_plan.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "gpu/kernels/block_copy.h"
#include "gpu/kernels/huffman_plan.h"
#include "gpu/kernels/tier_plan.h"

namespace plait::gpu {
namespace {

constexpr uint64_t kAlignment = 16;

uint32_t NarrowKernel(PlaneKind kind) {
  return static_cast<uint32_t>(2 * (std::ranges::find(kTierKinds, kind) - std::begin(kTierKinds)));
}

// An address that counts from the begin of an image or an output.
template <class Pointer>
Pointer Relative(uint64_t offset) {
  return reinterpret_cast<Pointer>(offset);
}

std::span<const uint8_t> Zeros(uint64_t count) {
  static constexpr uint8_t kZeros[kAlignment] = {};
  return std::span(kZeros).first(count);
}

}  // namespace

bool HasTierKernels(PlaneKind kind) { return std::ranges::find(kTierKinds, kind) != std::end(kTierKinds); }

uint64_t DecodePlan::output_bytes(BlockRun run) const {
  if (run.count == 0) return 0;
  const uint32_t last = run.first + run.count - 1;
  return output_offset(last, run.first) + blocks_[last].bytes;
}

uint64_t DecodePlan::output_offset(uint32_t block, uint32_t first) const {
  return blocks_[block].out - blocks_[first].out;
}

DecodePlan::Tasks DecodePlan::tasks(uint32_t kernel, BlockRun run) const {
  const uint32_t begin = tasks_before(kernel, run.first);
  const uint32_t end = tasks_before(kernel, run.first + run.count);
  const Tasks& all = kernels_[kernel];
  const uint64_t task_bytes = kernel == kHuffmanKernel ? sizeof(HuffmanTask) : sizeof(TierTask);
  return {all.tasks_at + begin * task_bytes, all.groups_at + begin * sizeof(TierGroup), end - begin};
}

void ImageBuilder::BeginTensor(std::string name) {
  out_ = AlignUp(out_, kTensorAlignment);
  plan_.tensors_.push_back({std::move(name), {plan_.num_blocks(), 0}});
}

absl::Status ImageBuilder::CheckPlace() const {
  if (plan_.tensors_.empty()) return absl::InvalidArgumentError("tensors: found none begun, expected one");
  if (out_ % kAlignment == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(FoundExpected("bytes before a block", out_, "a multiple of 16"));
}

absl::Status ImageBuilder::Write(std::span<const uint8_t> bytes) {
  const auto padding = Zeros(AlignUp<uint64_t>(bytes.size(), kAlignment) - bytes.size());
  if (!bytes.empty()) PLAIT_RETURN_IF_ERROR(sink_(written_, bytes));
  if (!padding.empty()) PLAIT_RETURN_IF_ERROR(sink_(written_ + bytes.size(), padding));
  written_ += bytes.size() + padding.size();
  return absl::OkStatus();
}

void ImageBuilder::AddBlock(const TierBlock& block, uint32_t kernel, uint32_t bytes, TierStatus status) {
  DecodePlan::Block planned{.out = out_, .bytes = bytes, .kernel = kernel, .tasks_before = {}};
  for (uint32_t k = 0; k < kNumKernels; ++k) planned.tasks_before[k] = num_tasks(k);
  plan_.blocks_.push_back(planned);
  ++plan_.tensors_.back().blocks.count;
  blocks_.push_back(block);
  blocks_.back().out = Relative<uint8_t*>(out_);
  first_status_.push_back(status);
  out_ += bytes;
}

uint32_t ImageBuilder::num_tasks(uint32_t kernel) const {
  return static_cast<uint32_t>(kernel == kHuffmanKernel ? huffman_tasks_.size() : work_[kernel].tasks.size());
}

// The tasks are those of the block that was added last.
void ImageBuilder::AddTasks(uint32_t kernel, std::span<const TierTask> tasks, std::span<const TierGroup> groups) {
  const uint32_t block = plan_.num_blocks() - 1;
  for (const TierTask& task : tasks) work_[kernel].tasks.push_back({block, task.group});
  work_[kernel].groups.insert(work_[kernel].groups.end(), groups.begin(), groups.end());
}

absl::Status ImageBuilder::AddTier(PlaneKind kind, std::span<const uint8_t> stream, std::span<const uint8_t> noise,
                                   uint32_t elements) {
  if (!HasTierKernels(kind)) {
    return absl::UnimplementedError(FoundExpected("plane kind", static_cast<int>(kind), "one that kernels know"));
  }
  const size_t noise_bytes = kind == PlaneKind::kBytes ? 0 : PlaneBytes(kind, 1, elements);
  if (noise.size() != noise_bytes) {
    return absl::InvalidArgumentError(FoundExpected("bytes of plane 1", noise.size(), noise_bytes));
  }
  PLAIT_RETURN_IF_ERROR(CheckPlace());
  const uint64_t noise_at = written_ + AlignUp<uint64_t>(stream.size(), kAlignment);
  TierDevicePlan plan;
  PLAIT_RETURN_IF_ERROR(AddTierPlane({.stream = stream,
                                      .elements = elements,
                                      .device_stream = Relative<const uint8_t*>(written_),
                                      .device_noise = Relative<const uint8_t*>(noise_at),
                                      .device_out = nullptr},
                                     &plan));
  // What kernels may read behind a stream is its noise, the next block or the tables.
  PLAIT_RETURN_IF_ERROR(Write(stream));
  PLAIT_RETURN_IF_ERROR(Write(noise));
  const uint32_t kernel = NarrowKernel(kind);
  AddBlock(plan.blocks[0], kernel, elements * GetPlaneLayout(kind).element_bytes, kTierOk);
  AddTasks(kernel, plan.narrow.tasks, plan.narrow.groups);
  AddTasks(kernel + 1, plan.wide.tasks, plan.wide.groups);
  return absl::OkStatus();
}

absl::Status ImageBuilder::AddHuffman(const HuffmanParts& parts) {
  PLAIT_RETURN_IF_ERROR(CheckPlace());
  // The order of the parts in the image.
  const uint64_t sign_mantissas_at = written_ + AlignUp<uint64_t>(parts.codes.size(), kAlignment);
  const uint64_t luts_at = sign_mantissas_at + AlignUp<uint64_t>(parts.sign_mantissas.size(), kAlignment);
  const uint64_t gaps_at = luts_at + AlignUp<uint64_t>(parts.luts.size(), kAlignment);
  HuffmanDevicePlan plan{.sources = {}, .tasks = {}, .capacity = plan_.huffman_capacity_};
  PLAIT_RETURN_IF_ERROR(AddHuffmanStream({.luts = parts.luts,
                                          .output_positions = parts.output_positions,
                                          .code_bytes = parts.codes.size(),
                                          .gap_bytes = parts.gaps.size(),
                                          .num_symbols = parts.sign_mantissas.size(),
                                          .device_luts = Relative<const uint8_t*>(luts_at),
                                          .device_codes = Relative<const uint8_t*>(written_),
                                          .device_gaps = Relative<const uint8_t*>(gaps_at),
                                          .device_sign_mantissas = Relative<const uint8_t*>(sign_mantissas_at),
                                          .device_out = nullptr},
                                         kHuffmanMaxSharedBytes, &plan));
  for (const auto& part : {parts.codes, parts.sign_mantissas, parts.luts, parts.gaps})
    PLAIT_RETURN_IF_ERROR(Write(part));
  plan_.huffman_capacity_ = plan.capacity;
  const auto bytes = static_cast<uint32_t>(parts.sign_mantissas.size() * sizeof(uint16_t));
  AddBlock(std::bit_cast<TierBlock>(plan.sources[0]), kHuffmanKernel, bytes, kTierOk);
  for (HuffmanTask& task : plan.tasks) {
    task.source = plan_.num_blocks() - 1;
    huffman_tasks_.push_back(task);
  }
  return absl::OkStatus();
}

absl::Status ImageBuilder::AddPlain(std::span<const uint8_t> bytes) {
  PLAIT_RETURN_IF_ERROR(CheckPlace());
  const auto size = static_cast<uint32_t>(bytes.size());
  TierBlock block{};
  block.stream = Relative<const uint8_t*>(written_);
  block.stream_bytes = block.elements = size;
  PLAIT_RETURN_IF_ERROR(Write(bytes));
  AddBlock(block, kCopyKernel, size, kTierOk);
  for (uint32_t piece = 0; piece < CeilDiv(size, kCopyPieceBytes); ++piece) AddTasks(kCopyKernel, {{{0, piece}}}, {});
  return absl::OkStatus();
}

absl::Status ImageBuilder::AddDamaged(TierStatus status, uint32_t bytes) {
  PLAIT_RETURN_IF_ERROR(CheckPlace());
  AddBlock({}, kCopyKernel, bytes, status);
  return absl::OkStatus();
}

template <class T>
absl::Status ImageBuilder::WriteAll(const std::vector<T>& values, uint64_t* at) {
  *at = written_;
  return Write({reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)});
}

absl::StatusOr<DecodePlan> ImageBuilder::Finish() {
  uint64_t status_at = 0;
  PLAIT_RETURN_IF_ERROR(WriteAll(blocks_, &plan_.tables_at_));
  PLAIT_RETURN_IF_ERROR(WriteAll(first_status_, &status_at));
  for (uint32_t k = 0; k < kNumKernels; ++k) plan_.kernels_[k].count = num_tasks(k);
  for (uint32_t k = 0; k < kHuffmanKernel; ++k) {
    PLAIT_RETURN_IF_ERROR(WriteAll(work_[k].tasks, &plan_.kernels_[k].tasks_at));
    PLAIT_RETURN_IF_ERROR(WriteAll(work_[k].groups, &plan_.kernels_[k].groups_at));
  }
  PLAIT_RETURN_IF_ERROR(WriteAll(huffman_tasks_, &plan_.kernels_[kHuffmanKernel].tasks_at));
  plan_.image_bytes_ = written_;
  return std::move(plan_);
}

}  // namespace plait::gpu
