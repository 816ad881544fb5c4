// Elements as numbers, for measuring. Exact: every element of the four types is a float, and sums are made in one fixed
// order in double precision, so that all machines give the same.
#ifndef PLAIT_CODEC_KV_KV_VALUES_H_
#define PLAIT_CODEC_KV_KV_VALUES_H_

#include <bit>
#include <cstdint>
#include <span>

#include "codec/kv/kv_element.h"

namespace plait {

inline bool IsKvFinite(const KvElementInfo& info, uint16_t x) { return (x & info.magnitude_mask()) <= info.max_finite; }

// Requires: x is finite.
inline float KvValue(const KvElementInfo& info, uint16_t x) {
  constexpr unsigned kFloatMantissaBits = 23;
  constexpr int kFloatBias = 127;
  // The exponent field stands where a float has its own, too small by the difference of the biases, which a power of
  // two makes good; so subnormal elements come out right as well. In two steps: for types with a bias of 15 or less the
  // power is a float's, for bf16 it is 1.
  const auto magnitude = static_cast<uint32_t>(x & info.magnitude_mask()) << (kFloatMantissaBits - info.mantissa_bits);
  const auto power = static_cast<uint32_t>(2 * kFloatBias - info.bias) << kFloatMantissaBits;
  const float value = std::bit_cast<float>(magnitude) * std::bit_cast<float>(power);
  return (x & info.sign_bit()) != 0 ? -value : value;
}

// The sum of squares of all finite elements.
double KvSumOfSquares(KvElement element, std::span<const uint16_t> x);

// The sum of (values[i] - x[i])^2 over all i where both are finite. Requires: spans are equally long.
double KvSquaredError(KvElement element, std::span<const uint16_t> x, std::span<const uint16_t> values);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_VALUES_H_
