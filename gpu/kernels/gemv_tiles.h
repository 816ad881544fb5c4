// Weights row after row, as files have them, become blocks in the order of the matrix product kernels (gemv_task.h).
#ifndef PLAIT_GPU_KERNELS_GEMV_TILES_H_
#define PLAIT_GPU_KERNELS_GEMV_TILES_H_

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "gpu/kernels/gemv_matrix.h"

namespace plait::gpu {

// A block's exponents, and a byte s<<7|m of each of its weights: whole groups.
struct GemvTiles {
  uint32_t block;  // GemvLayout::group_number / kGemvBlockGroups
  std::span<const uint8_t> exponents;
  std::span<const uint8_t> noise;
};

// Holds the 16 rows of a strip, and a block for each window of columns. Not thread-safe.
class GemvTiler {
 public:
  // Gets each block once, those of a window in order. Its spans hold until it returns.
  using Sink = std::function<absl::Status(const GemvTiles& tiles)>;

  GemvTiler(const GemvLayout& layout, Sink sink);

  // The next bf16 weights, row after row, any number.
  // Returns: kInvalidArgument if the matrix has fewer; what the sink returns, once that is an error.
  absl::Status Add(std::span<const uint16_t> weights);

  // After the last weight: the blocks that are not full.
  // Returns: what the sink returns; kFailedPrecondition if weights are missing.
  absl::Status Finish();

 private:
  // The open block of a window.
  struct OpenBlock {
    uint32_t number = 0;  // of it
    uint32_t steps = 0;   // that it has
    std::vector<uint8_t> exponents, noise;
    std::array<uint32_t, 256> counts{};  // of exponents, without padding
    std::vector<uint32_t> padding;       // which weights are
  };

  absl::Status CutStrip();
  absl::Status AddStep(uint32_t window, uint32_t step);
  absl::Status Close(OpenBlock* block);

  GemvLayout layout_;
  Sink sink_;
  std::vector<uint16_t> strip_;  // rows of in_features
  uint32_t rows_cut_ = 0;
  std::vector<OpenBlock> open_;
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_GEMV_TILES_H_
