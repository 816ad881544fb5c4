// The CPU twin of the matrix product kernels: the same sums in the same order (gemv_matrix.h), group by group, so that
// no more than 4096 weights need to be decoded at a time.
#ifndef PLAIT_GPU_KERNELS_GEMV_TWIN_H_
#define PLAIT_GPU_KERNELS_GEMV_TWIN_H_

#include <array>
#include <cstdint>
#include <span>

#include "gpu/kernels/gemv_matrix.h"

namespace plait::gpu {

class GemvTwin {
 public:
  // x: bf16, in_features of the first vector, of the second, ..., up to kGemvMaxBatch of them; it outlives this.
  // y gets `rows` of the first vector, of the second, ....
  GemvTwin(const GemvLayout& layout, std::span<const uint16_t> x, uint32_t batch, std::span<float> y);

  // The next group's 4096 bf16 weights in their order (gemv_task.h): all groups of the first window, of the second, ...
  void Add(std::span<const uint16_t, kGroupSymbols> weights);

 private:
  using Sums = std::array<float, kStripRows * kGemvMaxBatch>;  // of a strip

  // Adds the products of a strip's step to the group's sums.
  void AddStep(std::span<const uint16_t> weights, uint32_t step);
  void AddToResult(uint32_t strip);

  GemvLayout layout_;
  std::span<const uint16_t> x_;
  uint32_t batch_;
  std::span<float> y_;
  uint32_t window_ = 0, group_ = 0;  // of the next group
  Sums group_sums_{}, chunk_sums_{};
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_GEMV_TWIN_H_
