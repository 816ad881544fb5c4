#include "codec/range/range_kernel.h"

namespace plait {

void RangePredictScalar(int32_t innovation, const int32_t* factors, int32_t* predictions, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    predictions[i] = RangeWrappingSum(predictions[i], RangeScaled(innovation, factors[i], kRangeFactorLog2));
  }
}

void RangeLearnScalar(int32_t innovation, int32_t gain, int32_t* rest, int32_t* factors, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    rest[i] = RangeWrappingSum(rest[i], -RangeScaled(innovation, factors[i], kRangeFactorLog2));
    factors[i] = RangeWrappingSum(factors[i], RangeScaled(gain, rest[i], kRangeLearnShift));
  }
}

constexpr RangeKernels kRangeScalar = {RangePredictScalar, RangeLearnScalar};

}  // namespace plait
