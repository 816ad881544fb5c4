#include "codec/range/range_mix.h"

namespace plait {
namespace {

constexpr int32_t kKnotLog2 = 6;  // knots of the logistic curve are 64 apart
constexpr size_t kStretchSteps = 4096;
constexpr int32_t kStretchStepLog2 = 4;

constexpr int32_t Squash(int32_t logit) {
  const int32_t size = logit < 0 ? -logit : logit;
  const int32_t knot = size >> kKnotLog2;
  const int32_t rest = size & ((1 << kKnotLog2) - 1);
  const int32_t below = kRangeLogistic[knot];
  const int32_t one = below + (((kRangeLogistic[knot + 1] - below) * rest) >> kKnotLog2);
  return logit < 0 ? (1 << 16) - one : one;
}

constexpr auto MakeStretch() {
  std::array<int16_t, kStretchSteps> stretch{};
  int32_t logit = -kRangeLogitMax;
  for (size_t step = 0; step < kStretchSteps; ++step) {
    while (logit < kRangeLogitMax && Squash(logit) < static_cast<int32_t>(step << kStretchStepLog2)) ++logit;
    stretch[step] = static_cast<int16_t>(logit);
  }
  return stretch;
}
constexpr auto kStretch = MakeStretch();

// Entry n: the step towards the next bit, in 2^-16, after n bits.
constexpr auto MakeRates() {
  std::array<uint16_t, kRangeSharedLimit + 1> rates{};
  for (uint32_t n = 0; n < rates.size(); ++n) rates[n] = static_cast<uint16_t>((2 << 16) / (2 * n + 3));
  return rates;
}
constexpr auto kRates = MakeRates();

constexpr int32_t kLeastOne = 32;

int32_t ClampedLogit(int32_t logit) { return std::clamp(logit, -kRangeLogitMax, kRangeLogitMax); }

}  // namespace

int32_t RangeSquash(int32_t logit) { return Squash(logit); }
int32_t RangeStretch(uint32_t one) { return kStretch[one >> kStretchStepLog2]; }

void RangeCounter::Update(bool bit, uint32_t limit) {
  const int64_t miss = (bit ? 1 << 16 : 0) - one;
  const int64_t moved = one + ((miss * kRates[seen]) >> 16);
  one = static_cast<uint16_t>(std::clamp<int64_t>(moved, kLeastOne, (1 << 16) - kLeastOne));
  if (seen < limit) ++seen;
}

uint32_t RangeMixer::Mix(const RangeCounter& first, RangeCounter* second) {
  if (second->seen == 0) second->one = first.one;
  logits_ = {RangeStretch(first.one), RangeStretch(second->one)};
  const int64_t sum = int64_t{weights_[0]} * logits_[0] + int64_t{weights_[1]} * logits_[1];
  one_ = Squash(ClampedLogit(static_cast<int32_t>(sum >> kRangeMixLog2)));
  return static_cast<uint32_t>(one_);
}

void RangeMixer::Update(bool bit) {
  const int32_t step = ((bit ? 1 << 16 : 0) - one_) * kRangeMixRate >> 10;
  for (size_t i = 0; i < weights_.size(); ++i) {
    weights_[i] = std::clamp(weights_[i] + ((logits_[i] * step + 512) >> 10), -kRangeMaxMix, kRangeMaxMix);
  }
}

}  // namespace plait
