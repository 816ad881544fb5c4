// The scalar loops, made from the table of plane_kind.h by the compiler: one instance per kind, every shift and mask a
// constant.
#include "codec/transform/planes_kernel.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace plait {
namespace {

// Elements are handled eight at a time, so that packed fields fill whole bytes.
constexpr size_t kPlaneStep = 8;

template <PlaneKind kKind>
struct PlaneLoops {
  static constexpr const PlaneLayout& kLayout = GetPlaneLayout(kKind);
  static constexpr size_t kElementBytes = kLayout.element_bytes;

  template <size_t kPlane>
  static constexpr uint8_t Extract(uint64_t element) {
    uint64_t field = 0;
    for (const BitRun& run : kLayout.planes[kPlane].runs) {
      field |= (element >> run.from & ((uint64_t{1} << run.count) - 1)) << run.to;
    }
    return static_cast<uint8_t>(field);
  }

  template <size_t kPlane>
  static constexpr uint64_t Deposit(uint64_t field) {
    uint64_t element = 0;
    for (const BitRun& run : kLayout.planes[kPlane].runs) {
      element |= (field >> run.to & ((uint64_t{1} << run.count) - 1)) << run.from;
    }
    return element;
  }

  // Fields of `count` <= kPlaneStep elements to plane kPlane; `step` counts whole steps before them.
  template <size_t kPlane>
  static void Put(const uint64_t* elements, size_t count, size_t step, uint8_t* plane) {
    constexpr size_t kBits = kLayout.planes[kPlane].bits;
    if constexpr (kPlane == 0 || kBits == 8) {
      for (size_t i = 0; i < count; ++i) plane[step * kPlaneStep + i] = Extract<kPlane>(elements[i]);
    } else {
      uint64_t packed = 0;
      for (size_t i = 0; i < count; ++i) packed |= uint64_t{Extract<kPlane>(elements[i])} << (kBits * i);
      std::memcpy(plane + step * kBits, &packed, (count * kBits + 7) / 8);
    }
  }

  template <size_t kPlane>
  static void Get(const uint8_t* plane, size_t count, size_t step, uint64_t* elements) {
    constexpr size_t kBits = kLayout.planes[kPlane].bits;
    if constexpr (kPlane == 0 || kBits == 8) {
      for (size_t i = 0; i < count; ++i) elements[i] |= Deposit<kPlane>(plane[step * kPlaneStep + i]);
    } else {
      uint64_t packed = 0;
      std::memcpy(&packed, plane + step * kBits, (count * kBits + 7) / 8);
      for (size_t i = 0; i < count; ++i) elements[i] |= Deposit<kPlane>(packed >> (kBits * i) & ((1u << kBits) - 1));
    }
  }

  template <size_t... kPlanes>
  static void SplitStep(const uint8_t* raw, size_t count, size_t step, uint8_t* const* planes,
                        std::index_sequence<kPlanes...>) {
    uint64_t elements[kPlaneStep] = {};
    for (size_t i = 0; i < count; ++i) std::memcpy(&elements[i], raw + i * kElementBytes, kElementBytes);
    (Put<kPlanes>(elements, count, step, planes[kPlanes]), ...);
  }

  template <size_t... kPlanes>
  static void JoinStep(const uint8_t* const* planes, size_t count, size_t step, uint8_t* raw,
                       std::index_sequence<kPlanes...>) {
    uint64_t elements[kPlaneStep] = {};
    (Get<kPlanes>(planes[kPlanes], count, step, elements), ...);
    for (size_t i = 0; i < count; ++i) std::memcpy(raw + i * kElementBytes, &elements[i], kElementBytes);
  }

  // Whether every plane has a byte for each element: then elements need no grouping, and compilers make vectors of it.
  static constexpr bool kBytePlanes = [] {
    for (size_t p = 0; p < kLayout.num_planes; ++p) {
      if (kLayout.planes[p].bits != 8) return false;
    }
    return true;
  }();

  template <size_t kPlane>
  static void SplitBytes(const uint8_t* __restrict raw, size_t n, uint8_t* __restrict plane) {
    for (size_t i = 0; i < n; ++i) {
      uint64_t element = 0;
      std::memcpy(&element, raw + i * kElementBytes, kElementBytes);
      plane[i] = Extract<kPlane>(element);
    }
  }

  template <size_t... kPlanes>
  static void JoinBytes(const uint8_t* const* planes, size_t n, uint8_t* __restrict raw,
                        std::index_sequence<kPlanes...>) {
    const uint8_t* __restrict plane[] = {planes[kPlanes]...};
    for (size_t i = 0; i < n; ++i) {
      const uint64_t element = (Deposit<kPlanes>(plane[kPlanes][i]) | ...);
      std::memcpy(raw + i * kElementBytes, &element, kElementBytes);
    }
  }

  static void Split(const uint8_t* raw, size_t n, uint8_t* const* planes) {
    constexpr auto kAll = std::make_index_sequence<kLayout.num_planes>();
    if constexpr (kBytePlanes) {
      [&]<size_t... kPlanes>(std::index_sequence<kPlanes...>) { (SplitBytes<kPlanes>(raw, n, planes[kPlanes]), ...); }
      (kAll);
      return;
    }
    const size_t steps = n / kPlaneStep;
    for (size_t step = 0; step < steps; ++step) {
      SplitStep(raw + step * kPlaneStep * kElementBytes, kPlaneStep, step, planes, kAll);
    }
    if (n % kPlaneStep != 0) {
      SplitStep(raw + steps * kPlaneStep * kElementBytes, n % kPlaneStep, steps, planes, kAll);
    }
  }

  static void Join(const uint8_t* const* planes, size_t n, uint8_t* raw) {
    constexpr auto kAll = std::make_index_sequence<kLayout.num_planes>();
    if constexpr (kBytePlanes) return JoinBytes(planes, n, raw, kAll);
    const size_t steps = n / kPlaneStep;
    for (size_t step = 0; step < steps; ++step) {
      JoinStep(planes, kPlaneStep, step, raw + step * kPlaneStep * kElementBytes, kAll);
    }
    if (n % kPlaneStep != 0) {
      JoinStep(planes, n % kPlaneStep, steps, raw + steps * kPlaneStep * kElementBytes, kAll);
    }
  }
};

template <PlaneKind kKind>
constexpr PlaneKernel kKernel = {PlaneLoops<kKind>::Split, PlaneLoops<kKind>::Join, nullptr};

}  // namespace

const PlaneKernel kPlanesScalar[kNumPlaneKinds] = {
    {},
    kKernel<PlaneKind::kBf16>,
    kKernel<PlaneKind::kF32>,
    kKernel<PlaneKind::kF16>,
    kKernel<PlaneKind::kF64>,
    kKernel<PlaneKind::kE4m3>,
    kKernel<PlaneKind::kE5m2>,
    kKernel<PlaneKind::kBf16Wide>,
    kKernel<PlaneKind::kF32Wide>,
    kKernel<PlaneKind::kF16Wide>,
};

void SplitRest(PlaneKind kind, const uint8_t* raw, size_t begin, size_t n, uint8_t* const* planes) {
  const PlaneLayout& layout = GetPlaneLayout(kind);
  uint8_t* rest[kMaxPlanes];
  for (size_t p = 0; p < layout.num_planes; ++p) rest[p] = planes[p] + PlaneBytes(kind, p, begin);
  kPlanesScalar[static_cast<size_t>(kind)].split(raw + begin * layout.element_bytes, n - begin, rest);
}

void JoinRest(PlaneKind kind, const uint8_t* exponents, const uint8_t* const* planes, size_t begin, size_t n,
              uint8_t* raw) {
  const PlaneLayout& layout = GetPlaneLayout(kind);
  const uint8_t* rest[kMaxPlanes] = {exponents};
  for (size_t p = 1; p < layout.num_planes; ++p) rest[p] = planes[p] + PlaneBytes(kind, p, begin);
  kPlanesScalar[static_cast<size_t>(kind)].join(rest, n - begin, raw + begin * layout.element_bytes);
}

}  // namespace plait
