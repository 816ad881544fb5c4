#include "codec/transform/bf16_planes_kernel.h"

#include "codec/base/endian.h"

namespace plait {
namespace {

void Split(const uint8_t* words, size_t n, uint8_t* exponents, uint8_t* sign_mantissas) {
  for (size_t i = 0; i < n; ++i) {
    const uint16_t word = LoadLe<uint16_t>(words + 2 * i);
    exponents[i] = static_cast<uint8_t>(word >> 7);
    sign_mantissas[i] = static_cast<uint8_t>((word >> 8 & 0x80) | (word & 0x7f));
  }
}

void Join(const uint8_t* exponents, const uint8_t* sign_mantissas, size_t n, uint8_t* words) {
  for (size_t i = 0; i < n; ++i) {
    const uint32_t sign = sign_mantissas[i] & 0x80u;
    const uint32_t mantissa = sign_mantissas[i] & 0x7fu;
    StoreLe(static_cast<uint16_t>(sign << 8 | exponents[i] << 7 | mantissa), words + 2 * i);
  }
}

}  // namespace

const Bf16PlaneKernels kBf16PlanesScalar = {Split, Join};

}  // namespace plait
