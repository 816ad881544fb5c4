// Loops of planes.h over validated memory, one array of kernels per SIMD variant, indexed by plane kind; the scalar one
// is the definition. A variant has nullptr where a lower one serves (and every variant for kBytes, which needs none).
#ifndef PLAIT_CODEC_TRANSFORM_PLANES_KERNEL_H_
#define PLAIT_CODEC_TRANSFORM_PLANES_KERNEL_H_

#include <cstddef>
#include <cstdint>

#include "codec/transform/plane_kind.h"

namespace plait {

struct PlaneKernel {
  // Requires: raw has n elements, planes[p] has PlaneBytes(kind, p, n). Writes exactly the planes. Always succeeds.
  void (*split)(const uint8_t* raw, size_t n, uint8_t* const* planes) = nullptr;

  // The inverse, with the same requirements. Writes exactly n elements. Always succeeds.
  void (*join)(const uint8_t* const* planes, size_t n, uint8_t* raw) = nullptr;

  // The same past the cache. Requires: raw is 64-aligned; the caller fences (planes.h). May be nullptr beside a join.
  void (*join_streaming)(const uint8_t* const* planes, size_t n, uint8_t* raw) = nullptr;
};

extern const PlaneKernel kPlanesScalar[kNumPlaneKinds];
#if defined(__x86_64__)
extern const PlaneKernel kPlanesAvx2[kNumPlaneKinds];
extern const PlaneKernel kPlanesAvx512[kNumPlaneKinds];
#endif

// Vector loops that split ask for the bytes so far ahead: the elements come from memory, and hardware stops at every
// page. Of a tensor's blocks each asks for the next one's beginning; addresses behind the end do no harm.
inline constexpr size_t kSplitPrefetchBytes = 4096;
inline constexpr size_t kCacheLine = 64;

// What a vector loop leaves, elements `begin` (a multiple of 8) to n, through the scalar loops. `exponents` are those
// of these elements, all other pointers those of the whole. Always succeed.
void SplitRest(PlaneKind kind, const uint8_t* raw, size_t begin, size_t n, uint8_t* const* planes);
void JoinRest(PlaneKind kind, const uint8_t* exponents, const uint8_t* const* planes, size_t begin, size_t n,
              uint8_t* raw);

}  // namespace plait

#endif  // PLAIT_CODEC_TRANSFORM_PLANES_KERNEL_H_
