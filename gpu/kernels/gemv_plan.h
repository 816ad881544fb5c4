// The host's side of matrix products on coded weights: codes blocks in the order that the kernels want (GemvBlock,
// gemv_task.h) and gives every group its place in the matrix.
#ifndef PLAIT_GPU_KERNELS_GEMV_PLAN_H_
#define PLAIT_GPU_KERNELS_GEMV_PLAN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gpu/kernels/gemv_task.h"

namespace plait::gpu {

// Longer rows would make the kernels' row numbers inexact.
inline constexpr uint32_t kGemvMaxInFeatures = 60 << 10;

// Returns: kInvalidArgument if in_features is not 128 to kGemvMaxInFeatures; kResourceExhausted if the matrix has 2^32
// weights or more.
absl::Status CheckGemvShape(uint64_t rows, uint64_t in_features);

// A block for the kernels.
struct ArrangedGemvBlock {
  std::vector<uint8_t> stream;
  std::vector<uint8_t> noise;
  GemvBlock block;              // without pointers
  std::vector<GemvTask> tasks;  // groups counted from 0, all in row 0
};

// Codes a block of bf16 weights: their exponents, and a byte s<<7|m of each. `table` has what the digits of `shape`
// stand for, as in a tier stream's header; symbols that it lacks are coded raw, so that any table codes any block.
// Requires: IsGemvShape(shape); as many bytes of noise as exponents, up to 128 Ki.
ArrangedGemvBlock ArrangeGemvBlock(TierShape shape, std::span<const uint8_t, kTierTableSymbols> table,
                                   std::span<const uint8_t> exponents, std::span<const uint8_t> noise);

// What kernels get of all blocks: to be copied to the device as it is.
struct GemvDevicePlan {
  uint32_t in_features = 0;
  std::vector<GemvBlock> blocks;
  std::vector<uint32_t> status;  // of each block, as TierStatus; kernels add to it
  std::vector<GemvTask> tasks;

  // Slots for partial sums of a matrix of so many rows.
  static uint64_t NumSlots(uint64_t rows, uint64_t in_features) {
    return rows + (rows * in_features + kGroupSymbols - 1) / kGroupSymbols;
  }
};

// Adds the next block of a matrix, which the kernels find at these addresses: 128 Ki weights, the last one maybe fewer.
// One that could not be decoded gets a status word and no tasks.
// Returns: the block's status; kInvalidArgument if an address is not a multiple of 16.
absl::Status AddGemvBlock(const absl::StatusOr<ArrangedGemvBlock>& arranged, const uint8_t* device_stream,
                          const uint8_t* device_noise, GemvDevicePlan* plan);

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_GEMV_PLAN_H_
