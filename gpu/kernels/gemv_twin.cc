#include "gpu/kernels/gemv_twin.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "gpu/kernels/gemv_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {
namespace {

float FloatOfBf16(uint16_t value) { return std::bit_cast<float>(uint32_t{value} << 16); }

// Adds products in order.
float LaneSum(std::span<const uint16_t> weights, const uint16_t* x) {
  float sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) sum = std::fma(FloatOfBf16(weights[i]), FloatOfBf16(x[i]), sum);
  return sum;
}

// What a run has of the row in which it ends, and how many runs before it end in the same row without a head of it.
struct Tail {
  float sum = 0;
  uint32_t distance = 0;
};
using Tails = std::array<Tail, simt::kWarpLanes>;

void Scan(Tails& tails) {
  for (uint32_t d = 1; d < tails.size(); d *= 2) {
    const Tails before = tails;
    for (uint32_t run = d; run < tails.size(); ++run) {
      if (tails[run].distance >= d) tails[run].sum += before[run - d].sum;
    }
  }
}

}  // namespace

void MultiplyGroup(const GemvProblem& problem, uint64_t group, std::span<const uint16_t> weights,
                   std::span<float> partials) {
  const uint64_t first = group * kGroupSymbols;
  const auto num_runs = static_cast<uint32_t>((weights.size() + kRunWeights - 1) / kRunWeights);
  for (uint32_t b = 0; b < problem.batch; ++b) {
    const uint16_t* const x = problem.x.data() + size_t{b} * problem.in_features;
    std::array<float, simt::kWarpLanes> heads{};
    Tails tails;
    for (uint32_t run = 0; run < num_runs; ++run) {
      const auto own =
          weights.subspan(run * kRunWeights, std::min<size_t>(kRunWeights, weights.size() - run * kRunWeights));
      const uint64_t column = (first + run * kRunWeights) % problem.in_features;
      const size_t left = problem.in_features - column;
      const bool has_head = left < kRunWeights;
      if (has_head) heads[run] = LaneSum(own.first(left), x + column);
      tails[run].sum = has_head ? LaneSum(own.subspan(left), x) : LaneSum(own, x + column);
      const bool continues = run > 0 && !has_head && column > 0;
      tails[run].distance = continues ? tails[run - 1].distance + 1 : 0;
    }
    Scan(tails);
    for (uint32_t run = 0; run < num_runs; ++run) {
      const uint64_t begin = first + run * kRunWeights;
      const size_t left = problem.in_features - begin % problem.in_features;
      const uint64_t slot = group + begin / problem.in_features;
      if (left < kRunWeights) {
        partials[slot * problem.batch + b] = run > 0 ? tails[run - 1].sum + heads[run] : heads[run];
      }
      const bool last_run = run + 1 == simt::kWarpLanes && weights.size() == kGroupSymbols;
      if (left == kRunWeights || last_run) {
        partials[(slot + (left < kRunWeights)) * problem.batch + b] = tails[run].sum;
      }
    }
  }
}

void SumPartials(const GemvProblem& problem, std::span<const float> partials, std::span<float> y) {
  for (uint64_t row = 0; row < problem.rows; ++row) {
    const uint64_t first = row * problem.in_features / kGroupSymbols;
    const uint64_t last = (row * problem.in_features + problem.in_features - 1) / kGroupSymbols;
    for (uint32_t b = 0; b < problem.batch; ++b) {
      float sum = 0;
      for (uint64_t group = first; group <= last; ++group) sum += partials[(group + row) * problem.batch + b];
      y[size_t{b} * problem.rows + row] = sum;
    }
  }
}

}  // namespace plait::gpu
