#include "gpu/kernels/gemv_twin.h"

#include <algorithm>

#include "gpu/simt/matrix_product.h"
#include "gpu/simt/words.h"

namespace plait::gpu {
namespace {

// Which k of a matrix product a column of a step is (PlaceInStep).
constexpr uint32_t DepthOf(uint32_t column) { return column / 4 * 2 + column % 2 + column / 2 % 2 * kStepColumns / 2; }

// Adds and empties.
template <class Sums>
void Pour(Sums& from, Sums& to) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
  from = {};
}

}  // namespace

GemvTwin::GemvTwin(const GemvLayout& layout, std::span<const uint16_t> x, uint32_t batch, std::span<float> y)
    : layout_(layout), x_(x), batch_(batch), y_(y) {
  std::ranges::fill(y, 0.0f);
}

void GemvTwin::Add(std::span<const uint16_t, kGroupSymbols> weights) {
  const bool chunk_ends = (group_ + 1) % layout_.chunk_groups() == 0 || group_ + 1 == layout_.window_groups();
  for (uint32_t i = 0; i < kGroupSteps; ++i) {
    const uint32_t strip = (group_ * kGroupSteps + i) / layout_.steps();
    const uint32_t step = (group_ * kGroupSteps + i) % layout_.steps();
    std::array<uint16_t, kStepWeights> own;
    for (uint32_t lane = 0; lane < simt::kWarpLanes; ++lane) {
      for (uint32_t j = 0; j < kLaneStepWeights; ++j) {
        const GemvPlace place = PlaceInStep(lane, j);
        own[place.row * kStepColumns + DepthOf(place.column)] = weights[lane * kRunWeights + i * kLaneStepWeights + j];
      }
    }
    AddStep(own, step);
    const bool strip_ends = step + 1 == layout_.steps();
    const bool group_ends = i + 1 == kGroupSteps;
    if (strip_ends || group_ends) Pour(group_sums_, chunk_sums_);
    if (strip_ends || (group_ends && chunk_ends)) AddToResult(strip);
  }
  if (++group_ == layout_.window_groups()) {
    group_ = 0;
    ++window_;
  }
}

void GemvTwin::AddStep(std::span<const uint16_t> weights, uint32_t step) {
  for (uint32_t b = 0; b < batch_; ++b) {
    simt::Bf16Vector columns{};
    for (uint32_t i = 0; i < kStepColumns; ++i) {
      const uint32_t column = window_ * layout_.window_columns() + step * kStepColumns + i;
      const bool exists = column < layout_.in_features();
      columns[DepthOf(i)] = exists ? x_[size_t{b} * layout_.in_features() + column] : uint16_t{0};
    }
    for (uint32_t row = 0; row < kStripRows; ++row) {
      simt::Bf16Vector own;
      std::ranges::copy(weights.subspan(row * kStepColumns, kStepColumns), own.begin());
      float& sum = group_sums_[row * kGemvMaxBatch + b];
      sum = simt::AddProducts(sum, own, columns);
    }
  }
}

void GemvTwin::AddToResult(uint32_t strip) {
  for (uint32_t b = 0; b < batch_; ++b) {
    for (uint32_t i = 0; i < kStripRows; ++i) {
      const uint32_t row = strip * kStripRows + i;
      if (row < layout_.rows()) y_[size_t{b} * layout_.rows() + row] += chunk_sums_[i * kGemvMaxBatch + b];
    }
  }
  chunk_sums_ = {};
}

}  // namespace plait::gpu
