// The loops with 16 lanes in one register.
#if defined(__x86_64__)

#include <immintrin.h>

#include "examples/runner/dot_kernel.h"

#define PLAIT_LANES __attribute__((target("avx512f")))

namespace plait::runner {
namespace {

struct Lanes {
  using Sums = __m512;
  static constexpr int kRowsAtOnce = 4;
  static constexpr int kVectorsAtOnce = 6;
  static constexpr int kSumsAtOnce = 8;

  PLAIT_LANES static inline Sums Zero() { return _mm512_setzero_ps(); }
  PLAIT_LANES static inline Sums Broadcast(float value) { return _mm512_set1_ps(value); }
  PLAIT_LANES static inline Sums Load(const float* values) { return _mm512_loadu_ps(values); }
  PLAIT_LANES static inline Sums LoadBf16(const uint16_t* values) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  PLAIT_LANES static inline Sums MultiplyAdd(Sums a, Sums b, Sums sums) { return _mm512_fmadd_ps(a, b, sums); }
  PLAIT_LANES static inline float Fold(Sums sums) {
    const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(sums), 1));
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sums), high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  PLAIT_LANES static inline void Store(Sums sums, float* values) { _mm512_storeu_ps(values, sums); }
};

#include "examples/runner/dot_loops.h"

}  // namespace

const DotKernels kDotAvx512 = {Dots, WeightedSums};

}  // namespace plait::runner

#endif  // defined(__x86_64__)
