// Probabilities that learn: counters of bits, and mixing of two of them in the logistic domain. Source: the PAQ family
// (M. Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression", 2005). Integers only.
#ifndef PLAIT_CODEC_RANGE_RANGE_MIX_H_
#define PLAIT_CODEC_RANGE_RANGE_MIX_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "codec/range/range_layout.h"

namespace plait {

// How likely a set bit is, by those seen so far: their mean at first, later one that forgets.
struct RangeCounter {
  uint16_t one = 1 << 15;
  uint16_t seen = 0;

  void Update(bool bit, uint32_t limit);
};

// 1 / (1 + exp(-x / 256)) in 2^-16, of x from -kRangeLogitMax to kRangeLogitMax.
int32_t RangeSquash(int32_t logit);

// The least x that RangeSquash takes to `one` or above it, where `one` counts in steps of 16.
int32_t RangeStretch(uint32_t one);

// Weighs two counters; the weights learn which of them to believe.
class RangeMixer {
 public:
  // The probability that the bit is set. A second counter that has seen nothing takes over what the first one says.
  uint32_t Mix(const RangeCounter& first, RangeCounter* second);

  // Teaches the weights, after Mix().
  void Update(bool bit);

 private:
  std::array<int32_t, 2> weights_ = {kRangeFirstMix, kRangeFirstMix};
  std::array<int32_t, 2> logits_ = {};
  int32_t one_ = 0;
};

}  // namespace plait

#endif  // PLAIT_CODEC_RANGE_RANGE_MIX_H_
