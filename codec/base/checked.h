// Arithmetic on numbers that came from a file: false on overflow, never a wrapped value.
#ifndef PLAIT_CODEC_BASE_CHECKED_H_
#define PLAIT_CODEC_BASE_CHECKED_H_

#include <cstdint>

namespace plait {

[[nodiscard]] inline bool CheckedMul(uint64_t a, uint64_t b, uint64_t* product) {
  return !__builtin_mul_overflow(a, b, product);
}

[[nodiscard]] inline bool CheckedAdd(uint64_t a, uint64_t b, uint64_t* sum) {
  return !__builtin_add_overflow(a, b, sum);
}

}  // namespace plait

#endif  // PLAIT_CODEC_BASE_CHECKED_H_
