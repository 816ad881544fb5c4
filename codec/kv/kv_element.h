// Element types of KV caches: a sign, an exponent, a mantissa, of 16 bits or 8.
#ifndef PLAIT_CODEC_KV_KV_ELEMENT_H_
#define PLAIT_CODEC_KV_KV_ELEMENT_H_

#include <cstddef>
#include <cstdint>

namespace plait {

// Bits of an element x, in the low bits of a uint16_t: s at bit E+M, e in E bits, m in M bits.
// Its value is (-1)^s * 2^(max(e,1) - bias) * ((e > 0) + m / 2^M); what is beyond `max_finite` is infinite or NaN.
enum class KvElement : uint8_t { kBf16 = 0, kF16 = 1, kE4m3 = 2, kE5m2 = 3 };
inline constexpr size_t kNumKvElements = 4;

struct KvElementInfo {
  unsigned exponent_bits;
  unsigned mantissa_bits;
  int bias;
  uint16_t max_finite;  // the largest magnitude bits that are a number

  constexpr unsigned bytes() const { return exponent_bits + mantissa_bits == 15 ? 2 : 1; }
  constexpr uint16_t sign_bit() const { return static_cast<uint16_t>(1u << (exponent_bits + mantissa_bits)); }
  constexpr uint16_t magnitude_mask() const { return static_cast<uint16_t>(sign_bit() - 1); }
  constexpr uint16_t mantissa_mask() const { return static_cast<uint16_t>((1u << mantissa_bits) - 1); }
  constexpr unsigned max_exponent() const { return (1u << exponent_bits) - 1; }
};

constexpr KvElementInfo GetKvElementInfo(KvElement element) {
  switch (element) {
    case KvElement::kBf16: return {8, 7, 127, 0x7f7f};
    case KvElement::kF16: return {5, 10, 15, 0x7bff};
    case KvElement::kE4m3: return {4, 3, 7, 0x7e};
    case KvElement::kE5m2: return {5, 2, 15, 0x7b};
  }
  return {};
}

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_ELEMENT_H_
