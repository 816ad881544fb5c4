// Matrix times vectors on coded weights: what host and kernels say to each other, and the order in which products are
// added up.
//
// A matrix of `rows` x `in_features` bf16 weights stands row after row in blocks of 128 Ki weights. A warp takes a
// group of 4096 consecutive weights, which may hold parts of many rows or a small part of one; a lane takes a *run* of
// 128 of them. For every row that a group touches the warp adds up one *partial sum* for each vector of the batch; a
// second kernel adds the partial sums of a row.
//
// The order is fixed, so that results do not depend on the grid, and a CPU gives the same bits (gemv_twin.h):
//   lane sum     of the weights that a run has of a row, in order: sum = fma(weight, x, sum), from +0. Rows have at
//                least 128 weights, so a run has parts of at most two: a head, which ends in the run, and a tail.
//   scan         runs without a head have a tail only. Of the tails of a row: for d = 1, 2, 4, 8, 16 every run at least
//                d behind the first adds what the run d before it had.
//   partial sum  the last tail's scan; if the row ends inside the next run, that and its head (the head alone in run
//   0). result       the partial sums in the order of groups, added to +0.
//
// The partial sum of group g (counted through all blocks) and row r stands in slot g + r: from one to the next along
// the weights g, r or both grow.
#ifndef PLAIT_GPU_KERNELS_GEMV_TASK_H_
#define PLAIT_GPU_KERNELS_GEMV_TASK_H_

#include <cstdint>

#include "gpu/kernels/tier_task.h"

namespace plait::gpu {

inline constexpr uint32_t kBlockGroups = (128 << 10) / kGroupSymbols;
inline constexpr uint32_t kGemvMaxBatch = 4;
inline constexpr uint32_t kRunWeights = 128;
inline constexpr uint32_t kRunPieces = kRunWeights / kPieceSymbols;

// Rows of whole runs: no run has parts of two rows.
constexpr bool IsStraightRow(uint32_t in_features) { return in_features % kRunWeights == 0; }

// Kernels take the levels below the first one after another, and each costs a scan: weights for them have four levels
// at most. All but the first have digits of 2 bits.
inline constexpr uint32_t kGemvMaxLevels = 4;
inline constexpr uint32_t kGemvDeepLevels = kGemvMaxLevels - 1;
constexpr bool IsGemvShape(TierShape shape) {
  bool fits = shape.valid() && shape.num_levels() <= kGemvMaxLevels;
  for (uint32_t level = 1; fits && level < shape.num_levels(); ++level) fits = shape.digit_bits(level) == 2;
  return fits;
}

// Weights of a block as the kernels want them: tier digits (codec/tier/FORMAT.md) and signs and mantissas in another
// order, so that each lane finds what its run needs in one piece and lanes load neighbouring words (gemv_plan.h).
//   stream   first-level digits of each group, filled up to 4096: units 0, 2, 4, ... of 64 digits, then 1, 3, ...;
//            then, bit by bit, for each group what follows
//              for each level from 1 on, of each run its digits, 32 at a time: bits 0 of them, then bits 1
//              raw symbols of each run, 8 bits each, rotated right by one (RotateBytes)
//   noise    4096 bytes for each group: piece i of every run, for i = 0 .. 7
// Pointers are multiples of 16.
struct alignas(16) GemvBlock {
  const uint8_t* stream;
  const uint8_t* noise;
  uint32_t elements;
  uint32_t first_digit_bits;        // 1 or 2
  uint32_t tables[kGemvMaxLevels];  // as TierBlock's, every symbol rotated as the raw ones are
};

// A group.
struct alignas(16) GemvTask {
  uint32_t group;         // through all blocks
  uint32_t first_slot;    // of its first weight's row
  uint32_t first_column;  // of its first weight
  uint32_t packet;        // bit of the block's stream where the levels from 1 on begin
  uint32_t steps;         // how far the fullest run goes: in each level from 1 on in eights of symbols, 5 bits each,
                          // then in raw symbols, in fours
  uint16_t counts[kGemvDeepLevels];  // symbols of levels from 1 on, zero for those that the shape does not have
  uint16_t raw;                      // symbols behind the last level

  static constexpr uint32_t kStepBits = 5;
  constexpr uint32_t level_steps(uint32_t level) const {
    return steps >> (kStepBits * (level - 1)) & ((1 << kStepBits) - 1);
  }
  constexpr uint32_t raw_steps() const { return steps >> kStepBits * kGemvDeepLevels; }
};

struct GemvParams {
  const GemvTask* tasks;
  const GemvBlock* blocks;
  uint32_t* status;   // of each block, zero at first
  const uint16_t* x;  // bf16: in_features of the first vector, of the second, ...; a multiple of 16
  float* partials;    // of each slot, one for each vector; zero at first, as groups with a wrong count write none
  uint32_t num_tasks;
  uint32_t in_features;
  uint32_t reciprocal;  // ReciprocalOf(in_features)
};

// The second kernel.
struct GemvRowsParams {
  const float* partials;
  float* y;  // `rows` of the first vector, of the second, ...
  uint32_t rows;
  uint32_t in_features;
};

// What makes a row number of a distance d from a row's begin: the upper word of d * this, exact for
// d < 2^32 / in_features.
constexpr uint32_t ReciprocalOf(uint32_t in_features) {
  return static_cast<uint32_t>(((uint64_t{1} << 32) + in_features - 1) / in_features);
}

// Vectors in shared memory. One vector stands as floats, which saves a third of the arithmetic; several stand as bf16,
// as loading floats of each would take longer. Each run of columns takes 16 bytes more than it has, so that lanes of
// neighbouring runs meet no bank conflicts.
struct GemvVectorLayout {
  uint32_t column_bytes;

  static constexpr uint32_t kPadBytes = 16;
  constexpr explicit GemvVectorLayout(uint32_t batch) : column_bytes(batch == 1 ? 4 : 2) {}
  constexpr bool floats() const { return column_bytes == 4; }
  constexpr uint32_t run_bytes() const { return kRunWeights * column_bytes + kPadBytes; }
  constexpr uint32_t vector_bytes(uint32_t in_features) const {
    return (in_features + kRunWeights - 1) / kRunWeights * run_bytes();
  }
};

// A warp's shared memory: words of symbols, a column for each lane. What aligning each level's begin may take is in
// front, what is read ahead behind.
inline constexpr uint32_t kColumnRowBytes = 128;
inline constexpr uint32_t kColumnSymbols = kRunWeights + 4 * kGemvMaxLevels;
inline constexpr uint32_t kColumnWords = kColumnSymbols / 4 + 3;
inline constexpr uint32_t kGemvWarpBytes = kColumnWords * kColumnRowBytes;

// Of a thread block, which may have any number of warps.
constexpr uint32_t GemvSharedBytes(uint32_t warps, uint32_t in_features, uint32_t batch) {
  return kSelectorBytes + warps * kGemvWarpBytes + GemvVectorLayout(batch).vector_bytes(in_features) * batch;
}
inline constexpr uint32_t kGemvMaxWarps = 24;

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_GEMV_TASK_H_
