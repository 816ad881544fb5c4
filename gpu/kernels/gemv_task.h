// Matrix times vectors on coded weights: what host and kernels say to each other. gemv_matrix.h has how the matrix is
// cut and the order of the sums, gemv_plan.h makes all this.
#ifndef PLAIT_GPU_KERNELS_GEMV_TASK_H_
#define PLAIT_GPU_KERNELS_GEMV_TASK_H_

#include <cstdint>

#include "codec/base/bits.h"
#include "gpu/kernels/gemv_matrix.h"
#include "gpu/kernels/tier_task.h"

namespace plait::gpu {

// Kernels take the levels below the first one after another, and each costs a scan: weights for them have four levels
// at most. All but the first have digits of 2 bits.
inline constexpr uint32_t kGemvMaxLevels = 4;
inline constexpr uint32_t kGemvDeepLevels = kGemvMaxLevels - 1;
constexpr bool IsGemvShape(TierShape shape) {
  bool fits = shape.valid() && shape.num_levels() <= kGemvMaxLevels;
  for (uint32_t level = 1; fits && level < shape.num_levels(); ++level) fits = shape.digit_bits(level) == 2;
  return fits;
}

// Weights of a block as the kernels want them: run after run of each group, a run having its weights of step 0 in the
// order of PlaceInStep, those of step 1, and so on. Tier digits (codec/tier/FORMAT.md) and signs and mantissas stand in
// another order, so that each lane finds what its run needs in one piece and lanes load neighbouring words.
//   stream   first-level digits of each group: units 0, 2, 4, ... of 64 digits, then 1, 3, ...;
//            then, bit by bit, for each group what follows
//              for each level from 1 on, of each run its digits, 32 at a time: bits 0 of them, then bits 1
//              raw symbols of each run, 8 bits each, rotated right by one (RotateBytes)
//   noise    4096 bytes for each group: piece i of every run, for i = 0 .. 7
struct alignas(16) GemvBlock {
  uint64_t stream;  // byte of the image, a multiple of 16; kGemvReadAheadBytes behind its end belong to the image
  uint64_t noise;   // likewise
  uint32_t first_digit_bits;        // 1 or 2
  uint32_t tables[kGemvMaxLevels];  // as TierBlock's, every symbol rotated as the raw ones are
};

// Lanes without digits or raw symbols load as much as those that have most, from the stream's end on at the latest.
inline constexpr uint32_t kGemvReadAheadBytes = kRunWeights + 2 * sizeof(uint32_t);

// A group.
struct alignas(16) GemvTask {
  uint32_t packet;  // bit of the block's stream where the levels from 1 on begin
  uint32_t steps;   // how far the fullest run goes: in each level from 1 on in eights of symbols, 5 bits each, then in
                    // raw symbols, in fours
  uint16_t counts[kGemvDeepLevels];  // symbols of levels from 1 on, zero for those that the shape does not have
  uint16_t raw;                      // symbols behind the last level

  static constexpr uint32_t kStepBits = 5;
  constexpr uint32_t level_steps(uint32_t level) const {
    return steps >> (kStepBits * (level - 1)) & ((1 << kStepBits) - 1);
  }
  constexpr uint32_t raw_steps() const { return steps >> kStepBits * kGemvDeepLevels; }
};

// Groups of a window.
struct alignas(16) GemvChunk {
  uint32_t first_group;  // GemvLayout::group_number
  uint32_t num_groups;
  uint32_t window;
  uint32_t first_step;  // in the first group's strip
  uint32_t num_strips;  // that the groups touch, padding left out
  uint32_t first_slot;  // of the first strip; the next strip's is the next
};

// A warp's shared memory: words of symbols, a column for each lane. What aligning each level's begin may take is in
// front, what is read ahead behind.
inline constexpr uint32_t kColumnRowBytes = 128;
inline constexpr uint32_t kColumnSymbols = kRunWeights + 4 * kGemvMaxLevels;
inline constexpr uint32_t kColumnWords = kColumnSymbols / 4 + 3;
inline constexpr uint32_t kGemvWarpBytes = kColumnWords * kColumnRowBytes;

// Of a vector.
inline constexpr uint32_t kColumnBytes = sizeof(uint16_t);

// Shared memory of a thread block of any number of warps: selectors, the warps' own, sums of groups, and the window of
// the vectors in bf16. Vectors follow each other so that lanes which load from four of them meet no bank conflict.
struct GemvShared {
  uint32_t slots;          // GemvLayout::chunk_slots
  uint32_t sum_row_bytes;  // of a strip's row in a slot: one sum for each vector, stored in pairs
  uint32_t vector_bytes;

  static constexpr uint32_t kStepBytes = kStepColumns * kColumnBytes;
  constexpr GemvShared(uint32_t chunk_slots, uint32_t steps, uint32_t batch)
      : slots(chunk_slots),
        sum_row_bytes(AlignUp(batch, 2u) * 4),
        vector_bytes(AlignUp((steps - 1) * kStepBytes, kAllBankBytes) + kStepBytes) {}

  constexpr uint32_t slot_bytes() const { return kStripRows * sum_row_bytes; }
  constexpr uint32_t slots_at(uint32_t warps) const { return kSelectorBytes + warps * kGemvWarpBytes; }
  constexpr uint32_t vectors_at(uint32_t warps) const { return slots_at(warps) + slots * slot_bytes(); }
  constexpr uint32_t bytes(uint32_t warps, uint32_t batch) const { return vectors_at(warps) + batch * vector_bytes; }

 private:
  static constexpr uint32_t kAllBankBytes = 128;
};
inline constexpr uint32_t kGemvMaxWarps = 24;

struct GemvParams {
  const uint8_t* image;   // streams and noise
  const GemvTask* tasks;  // of every group number
  const GemvBlock* blocks;
  const GemvChunk* chunks;
  uint32_t* status;   // of each block, zero at first
  const uint16_t* x;  // bf16: in_features of the first vector, of the second, ...; a multiple of 16
  float* sums;  // `num_sums` of the first vector, of the second, ...: of each slot 16 rows' partial sums; or results
  uint32_t num_chunks;
  uint32_t num_sums;  // GemvLayout::num_partials, or rows if strips are whole
  uint32_t in_features;
  uint32_t batch;       // 1 to kGemvMaxBatch
  uint32_t steps;       // GemvLayout's
  uint32_t reciprocal;  // ReciprocalOf(steps)
  GemvShared shared;    // here, so that kernels have it in no registers
};

// The second kernel, unless strips are whole.
struct GemvRowsParams {
  const float* partials;  // `num_partials` of the first vector, of the second, ...
  float* y;               // `rows` of the first vector, of the second, ...
  uint32_t rows;
  uint32_t batch;
  uint32_t num_partials;  // GemvLayout's, as what follows
  uint32_t steps;
  uint32_t windows;
  uint32_t chunk_groups;
  uint32_t window_slots;
};

// What makes the number of a strip of a distance d in steps from a strip's begin: the upper word of d * this, exact for
// d < 2^32 / steps.
constexpr uint32_t ReciprocalOf(uint32_t steps) {
  return static_cast<uint32_t>(((uint64_t{1} << 32) + steps - 1) / steps);
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_GEMV_TASK_H_
