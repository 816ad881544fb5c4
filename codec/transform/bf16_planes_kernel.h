// Loops of bf16_planes.h over validated memory, one struct per SIMD variant; the scalar one is the definition.
#ifndef PLAIT_CODEC_TRANSFORM_BF16_PLANES_KERNEL_H_
#define PLAIT_CODEC_TRANSFORM_BF16_PLANES_KERNEL_H_

#include <cstddef>
#include <cstdint>

namespace plait {

struct Bf16PlaneKernels {
  // Requires: words has 2 * n bytes, both planes have n. Writes exactly those. Always succeeds.
  void (*split)(const uint8_t* words, size_t n, uint8_t* exponents, uint8_t* sign_mantissas);
  // Requires: both planes have n bytes, words has room for 2 * n. Writes exactly those. Always succeeds.
  void (*join)(const uint8_t* exponents, const uint8_t* sign_mantissas, size_t n, uint8_t* words);
};

extern const Bf16PlaneKernels kBf16PlanesScalar;
#if defined(__x86_64__)
extern const Bf16PlaneKernels kBf16PlanesAvx2;
extern const Bf16PlaneKernels kBf16PlanesAvx512;
#endif

}  // namespace plait

#endif  // PLAIT_CODEC_TRANSFORM_BF16_PLANES_KERNEL_H_
