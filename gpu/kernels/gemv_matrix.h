// How a matrix is cut for products on tensor cores, and in which order products are added up: a function of its shape
// alone, so that results depend on neither the device nor the grid, and a CPU gives the same bits (gemv_twin.h) as far
// as its model of the tensor cores goes (gpu/simt/README.md).
//
//   window   columns whose part of the vectors stands in shared memory at a time: all, up to 4096
//   strip    16 rows of a window
//   step     16 columns of a strip: 256 weights, which one instruction multiplies with up to 8 vectors
//   group    16 steps, decoded by one warp. The steps of a window are counted through all its strips, so that a group
//            may end one strip and begin the next; it touches no more than two
//   chunk    24 or more groups of a window, by one thread block: whole strips, if so many groups can be
//
// Weights behind the last row or column are padding. The sums:
//   group    of each strip that it touches: 16 sums for each vector, from +0, step by step
//   chunk    of each strip: the groups' sums in their order, added to +0: the *partial sums* that go to memory
//   result   the chunks' in their order, window by window, added to +0. Where a strip is never cut, a chunk's sums are
//            the results
#ifndef PLAIT_GPU_KERNELS_GEMV_MATRIX_H_
#define PLAIT_GPU_KERNELS_GEMV_MATRIX_H_

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "codec/base/bits.h"
#include "gpu/kernels/tier_task.h"

namespace plait::gpu {

inline constexpr uint32_t kStripRows = 16;
inline constexpr uint32_t kStepColumns = 16;
inline constexpr uint32_t kStepWeights = kStripRows * kStepColumns;
inline constexpr uint32_t kGroupSteps = kGroupSymbols / kStepWeights;
inline constexpr uint32_t kGemvMaxBatch = 8;
inline constexpr uint32_t kGemvBlockGroups = (128 << 10) / kGroupSymbols;

// A lane has a run of a group's weights: eight of each step.
inline constexpr uint32_t kRunWeights = 128;
inline constexpr uint32_t kRunPieces = kRunWeights / kPieceSymbols;
inline constexpr uint32_t kLaneStepWeights = kRunWeights / kGroupSteps;

// Rows have at least a group's columns; what they lack is padding.
inline constexpr uint32_t kMaxWindowColumns = 4096;
constexpr uint32_t GemvWindows(uint32_t in_features) { return CeilDiv(in_features, kMaxWindowColumns); }
constexpr uint32_t GemvSteps(uint32_t in_features) {
  return std::max(CeilDiv(in_features, GemvWindows(in_features) * kStepColumns), kGroupSteps);
}

class GemvLayout {
 public:
  // Requires: CheckGemvShape (gemv_plan.h) has nothing against it. Other chunks give other bits: for devices that want
  // them longer or shorter.
  constexpr GemvLayout(uint32_t rows, uint32_t in_features, uint32_t chunk_groups = 0)
      : rows_(rows),
        in_features_(in_features),
        windows_(GemvWindows(in_features)),
        steps_(GemvSteps(in_features)),
        strips_(CeilDiv(rows, kStripRows)),
        window_groups_(CeilDiv(strips_ * steps_, kGroupSteps)),
        chunk_groups_(chunk_groups != 0 ? chunk_groups : UsualChunkGroups()) {}

  constexpr uint32_t rows() const { return rows_; }
  constexpr uint32_t in_features() const { return in_features_; }
  constexpr uint32_t windows() const { return windows_; }
  constexpr uint32_t strips() const { return strips_; }
  // Of a strip; at least those of a group.
  constexpr uint32_t steps() const { return steps_; }
  constexpr uint32_t window_columns() const { return steps_ * kStepColumns; }

  constexpr uint32_t window_groups() const { return window_groups_; }
  // Blocks have 32 groups, the last one of a window maybe fewer. Groups are numbered through all blocks as if none had.
  constexpr uint32_t window_blocks() const { return CeilDiv(window_groups_, kGemvBlockGroups); }
  constexpr uint32_t blocks() const { return windows_ * window_blocks(); }
  constexpr uint32_t group_number(uint32_t window, uint32_t group) const {
    return window * window_blocks() * kGemvBlockGroups + group;
  }

  constexpr uint32_t chunk_groups() const { return chunk_groups_; }
  constexpr uint32_t window_chunks() const { return CeilDiv(window_groups_, chunk_groups_); }
  // Whether neither windows nor chunks cut a strip: there are no partial sums then.
  constexpr bool whole_strips() const { return windows_ == 1 && chunk_groups_ * kGroupSteps % steps_ == 0; }
  // The partial sums of a chunk and a strip of a window: from one to the next along the steps one or both grow.
  constexpr uint32_t slot(uint32_t window, uint32_t chunk, uint32_t strip) const {
    return whole_strips() ? strip : window * window_slots() + chunk + strip;
  }
  constexpr uint32_t window_slots() const { return window_chunks() + strips_; }
  // For each vector.
  constexpr uint32_t num_partials() const { return whole_strips() ? 0 : windows_ * window_slots() * kStripRows; }

  // The same inside a chunk: how many sums of a group and a strip there are at most.
  constexpr uint32_t chunk_slots() const { return chunk_groups_ + CeilDiv(chunk_groups_ * kGroupSteps, steps_); }

 private:
  // Large matrices have chunks enough for every device: longer ones then wait less and store less.
  constexpr uint32_t UsualChunkGroups() const {
    constexpr uint32_t kManyGroups = 1 << 15;
    constexpr uint32_t kShort = 24;
    constexpr uint32_t kLong = 96;
    const uint32_t usual = windows_ * window_groups_ < kManyGroups ? kShort : kLong;
    const uint32_t whole = steps_ / std::gcd(steps_, kGroupSteps);  // the fewest groups that are whole strips
    return whole <= usual ? CeilDiv(usual, whole) * whole : usual;
  }

  uint32_t rows_, in_features_, windows_, steps_, strips_, window_groups_, chunk_groups_;
};

// Where in a step weight number `i` of eight stands that a lane has: as the instruction wants them
// (HostContext::Mma16816Bf16), if four consecutive columns are k 2t, 2t+1, 2t+8 and 2t+9 of lane t of a row's four.
struct GemvPlace {
  uint32_t row, column;
};
constexpr GemvPlace PlaceInStep(uint32_t lane, uint32_t i) {
  constexpr uint32_t kRowLanes = 4;
  return {lane / kRowLanes + i / 2 % 2 * (kStripRows / 2), lane % kRowLanes * 4 + i / 4 * 2 + i % 2};
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_GEMV_MATRIX_H_
