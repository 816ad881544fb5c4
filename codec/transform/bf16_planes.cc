#include "codec/transform/bf16_planes.h"

#include <cassert>

#include "codec/base/cpu.h"
#include "codec/transform/bf16_planes_kernel.h"

namespace plait {
namespace {

const Bf16PlaneKernels& Kernels() {
#if defined(__x86_64__)
  if (ActiveCpu() >= CpuVariant::kAvx512) return kBf16PlanesAvx512;
  if (ActiveCpu() >= CpuVariant::kAvx2) return kBf16PlanesAvx2;
#endif
  return kBf16PlanesScalar;
}

}  // namespace

void SplitBf16(std::span<const uint8_t> words, std::span<uint8_t> exponents, std::span<uint8_t> sign_mantissas) {
  assert(words.size() == 2 * exponents.size() && exponents.size() == sign_mantissas.size());
  Kernels().split(words.data(), exponents.size(), exponents.data(), sign_mantissas.data());
}

void JoinBf16(std::span<const uint8_t> exponents, std::span<const uint8_t> sign_mantissas, std::span<uint8_t> words) {
  assert(words.size() == 2 * exponents.size() && exponents.size() == sign_mantissas.size());
  Kernels().join(exponents.data(), sign_mantissas.data(), exponents.size(), words.data());
}

}  // namespace plait
