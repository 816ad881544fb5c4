// Planes as data: how the elements of each float type are cut into bit-fields. Numbers are frozen in the block header
// (codec/block/FORMAT.md).
//
// Plane 0 holds the exponent, which takes few values and goes to an entropy coder, one byte per element. The others
// hold sign and mantissa, nearly random; a plane narrower than 8 bits is packed, element i in bits i * bits and up,
// and what is left of its last byte is zero.
//
// The wide kinds have the first mantissa bit in plane 0 as well: how likely it is depends on the exponent (weights thin
// out away from zero), which saves 0.05 bits per weight with a coder that can use it. An exponent of 8 bits then leaves
// its top bit, which says whether a value is 2 or more, to a plane of its own, as a rule all zeros.
#ifndef PLAIT_CODEC_TRANSFORM_PLANE_KIND_H_
#define PLAIT_CODEC_TRANSFORM_PLANE_KIND_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace plait {

enum class PlaneKind : uint8_t {
  kBytes = 0,  // one plane: the bytes as they are
  kBf16 = 1,
  kF32 = 2,
  kF16 = 3,
  kF64 = 4,
  kE4m3 = 5,
  kE5m2 = 6,
  kBf16Wide = 7,
  kF32Wide = 8,
  kF16Wide = 9,
};
inline constexpr uint8_t kNumPlaneKinds = 10;
inline constexpr size_t kMaxPlanes = 8;

// `count` bits of an element from bit `from` on, which become bits `to` and up of the plane's field.
struct BitRun {
  uint8_t from;
  uint8_t count;
  uint8_t to;
};

struct PlaneField {
  uint8_t bits;    // of one element's field
  BitRun runs[3];  // those with count 0 are unused
};

struct PlaneLayout {
  std::string_view name;
  uint8_t element_bytes;
  uint8_t num_planes;
  PlaneField planes[kMaxPlanes];
};

inline constexpr PlaneLayout kPlaneLayouts[kNumPlaneKinds] = {
    {"bytes", 1, 1, {{8, {{0, 8, 0}}}}},
    {"bf16", 2, 2, {{8, {{7, 8, 0}}}, {8, {{0, 7, 0}, {15, 1, 7}}}}},
    {"f32", 4, 4, {{8, {{23, 8, 0}}}, {8, {{16, 7, 0}, {31, 1, 7}}}, {8, {{8, 8, 0}}}, {8, {{0, 8, 0}}}}},
    {"f16", 2, 3, {{5, {{10, 5, 0}}}, {8, {{0, 8, 0}}}, {3, {{8, 2, 0}, {15, 1, 2}}}}},
    {"f64",
     8,
     8,
     {{8, {{52, 8, 0}}},
      {8, {{48, 4, 0}, {60, 3, 4}, {63, 1, 7}}},
      {8, {{40, 8, 0}}},
      {8, {{32, 8, 0}}},
      {8, {{24, 8, 0}}},
      {8, {{16, 8, 0}}},
      {8, {{8, 8, 0}}},
      {8, {{0, 8, 0}}}}},
    {"e4m3", 1, 2, {{4, {{3, 4, 0}}}, {4, {{0, 3, 0}, {7, 1, 3}}}}},
    {"e5m2", 1, 2, {{5, {{2, 5, 0}}}, {3, {{0, 2, 0}, {7, 1, 2}}}}},
    {"bf16_wide", 2, 3, {{8, {{6, 8, 0}}}, {7, {{0, 6, 0}, {15, 1, 6}}}, {1, {{14, 1, 0}}}}},
    {"f32_wide",
     4,
     5,
     {{8, {{22, 8, 0}}}, {7, {{16, 6, 0}, {31, 1, 6}}}, {8, {{8, 8, 0}}}, {8, {{0, 8, 0}}}, {1, {{30, 1, 0}}}}},
    {"f16_wide", 2, 3, {{6, {{9, 6, 0}}}, {8, {{0, 8, 0}}}, {2, {{8, 1, 0}, {15, 1, 1}}}}},
};

constexpr const PlaneLayout& GetPlaneLayout(PlaneKind kind) { return kPlaneLayouts[static_cast<uint8_t>(kind)]; }

// The kind that cuts the same elements with wide symbols; `kind` itself if there is none. The wide cut of e4m3 is that
// of e5m2, whose exponents are a bit longer.
constexpr PlaneKind WideKindOf(PlaneKind kind) {
  switch (kind) {
    case PlaneKind::kBf16: return PlaneKind::kBf16Wide;
    case PlaneKind::kF32: return PlaneKind::kF32Wide;
    case PlaneKind::kF16: return PlaneKind::kF16Wide;
    case PlaneKind::kE4m3: return PlaneKind::kE5m2;
    default: return kind;
  }
}

// Bytes of plane `plane` for n elements: one each for plane 0, packed for the others.
constexpr size_t PlaneBytes(PlaneKind kind, size_t plane, size_t n) {
  if (plane == 0) return n;
  const size_t bits = GetPlaneLayout(kind).planes[plane].bits;
  return n / 8 * bits + (n % 8 * bits + 7) / 8;
}

// Every bit of an element is in exactly one plane, and every field is as wide as its runs.
constexpr bool PlanesPartitionElements() {
  for (const PlaneLayout& layout : kPlaneLayouts) {
    uint64_t seen = 0;
    for (size_t p = 0; p < layout.num_planes; ++p) {
      unsigned bits = 0;
      for (const BitRun& run : layout.planes[p].runs) {
        for (unsigned bit = run.from; bit < unsigned{run.from} + run.count; ++bit) {
          if (seen >> bit & 1) return false;
          seen |= uint64_t{1} << bit;
        }
        if (run.count != 0 && run.to != bits) return false;
        bits += run.count;
      }
      if (bits != layout.planes[p].bits || bits > 8) return false;
    }
    const unsigned element_bits = 8 * layout.element_bytes;
    if (seen != (element_bits == 64 ? ~uint64_t{0} : (uint64_t{1} << element_bits) - 1)) return false;
  }
  return true;
}
static_assert(PlanesPartitionElements());

}  // namespace plait

#endif  // PLAIT_CODEC_TRANSFORM_PLANE_KIND_H_
