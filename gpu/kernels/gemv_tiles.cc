#include "gpu/kernels/gemv_tiles.h"

#include <algorithm>
#include <utility>

#include "codec/base/status.h"
#include "gpu/simt/words.h"

namespace plait::gpu {
namespace {

constexpr uint32_t kInfinite = 255;  // the exponent of infinities and NaNs
constexpr size_t kBlockSteps = kGemvBlockGroups * kGroupSteps;

// What padding has as exponent: the commonest, so that it costs little, of those that times zero are zero.
uint8_t PaddingExponent(const std::array<uint32_t, 256>& counts) {
  return static_cast<uint8_t>(std::max_element(counts.begin(), counts.begin() + kInfinite) - counts.begin());
}

// Where a block has weight number `i` of eight that a lane has in a step.
size_t PlaceInBlock(uint32_t step, uint32_t lane, uint32_t i) {
  const size_t group = step / kGroupSteps;
  return group * kGroupSymbols + lane * kRunWeights + step % kGroupSteps * kLaneStepWeights + i;
}

}  // namespace

GemvTiler::GemvTiler(const GemvLayout& layout, Sink sink)
    : layout_(layout), sink_(std::move(sink)), open_(layout.windows()) {
  strip_.reserve(size_t{kStripRows} * layout.in_features());
  for (uint32_t window = 0; window < layout.windows(); ++window) {
    open_[window].number = window * layout.window_blocks();
    open_[window].exponents.resize(kBlockSteps * kStepWeights);
    open_[window].noise.resize(kBlockSteps * kStepWeights);
  }
}

absl::Status GemvTiler::Add(std::span<const uint16_t> weights) {
  while (!weights.empty()) {
    const size_t rows = std::min(kStripRows, layout_.rows() - rows_cut_);
    if (rows == 0) return absl::InvalidArgumentError(FoundExpected("weights behind the matrix", weights.size(), 0));
    const size_t left = rows * layout_.in_features() - strip_.size();
    const auto own = weights.first(std::min(left, weights.size()));
    strip_.insert(strip_.end(), own.begin(), own.end());
    if (own.size() == left) PLAIT_RETURN_IF_ERROR(CutStrip());
    weights = weights.subspan(own.size());
  }
  return absl::OkStatus();
}

absl::Status GemvTiler::Finish() {
  if (rows_cut_ != layout_.rows()) {
    return absl::FailedPreconditionError(FoundExpected("rows", rows_cut_, layout_.rows()));
  }
  for (OpenBlock& block : open_) {
    if (block.steps > 0) PLAIT_RETURN_IF_ERROR(Close(&block));
  }
  return absl::OkStatus();
}

absl::Status GemvTiler::CutStrip() {
  for (uint32_t window = 0; window < layout_.windows(); ++window) {
    for (uint32_t step = 0; step < layout_.steps(); ++step) PLAIT_RETURN_IF_ERROR(AddStep(window, step));
  }
  rows_cut_ += static_cast<uint32_t>(strip_.size() / layout_.in_features());
  strip_.clear();
  return absl::OkStatus();
}

absl::Status GemvTiler::AddStep(uint32_t window, uint32_t step) {
  constexpr uint32_t kSignMantissa = 7;
  OpenBlock& block = open_[window];
  for (uint32_t lane = 0; lane < simt::kWarpLanes; ++lane) {
    for (uint32_t i = 0; i < kLaneStepWeights; ++i) {
      const GemvPlace place = PlaceInStep(lane, i);
      const size_t column = size_t{window} * layout_.window_columns() + step * kStepColumns + place.column;
      const size_t at = PlaceInBlock(block.steps, lane, i);
      const size_t of_strip = place.row * size_t{layout_.in_features()} + column;
      if (column >= layout_.in_features() || of_strip >= strip_.size()) {
        block.padding.push_back(static_cast<uint32_t>(at));
        continue;
      }
      const uint16_t weight = strip_[of_strip];
      block.exponents[at] = static_cast<uint8_t>(weight >> kSignMantissa);
      block.noise[at] = static_cast<uint8_t>((weight >> 8 & 0x80) | (weight & 0x7f));
      ++block.counts[block.exponents[at]];
    }
  }
  return ++block.steps == kBlockSteps ? Close(&block) : absl::OkStatus();
}

absl::Status GemvTiler::Close(OpenBlock* block) {
  const uint32_t groups = CeilDiv(block->steps, kGroupSteps);
  for (; block->steps < groups * kGroupSteps; ++block->steps) {
    for (uint32_t lane = 0; lane < simt::kWarpLanes; ++lane) {
      for (uint32_t i = 0; i < kLaneStepWeights; ++i) {
        block->padding.push_back(static_cast<uint32_t>(PlaceInBlock(block->steps, lane, i)));
      }
    }
  }
  const uint8_t exponent = PaddingExponent(block->counts);
  for (uint32_t at : block->padding) {
    block->exponents[at] = exponent;
    block->noise[at] = 0;
  }
  const size_t size = size_t{groups} * kGroupSymbols;
  const GemvTiles tiles{block->number, std::span(block->exponents).first(size), std::span(block->noise).first(size)};
  block->number += 1;
  block->steps = 0;
  block->counts = {};
  block->padding.clear();
  return sink_(tiles);
}

}  // namespace plait::gpu
