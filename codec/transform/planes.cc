#include "codec/transform/planes.h"

#include <cassert>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "codec/transform/planes_kernel.h"

namespace plait {
namespace {

constexpr size_t kStreamingAlignment = 64;

// The one selector of the plane kernels.
const PlaneKernel& KernelOf(PlaneKind kind) {
  const auto k = static_cast<size_t>(kind);
#if defined(__x86_64__)
  if (ActiveCpu() >= CpuVariant::kAvx512 && kPlanesAvx512[k].join != nullptr) return kPlanesAvx512[k];
  if (ActiveCpu() >= CpuVariant::kAvx2 && kPlanesAvx2[k].join != nullptr) return kPlanesAvx2[k];
#endif
  return kPlanesScalar[k];
}

}  // namespace

void SplitPlanes(PlaneKind kind, std::span<const uint8_t> raw, const PlaneSpans& planes) {
  uint8_t* pointers[kMaxPlanes];
  for (size_t p = 0; p < kMaxPlanes; ++p) pointers[p] = planes[p].data();
  KernelOf(kind).split(raw.data(), raw.size() / GetPlaneLayout(kind).element_bytes, pointers);
}

void JoinPlanes(PlaneKind kind, const ConstPlaneSpans& planes, std::span<uint8_t> raw, StoreMode mode) {
  PlanePointers pointers;
  for (size_t p = 0; p < kMaxPlanes; ++p) pointers[p] = planes[p].data();
  JoinPlanes(kind, pointers, raw, mode);
}

void JoinPlanes(PlaneKind kind, const PlanePointers& planes, std::span<uint8_t> raw, StoreMode mode) {
  const PlaneKernel& kernel = KernelOf(kind);
  const bool streaming = kernel.join_streaming != nullptr && CanStream(mode, raw);
  (streaming ? kernel.join_streaming : kernel.join)(planes.data(), raw.size() / GetPlaneLayout(kind).element_bytes,
                                                    raw.data());
}

bool CanStream(StoreMode mode, std::span<const uint8_t> raw) {
  return mode == StoreMode::kStreaming && reinterpret_cast<uintptr_t>(raw.data()) % kStreamingAlignment == 0;
}

CpuVariant PlanesVariant(PlaneKind kind) {
  [[maybe_unused]] const PlaneKernel* kernel = &KernelOf(kind);
#if defined(__x86_64__)
  const auto k = static_cast<size_t>(kind);
  if (kernel == &kPlanesAvx512[k]) return CpuVariant::kAvx512;
  if (kernel == &kPlanesAvx2[k]) return CpuVariant::kAvx2;
#endif
  return CpuVariant::kScalar;
}

void FinishStreaming() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

PlaneSpans PlanePart(PlaneKind kind, const PlaneSpans& planes, size_t begin, size_t n) {
  assert(begin % 8 == 0);
  PlaneSpans part;
  for (size_t p = 0; p < GetPlaneLayout(kind).num_planes; ++p) {
    part[p] = planes[p].subspan(PlaneBytes(kind, p, begin), PlaneBytes(kind, p, n));
  }
  return part;
}

bool PlanePaddingIsZero(PlaneKind kind, size_t plane, size_t n, std::span<const uint8_t> bytes) {
  if (plane == 0) return true;
  const size_t used = n % 8 * GetPlaneLayout(kind).planes[plane].bits % 8;
  return used == 0 || bytes.back() >> used == 0;
}

}  // namespace plait
