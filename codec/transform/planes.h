// Bytes of float tensors into planes and back, exactly, for every kind of plane_kind.h.
#ifndef PLAIT_CODEC_TRANSFORM_PLANES_H_
#define PLAIT_CODEC_TRANSFORM_PLANES_H_

#include <array>
#include <cassert>
#include <cstdint>
#include <span>

#include "codec/base/cpu.h"
#include "codec/transform/plane_kind.h"

namespace plait {

// Plane p of n elements holds PlaneBytes(kind, p, n) bytes; planes that the kind does not have are ignored.
using PlaneSpans = std::array<std::span<uint8_t>, kMaxPlanes>;
using ConstPlaneSpans = std::array<std::span<const uint8_t>, kMaxPlanes>;
using PlanePointers = std::array<const uint8_t*, kMaxPlanes>;

// Requires: raw.size() is n * element_bytes; `kind` is not kBytes, whose only plane is `raw` itself.
void SplitPlanes(PlaneKind kind, std::span<const uint8_t> raw, const PlaneSpans& planes);

// How the results of a join reach memory.
enum class StoreMode : uint8_t {
  kCached,
  kStreaming,  // past the cache: right for outputs larger than it that are not read soon; needs FinishStreaming()
};

// What makes decoding faster or slower and changes nothing else.
struct DecodeHints {
  // With kStreaming, FinishStreaming() is left to the caller: once after many blocks is enough.
  StoreMode store = StoreMode::kCached;
  // Coded bytes that are not in cache and will be decoded next: decoding fetches them on the way, at an even pace, so
  // that memory is read while there is something to compute.
  std::span<const uint8_t> next = {};
};

// The inverse, with the same requirements. kStreaming takes effect where there is a kernel for it and `raw` is
// 64-aligned.
void JoinPlanes(PlaneKind kind, const ConstPlaneSpans& planes, std::span<uint8_t> raw,
                StoreMode mode = StoreMode::kCached);
void JoinPlanes(PlaneKind kind, const PlanePointers& planes, std::span<uint8_t> raw, StoreMode mode);

// Whether `mode` is kStreaming and `raw` aligned for it.
bool CanStream(StoreMode mode, std::span<const uint8_t> raw);

// The variant whose loops split and join a kind now.
CpuVariant PlanesVariant(PlaneKind kind);

// Orders streaming stores before what this thread writes next: call it before anyone else may look at the results.
void FinishStreaming();

// What elements begin to begin + n have in each plane; `begin` is a multiple of 8.
PlaneSpans PlanePart(PlaneKind kind, const PlaneSpans& planes, size_t begin, size_t n);

// Where element `begin`, a multiple of 8, stands in every plane but plane 0. For loops that join a part at a time with
// streaming stores: until these have left the store queue, a span that is loaded whole just after its halves were
// stored is waited for.
inline PlanePointers NoisePointers(PlaneKind kind, const ConstPlaneSpans& planes, size_t begin) {
  assert(begin % 8 == 0);
  PlanePointers pointers{};
  for (size_t p = 1; p < GetPlaneLayout(kind).num_planes; ++p) {
    pointers[p] = planes[p].data() + PlaneBytes(kind, p, begin);
  }
  return pointers;
}

// Whether the bits behind the last field of every packed plane are zero, as SplitPlanes leaves them.
bool PlanePaddingIsZero(PlaneKind kind, size_t plane, size_t n, std::span<const uint8_t> bytes);

}  // namespace plait

#endif  // PLAIT_CODEC_TRANSFORM_PLANES_H_
