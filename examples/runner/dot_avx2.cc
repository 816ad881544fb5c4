// The loops with 16 lanes in two registers.
#if defined(__x86_64__)

#include <immintrin.h>

#include "examples/runner/dot_kernel.h"

#define PLAIT_LANES __attribute__((target("avx2,fma")))

namespace plait::runner {
namespace {

struct Lanes {
  struct Sums {
    __m256 low, high;
  };
  static constexpr int kRowsAtOnce = 2;
  static constexpr int kVectorsAtOnce = 2;
  static constexpr int kSumsAtOnce = 6;

  PLAIT_LANES static inline __m256 Widen(const uint16_t* values) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(values));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }

  PLAIT_LANES static inline Sums Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  PLAIT_LANES static inline Sums Broadcast(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
  PLAIT_LANES static inline Sums Load(const float* values) {
    return {_mm256_loadu_ps(values), _mm256_loadu_ps(values + 8)};
  }
  PLAIT_LANES static inline Sums LoadBf16(const uint16_t* values) { return {Widen(values), Widen(values + 8)}; }
  PLAIT_LANES static inline Sums MultiplyAdd(const Sums& a, const Sums& b, const Sums& sums) {
    return {_mm256_fmadd_ps(a.low, b.low, sums.low), _mm256_fmadd_ps(a.high, b.high, sums.high)};
  }
  PLAIT_LANES static inline float Fold(const Sums& sums) {
    const __m256 eight = _mm256_add_ps(sums.low, sums.high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  PLAIT_LANES static inline void Store(const Sums& sums, float* values) {
    _mm256_storeu_ps(values, sums.low);
    _mm256_storeu_ps(values + 8, sums.high);
  }
};

#include "examples/runner/dot_loops.h"

}  // namespace

const DotKernels kDotAvx2 = {Dots, WeightedSums};

}  // namespace plait::runner

#endif  // defined(__x86_64__)
