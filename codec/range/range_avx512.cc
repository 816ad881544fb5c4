// AVX-512 forms of the loops of range: sixteen values at a time, the rest one by one.
#if defined(__x86_64__)

#include <immintrin.h>

#include "codec/range/range_kernel.h"

#define PLAIT_TARGET __attribute__((target("avx512f")))

namespace plait {
namespace {

using Vector = __m512i;
constexpr size_t kLanes = sizeof(Vector) / sizeof(int32_t);

PLAIT_TARGET Vector Load(const int32_t* values) { return _mm512_loadu_si512(reinterpret_cast<const Vector*>(values)); }
PLAIT_TARGET void Store(int32_t* values, Vector value) {
  _mm512_storeu_si512(reinterpret_cast<Vector*>(values), value);
}

template <uint32_t kShift>
PLAIT_TARGET Vector Scaled(Vector a, Vector b) {
  const Vector half = _mm512_set1_epi32(1 << (kShift - 1));
  return _mm512_srai_epi32(_mm512_add_epi32(_mm512_mullo_epi32(a, b), half), kShift);
}

PLAIT_TARGET void Predict(int32_t innovation, const int32_t* factors, int32_t* predictions, size_t count) {
  const Vector by = _mm512_set1_epi32(innovation);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Store(predictions + i, _mm512_add_epi32(Load(predictions + i), Scaled<kRangeFactorLog2>(by, Load(factors + i))));
  }
  RangePredictScalar(innovation, factors + i, predictions + i, count - i);
}

PLAIT_TARGET void Learn(int32_t innovation, int32_t gain, int32_t* rest, int32_t* factors, size_t count) {
  const Vector by = _mm512_set1_epi32(innovation);
  const Vector gains = _mm512_set1_epi32(gain);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Vector old = Load(factors + i);
    const Vector left = _mm512_sub_epi32(Load(rest + i), Scaled<kRangeFactorLog2>(by, old));
    Store(rest + i, left);
    Store(factors + i, _mm512_add_epi32(old, Scaled<kRangeLearnShift>(gains, left)));
  }
  RangeLearnScalar(innovation, gain, rest + i, factors + i, count - i);
}

}  // namespace

constexpr RangeKernels kRangeAvx512 = {Predict, Learn};

}  // namespace plait

#endif  // defined(__x86_64__)
