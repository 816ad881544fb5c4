// Matrix times up to eight vectors on coded weights: what becomes of a matrix, and how it is multiplied, on a device,
// on the host executor or by the CPU twin, all with the same interface.
//
//   GemvImageBuilder  <- rows of bf16 weights           once, when the matrix is loaded
//   plan.image_bytes, scratch_bytes(batch), status_words()  ->  allocate
//   multiplier.Multiply(plan, batch, buffers, stream)   ->  y, a TierStatus for each block in buffers.status
//
// Sums have the order of gpu/kernels/gemv_matrix.h: the host executor and the CPU twin give the same bits, whatever the
// grid; a device gives its own for every grid, close to those (gpu/simt/README.md).
#ifndef PLAIT_GPU_GEMV_H_
#define PLAIT_GPU_GEMV_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "codec/tier/tier.h"
#include "gpu/decode_plan.h"
#include "gpu/device_decoder.h"
#include "gpu/kernels/gemv_task.h"
#include "gpu/kernels/gemv_tiles.h"

namespace plait::gpu {

// What is in the image of a matrix: coded weights, then tables.
struct GemvPlan {
  GemvLayout layout;
  uint64_t image_bytes;
  uint64_t blocks_at;  // bytes of the image, as those that follow
  uint64_t tasks_at;
  uint64_t chunks_at;

  uint64_t scratch_bytes(uint32_t batch) const { return uint64_t{layout.num_partials()} * batch * sizeof(float); }
  uint32_t status_words() const { return layout.blocks(); }
  uint32_t num_chunks() const { return layout.windows() * layout.window_chunks(); }
};

// Makes an image, front to back, of weights in the order of a file. Holds a strip of 16 rows, a block of 128 Ki weights
// for each window of 4096 columns, and the tables.
class GemvImageBuilder {
 public:
  // How a block's exponents are coded; IsGemvShape.
  using Choice = std::function<TierPlan(const ByteHistogram& counts, size_t num_symbols)>;

  // Requires: CheckGemvShape(layout) is OK.
  GemvImageBuilder(const GemvLayout& layout, ImageSink sink, Choice choice = CheapestShape);
  GemvImageBuilder(const GemvImageBuilder&) = delete;
  GemvImageBuilder& operator=(const GemvImageBuilder&) = delete;

  // The next bf16 weights, row after row, any number.
  // Returns: kInvalidArgument if the matrix has fewer; what the sink returns.
  absl::Status Add(std::span<const uint16_t> weights);
  // After the last weight.
  // Returns: kFailedPrecondition if weights are missing; what the sink returns.
  absl::StatusOr<GemvPlan> Finish();

 private:
  static TierPlan CheapestShape(const ByteHistogram& counts, size_t num_symbols) {
    return PlanTier(counts, num_symbols, kGemvMaxLevels);
  }
  absl::Status AddBlock(const GemvTiles& tiles);
  // Returns the byte of the image, a multiple of 16, where it wrote.
  absl::StatusOr<uint64_t> Write(std::span<const uint8_t> bytes);

  GemvLayout layout_;
  ImageSink sink_;
  Choice choice_;
  GemvTiler tiler_;
  uint64_t bytes_ = 0;
  std::vector<GemvBlock> blocks_;
  std::vector<GemvTask> tasks_;
};

// Memory where the multiplier runs. Pointers are multiples of 16.
struct GemvBuffers {
  std::span<const uint8_t> image;  // plan.image_bytes
  std::span<const uint16_t> x;     // bf16: in_features of the first vector, of the second, ...
  std::span<uint8_t> scratch;      // at least plan.scratch_bytes(batch)
  std::span<float> y;              // rows of the first vector, of the second, ...
  std::span<uint32_t> status;      // at least plan.status_words(), zero before the first product: errors are added
};

// Thread rule: one call at a time for each multiplier; any number of multipliers may share images and plans.
class GemvMultiplier {
 public:
  virtual ~GemvMultiplier() = default;
  GemvMultiplier(const GemvMultiplier&) = delete;
  GemvMultiplier& operator=(const GemvMultiplier&) = delete;

  // y = matrix * x for 1 to kGemvMaxBatch vectors; neither allocates, copies nor waits. Rows of a block whose status
  // word is not zero are unspecified.
  // Returns: kInvalidArgument if the batch is none of these, or a buffer is too small or misaligned;
  // kResourceExhausted if the device has too little shared memory; kUnavailable if it refuses a launch.
  absl::Status Multiply(const GemvPlan& plan, uint32_t batch, const GemvBuffers& buffers,
                        DeviceStream stream = nullptr);

 protected:
  GemvMultiplier() = default;

  // Requires: all has been checked.
  virtual absl::Status MultiplyChecked(const GemvPlan& plan, uint32_t batch, const GemvBuffers& buffers,
                                       DeviceStream stream) = 0;
};

// The launches of a product, the second, unless strips are whole, behind the first.
// Of the first, thread blocks have up to kGemvMaxWarps warps, as many as the device has shared memory for, and the grid
// as many as it holds at once; the second may have any grid.
struct GemvLaunches {
  const GemvPlan* plan;
  uint32_t batch;
  const GemvBuffers* buffers;

  GemvParams product() const;
  GemvRowsParams rows() const;
  uint32_t shared_bytes(uint32_t warps) const;
  // The most warps of a thread block that has so many bytes of shared memory; 0 if not even one fits.
  uint32_t MaxWarps(uint32_t shared_bytes) const;
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_GEMV_H_
