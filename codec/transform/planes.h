// Bytes of float tensors into planes and back, exactly, for every kind of plane_kind.h.
#ifndef PLAIT_CODEC_TRANSFORM_PLANES_H_
#define PLAIT_CODEC_TRANSFORM_PLANES_H_

#include <array>
#include <cstdint>
#include <span>

#include "codec/transform/plane_kind.h"

namespace plait {

// Plane p of n elements holds PlaneBytes(kind, p, n) bytes; planes that the kind does not have are ignored.
using PlaneSpans = std::array<std::span<uint8_t>, kMaxPlanes>;
using ConstPlaneSpans = std::array<std::span<const uint8_t>, kMaxPlanes>;

// Requires: raw.size() is n * element_bytes; `kind` is not kBytes, whose only plane is `raw` itself.
void SplitPlanes(PlaneKind kind, std::span<const uint8_t> raw, const PlaneSpans& planes);

// The inverse, with the same requirements.
void JoinPlanes(PlaneKind kind, const ConstPlaneSpans& planes, std::span<uint8_t> raw);

// What elements begin to begin + n have in each plane but plane 0; `begin` is a multiple of 8.
ConstPlaneSpans NoisePart(PlaneKind kind, const ConstPlaneSpans& planes, size_t begin, size_t n);

// Whether the bits behind the last field of every packed plane are zero, as SplitPlanes leaves them.
bool PlanePaddingIsZero(PlaneKind kind, size_t plane, size_t n, std::span<const uint8_t> bytes);

}  // namespace plait

#endif  // PLAIT_CODEC_TRANSFORM_PLANES_H_
