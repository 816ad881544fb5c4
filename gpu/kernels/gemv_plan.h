// The host's side of matrix products on coded weights: codes blocks in the order that the kernels want (GemvBlock,
// gemv_task.h) and says where each chunk of groups has its place in the matrix.
#ifndef PLAIT_GPU_KERNELS_GEMV_PLAN_H_
#define PLAIT_GPU_KERNELS_GEMV_PLAN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "gpu/kernels/gemv_matrix.h"
#include "gpu/kernels/gemv_task.h"

namespace plait::gpu {

// Returns: kInvalidArgument if a matrix has no rows or no columns; kResourceExhausted if it has 2^32 weights or more,
// padding included.
absl::Status CheckGemvShape(uint64_t rows, uint64_t in_features);

// A block for the kernels.
struct ArrangedGemvBlock {
  std::vector<uint8_t> stream;  // kGemvReadAheadBytes not included
  std::vector<uint8_t> noise;
  GemvBlock block;              // without places
  std::vector<GemvTask> tasks;  // of each group
};

// Codes a block of bf16 weights in the kernels' order (gemv_task.h): their exponents, and a byte s<<7|m of each.
// `table` has what the digits of `shape` stand for, as in a tier stream's header; symbols that it lacks are coded raw,
// so that any table codes any block.
// Requires: IsGemvShape(shape); as many bytes of noise as exponents: 1 to 32 groups of 4096.
ArrangedGemvBlock ArrangeGemvBlock(TierShape shape, std::span<const uint8_t, kTierTableSymbols> table,
                                   std::span<const uint8_t> exponents, std::span<const uint8_t> noise);

// The chunks of a matrix, in the order of windows.
std::vector<GemvChunk> MakeGemvChunks(const GemvLayout& layout);

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_GEMV_PLAN_H_
