// Small integer arithmetic shared by every codec. constexpr, no state.
#ifndef PLAIT_CODEC_BASE_BITS_H_
#define PLAIT_CODEC_BASE_BITS_H_

#include <concepts>

namespace plait {

template <std::unsigned_integral T>
constexpr T CeilDiv(T value, T divisor) {
  return static_cast<T>(value / divisor + (value % divisor != 0));
}

// Smallest multiple of `alignment` (a power of two) that is >= value. The caller keeps value below 2^63.
template <std::unsigned_integral T>
constexpr T AlignUp(T value, T alignment) {
  return static_cast<T>((value + alignment - 1) & ~(alignment - 1));
}

}  // namespace plait

#endif  // PLAIT_CODEC_BASE_BITS_H_
