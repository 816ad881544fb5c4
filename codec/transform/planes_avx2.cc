// AVX2 forms of the plane loops; what is left of 32 elements goes through the scalar ones.
#if defined(__x86_64__)

#include "codec/transform/planes_avx2.h"

#include "codec/transform/planes_kernel.h"

namespace plait {
namespace avx2 {
namespace {

template <class Kind>
struct Loops {
  static constexpr size_t kElementBytes = GetPlaneLayout(Kind::kKind).element_bytes;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t n, uint8_t* const* planes) {
    size_t i = 0;
    for (; i + kStep <= n; i += kStep) {
      const uint8_t* const step = raw + i * kElementBytes;
      for (size_t b = 0; b < kStep * kElementBytes; b += kCacheLine) {
        _mm_prefetch(reinterpret_cast<const char*>(step + kSplitPrefetchBytes + b), _MM_HINT_T0);
      }
      Kind::Split(step, i, planes);
    }
    SplitRest(Kind::kKind, raw, i, n, planes);
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(const uint8_t* const* planes, size_t n, uint8_t* raw) {
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
}  // namespace avx2

const PlaneKernel kPlanesAvx2[kNumPlaneKinds] = {
    {},
    avx2::kKernel<avx2::Bf16>,
    avx2::kKernel<avx2::F32>,
    avx2::kKernel<avx2::F16>,
    {},
    avx2::kKernel<avx2::E4m3>,
    avx2::kKernel<avx2::E5m2>,
    avx2::kKernel<avx2::Bf16Wide>,
    avx2::kKernel<avx2::F32Wide>,
    avx2::kKernel<avx2::F16Wide>,
};

}  // namespace plait

#endif  // defined(__x86_64__)
