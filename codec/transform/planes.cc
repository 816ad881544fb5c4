#include "codec/transform/planes.h"

#include "codec/transform/bf16_planes.h"
#include "codec/transform/planes_kernel.h"

namespace plait {
namespace {

struct Loops {
  void (*split)(const uint8_t* raw, size_t n, uint8_t* const* planes);
  void (*join)(const uint8_t* const* planes, size_t n, uint8_t* raw);
};

template <PlaneKind kKind>
constexpr Loops kLoopsOf = {PlaneLoops<kKind>::Split, PlaneLoops<kKind>::Join};

// Indexed by kind; bf16 has loops of its own (bf16_planes.h), kBytes needs none.
constexpr Loops kLoops[kNumPlaneKinds] = {
    {nullptr, nullptr},        {nullptr, nullptr},         kLoopsOf<PlaneKind::kF32>,  kLoopsOf<PlaneKind::kF16>,
    kLoopsOf<PlaneKind::kF64>, kLoopsOf<PlaneKind::kE4m3>, kLoopsOf<PlaneKind::kE5m2>,
};

}  // namespace

void SplitPlanes(PlaneKind kind, std::span<const uint8_t> raw, const PlaneSpans& planes) {
  if (kind == PlaneKind::kBf16) return SplitBf16(raw, planes[0], planes[1]);
  uint8_t* pointers[kMaxPlanes];
  for (size_t p = 0; p < kMaxPlanes; ++p) pointers[p] = planes[p].data();
  kLoops[static_cast<uint8_t>(kind)].split(raw.data(), raw.size() / GetPlaneLayout(kind).element_bytes, pointers);
}

void JoinPlanes(PlaneKind kind, const ConstPlaneSpans& planes, std::span<uint8_t> raw) {
  if (kind == PlaneKind::kBf16) return JoinBf16(planes[0], planes[1], raw);
  const uint8_t* pointers[kMaxPlanes];
  for (size_t p = 0; p < kMaxPlanes; ++p) pointers[p] = planes[p].data();
  kLoops[static_cast<uint8_t>(kind)].join(pointers, raw.size() / GetPlaneLayout(kind).element_bytes, raw.data());
}

ConstPlaneSpans NoisePart(PlaneKind kind, const ConstPlaneSpans& planes, size_t begin, size_t n) {
  ConstPlaneSpans part;
  for (size_t p = 1; p < GetPlaneLayout(kind).num_planes; ++p) {
    part[p] = planes[p].subspan(PlaneBytes(kind, p, begin), PlaneBytes(kind, p, n));
  }
  return part;
}

bool PlanePaddingIsZero(PlaneKind kind, size_t plane, size_t n, std::span<const uint8_t> bytes) {
  if (plane == 0) return true;
  const size_t used = n % kPlaneStep * GetPlaneLayout(kind).planes[plane].bits % 8;
  return used == 0 || bytes.back() >> used == 0;
}

}  // namespace plait
