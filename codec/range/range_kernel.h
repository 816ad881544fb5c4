// The two loops in which the prediction spends its time (range_predictor.h). All variants give the same bits: sums and
// products are of 32 bits and wrap, shifts are arithmetic.
#ifndef PLAIT_CODEC_RANGE_RANGE_KERNEL_H_
#define PLAIT_CODEC_RANGE_RANGE_KERNEL_H_

#include <cstddef>
#include <cstdint>

#include "codec/range/range_layout.h"

namespace plait {

// (a * b + half) >> shift, wrapping.
inline int32_t RangeScaled(int32_t a, int32_t b, uint32_t shift) {
  const uint32_t half = uint32_t{1} << (shift - 1);
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b) + half) >> shift;
}

inline int32_t RangeWrappingSum(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

constexpr uint32_t kRangeLearnShift = kRangeUnitLog2 + kRangeGainLog2 - kRangeFactorLog2;

struct RangeKernels {
  // predictions[i] += innovation * factors[i]. Requires `count` values at each. Always succeeds.
  void (*predict)(int32_t innovation, const int32_t* factors, int32_t* predictions, size_t count);
  // rest[i] -= innovation * factors[i], then factors[i] += gain * rest[i]. Requires the same. Always succeeds.
  void (*learn)(int32_t innovation, int32_t gain, int32_t* rest, int32_t* factors, size_t count);
};

// The definition.
void RangePredictScalar(int32_t innovation, const int32_t* factors, int32_t* predictions, size_t count);
void RangeLearnScalar(int32_t innovation, int32_t gain, int32_t* rest, int32_t* factors, size_t count);

extern const RangeKernels kRangeScalar;
#if defined(__x86_64__)
extern const RangeKernels kRangeAvx2;
extern const RangeKernels kRangeAvx512;
#endif

}  // namespace plait

#endif  // PLAIT_CODEC_RANGE_RANGE_KERNEL_H_
