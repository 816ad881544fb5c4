// What the SIMD loops of the tier coder fetch ahead of their reads. Fetching is a hint to the processor: nothing is
// read, and addresses behind the end of anything do no harm.
#ifndef PLAIT_CODEC_TIER_TIER_PREFETCH_H_
#define PLAIT_CODEC_TIER_TIER_PREFETCH_H_

#include <cstddef>
#include <cstdint>

#include "codec/tier/tier_kernel.h"
#include "codec/transform/plane_kind.h"

namespace plait {

inline constexpr size_t kCacheLineBytes = 64;

// For __builtin_prefetch: to all caches, or to the second one.
inline constexpr int kToFirstCache = 3;
inline constexpr int kToSecondCache = 2;

// What a unit at element i, a multiple of 64, will ask of planes 1 and up a page later. Streams of planes cross pages
// at every group, where hardware prefetchers stop.
template <PlaneKind kKind>
[[gnu::always_inline]] inline void PrefetchPlanes(const uint8_t* const* planes, size_t i) {
  constexpr size_t kDistance = 4096;
  for (size_t p = 1; p < GetPlaneLayout(kKind).num_planes; ++p) {
    __builtin_prefetch(planes[p] + PlaneBytes(kKind, p, i) + kDistance, 0, kToFirstCache);
  }
}

// The share of one unit of 64 elements; moves `ahead` to that of the next.
template <size_t kElementBytes>
[[gnu::always_inline]] inline void PrefetchAhead(Ahead& ahead) {
  for (size_t line = 0; line < kElementBytes; ++line) {
    __builtin_prefetch(ahead.from + line * kCacheLineBytes, 0, kToSecondCache);
  }
  ahead.from += ahead.stride;
}

}  // namespace plait

#endif  // PLAIT_CODEC_TIER_TIER_PREFETCH_H_
