// bf16 <-> fp32.
#ifndef PLAIT_EXAMPLES_RUNNER_BF16_H_
#define PLAIT_EXAMPLES_RUNNER_BF16_H_

#include <bit>
#include <cmath>
#include <cstdint>

namespace plait::runner {

inline float FromBf16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// To nearest, ties to even; a NaN stays one.
inline uint16_t ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_BF16_H_
