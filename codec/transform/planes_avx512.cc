// AVX-512 forms of the plane loops; what is left of 64 elements goes through the scalar ones.
#if defined(__x86_64__)

#include "codec/transform/planes_avx512.h"

#include "codec/transform/planes_kernel.h"

namespace plait {
namespace avx512 {
namespace {

template <class Kind>
struct Loops {
  static constexpr size_t kElementBytes = GetPlaneLayout(Kind::kKind).element_bytes;

  PLAIT_AVX512 static void Split(const uint8_t* raw, size_t n, uint8_t* const* planes) {
    size_t i = 0;
    for (; i + kStep <= n; i += kStep) {
      const uint8_t* const step = raw + i * kElementBytes;
      for (size_t b = 0; b < kStep * kElementBytes; b += kCacheLine) {
        _mm_prefetch(step + kSplitPrefetchBytes + b, _MM_HINT_T0);
      }
      Kind::Split(step, i, planes);
    }
    SplitRest(Kind::kKind, raw, i, n, planes);
  }

  template <bool kStreaming>
  PLAIT_AVX512 static void Join(const uint8_t* const* planes, size_t n, uint8_t* raw) {
    size_t i = 0;
    for (; i + kStep <= n; i += kStep) {
      Kind::template Join<kStreaming>(Load(planes[0] + i), planes, i, raw + i * kElementBytes);
    }
    JoinRest(Kind::kKind, planes[0] + i, planes, i, n, raw);
  }
};

template <class Kind>
constexpr PlaneKernel kKernel = {Loops<Kind>::Split, Loops<Kind>::template Join<false>,
                                 Loops<Kind>::template Join<true>};

}  // namespace
}  // namespace avx512

const PlaneKernel kPlanesAvx512[kNumPlaneKinds] = {
    {},
    avx512::kKernel<avx512::Bf16>,
    avx512::kKernel<avx512::F32>,
    avx512::kKernel<avx512::F16>,
    {},
    avx512::kKernel<avx512::E4m3>,
    avx512::kKernel<avx512::E5m2>,
    avx512::kKernel<avx512::Bf16Wide>,
    avx512::kKernel<avx512::F32Wide>,
    avx512::kKernel<avx512::F16Wide>,
};

}  // namespace plait

#endif  // defined(__x86_64__)
