// The CPU twin of the matrix product kernels: the same sums in the same order (gemv_task.h), group by group, so that no
// more than 4096 weights need to be decoded at a time.
#ifndef PLAIT_GPU_KERNELS_GEMV_TWIN_H_
#define PLAIT_GPU_KERNELS_GEMV_TWIN_H_

#include <cstdint>
#include <span>

namespace plait::gpu {

// A matrix and the vectors that it is multiplied with.
struct GemvProblem {
  uint32_t rows = 0;
  uint32_t in_features = 0;     // at least 128
  uint32_t batch = 0;           // vectors
  std::span<const uint16_t> x;  // bf16: in_features of the first vector, of the second, ...
};

// Stores the partial sums of group number `group`, of which these are the bf16 weights: 4096, or what the last group
// has. `partials` has `batch` for each slot.
void MultiplyGroup(const GemvProblem& problem, uint64_t group, std::span<const uint16_t> weights,
                   std::span<float> partials);

// Adds up the partial sums: y has `rows` of the first vector, of the second, ...
void SumPartials(const GemvProblem& problem, std::span<const float> partials, std::span<float> y);

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_GEMV_TWIN_H_
