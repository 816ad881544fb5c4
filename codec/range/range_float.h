// Floats as the contexts of range see them: a value in fixed point, and the logarithm of its size.
#ifndef PLAIT_CODEC_RANGE_RANGE_FLOAT_H_
#define PLAIT_CODEC_RANGE_RANGE_FLOAT_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>

#include "codec/base/dtype.h"
#include "codec/range/range_layout.h"

namespace plait {

// A type of sign, exponent and mantissa. Its values in fixed point are exact if their exponents are `lowest_exponent`
// or above; smaller ones are zero, and far larger ones lose their size, which costs bits and nothing else.
struct RangeFloat {
  uint32_t exponent_bits;
  uint32_t mantissa_bits;
  int32_t lowest_exponent;

  uint32_t bits() const { return 1 + exponent_bits + mantissa_bits; }
  int32_t max_exponent() const { return (1 << exponent_bits) - 1; }

  // 2^exponent, in fixed point.
  int64_t Power(int32_t exponent) const {
    if (exponent < lowest_exponent) return 0;
    return int64_t{1} << (mantissa_bits + std::min(exponent - lowest_exponent, kMaxShift));
  }

  // The value of an element's bits without its sign.
  int64_t Size(uint32_t magnitude) const {
    const auto exponent = static_cast<int32_t>(magnitude >> mantissa_bits);
    const int64_t mantissa = magnitude & ((1U << mantissa_bits) - 1);
    if (exponent == 0 && lowest_exponent == 0) return mantissa << 1;
    const int64_t power = Power(exponent);
    return power + mantissa * (power >> mantissa_bits);
  }

  // log2 of an element, in 1/kRangeOctave, up to the bias of its exponent; straight between powers of two.
  int32_t LogOfMagnitude(uint32_t magnitude) const {
    if (mantissa_bits > kLogBits) return static_cast<int32_t>(magnitude >> (mantissa_bits - kLogBits));
    return static_cast<int32_t>(magnitude << (kLogBits - mantissa_bits));
  }

  // The same of a value in fixed point; of 0 as of its least bit.
  int32_t LogOfValue(int64_t value) const {
    const uint64_t size = value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    const int32_t octave = std::bit_width(size | 1) - 1;
    const uint64_t top = octave >= kLogBits ? size >> (octave - kLogBits) : size << (kLogBits - octave);
    return kRangeOctave * (octave + lowest_exponent - static_cast<int32_t>(mantissa_bits)) +
           static_cast<int32_t>(top & (kRangeOctave - 1));
  }

  static constexpr int32_t kLogBits = 7;
  static constexpr int32_t kMaxShift = 36;
  static_assert(1 << kLogBits == kRangeOctave);
};

// nullopt for a dtype that range does not code.
inline std::optional<RangeFloat> RangeFloatOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBf16: return RangeFloat{8, 7, 103};
    case Dtype::kF16: return RangeFloat{5, 10, 0};
    case Dtype::kF8E4m3: return RangeFloat{4, 3, 0};
    case Dtype::kF8E5m2: return RangeFloat{5, 2, 0};
    default: return std::nullopt;
  }
}

}  // namespace plait

#endif  // PLAIT_CODEC_RANGE_RANGE_FLOAT_H_
