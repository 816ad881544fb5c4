#include "codec/range/range_predictor.h"

#include <algorithm>

#include "codec/range/range_select.h"

namespace plait {
namespace {

int32_t Clamped(int32_t value) { return std::clamp(value, -kRangeMaxNormal, kRangeMaxNormal); }

}  // namespace

RangePredictor::RangePredictor(size_t values)
    : kernels_(ActiveRangeKernels()),
      size_(values),
      values_(values),
      predictions_(values),
      factors_(values * (values - 1) / 2),
      energies_(values, kRangeRidge) {}

void RangePredictor::Begin() {
  std::ranges::fill(predictions_, 0);
  added_ = 0;
}

void RangePredictor::Add(int32_t value) {
  const size_t i = added_++;
  values_[i] = value;
  const int32_t innovation = Clamped(RangeWrappingSum(value, -predictions_[i]));
  kernels_.predict(innovation, Column(i), predictions_.data() + i + 1, size_ - i - 1);
}

void RangePredictor::Learn() {
  int64_t weight = int64_t{1} << kRangeWeightLog2;
  for (size_t i = 0; i < size_; ++i) {
    const int64_t innovation = Clamped(values_[i]);
    const int64_t energy = energies_[i] + ((weight * (innovation * innovation >> kRangeUnitLog2)) >> kRangeWeightLog2);
    const int64_t gain = (weight * innovation / energy) >> (kRangeWeightLog2 - kRangeGainLog2);
    weight = weight * energies_[i] / energy;
    energies_[i] = energy;
    kernels_.learn(static_cast<int32_t>(innovation),
                   static_cast<int32_t>(std::clamp<int64_t>(gain, -kRangeMaxGain, kRangeMaxGain)),
                   values_.data() + i + 1, Column(i), size_ - i - 1);
  }
}

}  // namespace plait
