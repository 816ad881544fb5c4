// What there is to decode, and where all of it stands in the image: the one buffer that goes to a device as it is.
//
//   image: coded planes of every block | blocks | status words | for each kernel: tasks | groups of these tasks
//
// Every part begins at a multiple of 16. Addresses in an image count from its begin, and those of elements from the
// begin of all elements, so that it can be made, stored and moved before anybody knows where it will be decoded: a
// decoder adds the rest (gpu/kernels/block_bind.h). The plan itself stays on the host.
#ifndef PLAIT_GPU_DECODE_PLAN_H_
#define PLAIT_GPU_DECODE_PLAN_H_

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/transform/plane_kind.h"
#include "gpu/kernels/huffman_task.h"
#include "gpu/kernels/tier_task.h"

namespace plait::gpu {

// The kernels of a decode: for each kind of planes one with narrow capacity and one with the wide one (tier_task.h),
// the one that copies what is not coded, and the one of DFloat11 streams.
inline constexpr PlaneKind kTierKinds[] = {PlaneKind::kBytes, PlaneKind::kBf16, PlaneKind::kE4m3, PlaneKind::kE5m2};
inline constexpr uint32_t kCopyKernel = 2 * std::size(kTierKinds);
inline constexpr uint32_t kHuffmanKernel = kCopyKernel + 1;
inline constexpr uint32_t kNumKernels = kHuffmanKernel + 1;

// Of tier's.
constexpr PlaneKind KindOfKernel(uint32_t kernel) { return kTierKinds[kernel / 2]; }
constexpr TierCapacity CapacityOfKernel(uint32_t kernel) { return kernel % 2 == 0 ? kTierNarrow : kTierWide; }
// Whether there are kernels for `kind`.
bool HasTierKernels(PlaneKind kind);

// Blocks that stand one behind the other, in the order of the image.
struct BlockRun {
  uint32_t first = 0;
  uint32_t count = 0;
};

// A tensor's blocks decode to consecutive bytes.
struct PlannedTensor {
  std::string name;
  BlockRun blocks;
};

// Copyable; not changed by decoding.
class DecodePlan {
 public:
  uint32_t num_blocks() const { return static_cast<uint32_t>(blocks_.size()); }
  std::span<const PlannedTensor> tensors() const { return tensors_; }
  BlockRun all_blocks() const { return {0, num_blocks()}; }

  // What a host allocates. The status has a word (TierStatus, or HuffmanStatus of a DFloat11 stream) for each block of
  // the plan, whichever are decoded.
  uint64_t image_bytes() const { return image_bytes_; }
  uint64_t scratch_bytes() const { return blocks_.size() * sizeof(TierBlock); }
  uint64_t status_words() const { return blocks_.size(); }
  // Requires: the run is within the plan. Gaps between tensors included.
  uint64_t output_bytes(BlockRun run) const;
  // Of a block in the output of the run that begins with block `first`.
  uint64_t output_offset(uint32_t block, uint32_t first = 0) const;
  uint64_t block_bytes(uint32_t block) const { return blocks_[block].bytes; }

  // Of the image: what is not coded bytes. Groups say where packets are; without them a device would have to look.
  uint64_t index_bytes() const { return image_bytes_ - tables_at_; }

  // --- for decoders: places in the image ---
  uint64_t blocks_at() const { return tables_at_; }
  uint64_t status_at() const { return tables_at_ + scratch_bytes(); }
  struct Tasks {
    uint64_t tasks_at = 0;   // TierTask, or HuffmanTask for kHuffmanKernel
    uint64_t groups_at = 0;  // TierGroup, for kernels of tier
    uint32_t count = 0;
  };
  // What `kernel` has to do for a run.
  Tasks tasks(uint32_t kernel, BlockRun run) const;
  // The kernel that decodes a block: the narrow one, if some groups need the other.
  uint32_t kernel(uint32_t block) const { return blocks_[block].kernel; }
  // What every DFloat11 stream of the plan has room in.
  const HuffmanCapacity& huffman_capacity() const { return huffman_capacity_; }

 private:
  friend class ImageBuilder;

  struct Block {
    uint64_t out = 0;  // in the output of all blocks
    uint32_t bytes = 0;
    uint32_t kernel = 0;
    std::array<uint32_t, kNumKernels> tasks_before{};  // tasks of blocks before this one
  };

  uint32_t tasks_before(uint32_t kernel, uint32_t block) const {
    return block < blocks_.size() ? blocks_[block].tasks_before[kernel] : kernels_[kernel].count;
  }

  std::vector<Block> blocks_;
  std::vector<PlannedTensor> tensors_;
  std::array<Tasks, kNumKernels> kernels_;
  HuffmanCapacity huffman_capacity_;
  uint64_t tables_at_ = 0;
  uint64_t image_bytes_ = 0;
};

// Takes pieces of an image: from the first to the last, each behind the one before.
using ImageSink = std::function<absl::Status(uint64_t offset, std::span<const uint8_t> piece)>;

// A DFloat11 stream (codec/huffman/FORMAT.md), and what is beside it.
struct HuffmanParts {
  std::span<const uint8_t> luts, codes, gaps, output_positions;
  std::span<const uint8_t> sign_mantissas;  // a byte for each symbol
};

// Elements of a tensor begin at a multiple of this.
inline constexpr uint64_t kTensorAlignment = 256;

// Makes an image and its plan, block by block. Keeps tables alone in memory, and one block.
class ImageBuilder {
 public:
  explicit ImageBuilder(ImageSink sink) : sink_(std::move(sink)) {}

  // Blocks added from here on are those of tensor `name`.
  void BeginTensor(std::string name);

  // Adds a tier stream of `elements` symbols and its other plane (none for kBytes).
  // Returns: kUnimplemented if no kernel knows `kind`; kInvalidArgument if the noise is not as long as it should be or
  // the block before ends at no multiple of 16; what IndexTierStream does for a stream that is wrong; what the sink
  // returns. Nothing is added then.
  absl::Status AddTier(PlaneKind kind, std::span<const uint8_t> stream, std::span<const uint8_t> noise,
                       uint32_t elements);

  // Adds a DFloat11 stream of bf16 elements, all of it as one block.
  // Returns: as AddTier, and what HuffmanReader::Open (codec/huffman/huffman.h) does for parts that are wrong, codes
  // and gaps not looked at; kResourceExhausted if its codes are of one bit, for which kernels have no room.
  absl::Status AddHuffman(const HuffmanParts& parts);

  // Adds bytes that are to be copied. Returns: as AddTier.
  absl::Status AddPlain(std::span<const uint8_t> bytes);

  // Adds a block whose status word is `status` and that leaves its `bytes` of output as they are. Returns: as AddTier.
  absl::Status AddDamaged(TierStatus status, uint32_t bytes);

  // Writes the tables. Call once, last.
  absl::StatusOr<DecodePlan> Finish();

 private:
  absl::Status CheckPlace() const;
  absl::Status Write(std::span<const uint8_t> bytes);
  template <class T>
  absl::Status WriteAll(const std::vector<T>& values, uint64_t* at);
  void AddBlock(const TierBlock& block, uint32_t kernel, uint32_t bytes, TierStatus status);
  void AddTasks(uint32_t kernel, std::span<const TierTask> tasks, std::span<const TierGroup> groups);
  uint32_t num_tasks(uint32_t kernel) const;

  struct Work {
    std::vector<TierTask> tasks;
    std::vector<TierGroup> groups;
  };

  ImageSink sink_;
  DecodePlan plan_;
  std::vector<TierBlock> blocks_;
  std::vector<uint32_t> first_status_;
  std::array<Work, kHuffmanKernel> work_;
  std::vector<HuffmanTask> huffman_tasks_;
  uint64_t written_ = 0;
  uint64_t out_ = 0;
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_DECODE_PLAN_H_
