// What the quality layers do with one element: the definition, which CPU loops and GPU code both come from. D is the
// step exponent, t the biased exponent of the weight in question; magnitudes and elements are bits (kv_element.h).
#ifndef PLAIT_CODEC_KV_KV_QUALITY_ELEMENT_H_
#define PLAIT_CODEC_KV_KV_QUALITY_ELEMENT_H_

#include <algorithm>
#include <bit>
#include <cstdint>

#include "codec/kv/kv_element.h"
#include "codec/kv/kv_layout.h"

namespace plait {

// 2^kKvIndexBits steps and more are saturated.
inline constexpr unsigned kKvIndexBits = 15;
static_assert(kKvSaturated == (1 << kKvIndexBits) - 1);

// D of an element. The lower end keeps D - refinements at 1 or more, so that everything below the last interval but no
// prefix is subnormal; at the upper end the step is as large as the type's numbers.
constexpr int KvStepExponent(KvElementInfo info, unsigned refinements, int channel, int token) {
  return std::clamp(channel + token, static_cast<int>(refinements) + 1, static_cast<int>(info.max_exponent()));
}

// The magnitude of a saturated element's prefix: the bits behind the largest finite number, which no other prefix has.
constexpr uint16_t KvSaturatedPrefix(KvElementInfo info) { return static_cast<uint16_t>(info.max_finite + 1); }

constexpr unsigned KvMagnitude(KvElementInfo info, unsigned x) { return x & info.magnitude_mask(); }
constexpr int KvExponent(KvElementInfo info, unsigned magnitude) {
  return static_cast<int>(magnitude >> info.mantissa_bits);
}

// The place of the bit of weight t in the mantissa: M is the leading bit that is not stored, below 0 there is none.
constexpr int KvBitPlace(KvElementInfo info, int t, unsigned magnitude) {
  return t - KvExponent(info, magnitude) + static_cast<int>(info.mantissa_bits);
}

// The mantissa with its leading bit, as if there were no subnormals: they are below every weight that is asked for.
constexpr unsigned KvSignificand(KvElementInfo info, unsigned magnitude) {
  return (magnitude & info.mantissa_mask()) | 1u << info.mantissa_bits;
}

// Whether |x| >= 2^15 steps, infinite or NaN. Numbers below round to indices below kKvSaturated: at most 11 bits of
// them are not zero.
constexpr bool KvIsSaturated(KvElementInfo info, int step, unsigned magnitude) {
  return magnitude >= std::min<unsigned>((step + kKvIndexBits) << info.mantissa_bits, KvSaturatedPrefix(info));
}

// floor(|x| / (step / 2)). Requires: not saturated.
constexpr unsigned KvHalfSteps(KvElementInfo info, int step, unsigned magnitude) {
  const int place = KvBitPlace(info, step - 1, magnitude);
  const unsigned significand = KvSignificand(info, magnitude);
  return place < 0 ? significand << -place : place < 16 ? significand >> place : 0;
}

constexpr int16_t KvBaseIndexOf(KvElementInfo info, int step, uint16_t x) {
  const unsigned magnitude = KvMagnitude(info, x);
  const int index = KvIsSaturated(info, step, magnitude)
                        ? kKvSaturated
                        : static_cast<int>((KvHalfSteps(info, step, magnitude) + 1) / 2);
  return static_cast<int16_t>(x & info.sign_bit() ? -index : index);
}

constexpr unsigned KvIndexMagnitude(int16_t index) { return static_cast<unsigned>(index < 0 ? -index : index); }

// Whether refinement 1 has something to decide about an index that is not 0.
constexpr bool KvIsOpen(KvElementInfo info, unsigned index_magnitude) {
  return index_magnitude <= 1u << info.mantissa_bits;
}

// The magnitude bits of n * 2^(t - bias), cut off after M bits of mantissa, whether or not the type has them.
// Requires: 0 < n < 2^16.
constexpr unsigned KvScaled(KvElementInfo info, int t, unsigned n) {
  const unsigned top = static_cast<unsigned>(std::bit_width(n | 1)) - 1;
  return ((static_cast<unsigned>(t) + top) << info.mantissa_bits) |
         ((n << info.mantissa_bits >> top) & info.mantissa_mask());
}

constexpr uint16_t KvSignOf(KvElementInfo info, bool negative) { return negative ? info.sign_bit() : uint16_t{0}; }

constexpr uint16_t KvFirstPrefix(KvElementInfo info, int step, int16_t index, bool bit) {
  const unsigned i = KvIndexMagnitude(index);
  if (i == 0) return KvSignOf(info, bit);
  const unsigned half_steps = KvIsOpen(info, i) ? 2 * i - 1 + bit : 2 * i;
  const unsigned magnitude = i >= kKvSaturated
                                 ? KvSaturatedPrefix(info)
                                 : std::min<unsigned>(KvScaled(info, step - 1, half_steps), KvSaturatedPrefix(info));
  return static_cast<uint16_t>(KvSignOf(info, index < 0) | magnitude);
}

// Whether an element, or its prefix that ends above, takes part in the refinement of weight t.
constexpr bool KvTakesPart(KvElementInfo info, int t, unsigned magnitude) {
  return magnitude < KvSaturatedPrefix(info) && KvBitPlace(info, t, magnitude) >= 0;
}

// Its bit. Requires: KvTakesPart, and the element is not saturated.
constexpr bool KvBitOf(KvElementInfo info, int t, unsigned magnitude) {
  const int place = KvBitPlace(info, t, magnitude);
  return place <= static_cast<int>(info.mantissa_bits) && (KvSignificand(info, magnitude) >> place & 1) != 0;
}

// A prefix whose bit is 1. Requires: KvTakesPart; the prefix ends above t.
constexpr uint16_t KvWithBit(KvElementInfo info, int t, uint16_t prefix) {
  const unsigned magnitude = KvMagnitude(info, prefix);
  const unsigned bit =
      magnitude == 0 ? static_cast<unsigned>(t) << info.mantissa_bits : 1u << KvBitPlace(info, t, magnitude);
  return static_cast<uint16_t>(prefix | bit);
}

// What p refinements tell of an element, t being their last weight.
constexpr uint16_t KvPrefixOf(KvElementInfo info, int step, int t, uint16_t x) {
  const unsigned magnitude = KvMagnitude(info, x);
  const int place = KvBitPlace(info, t, magnitude);
  unsigned known = magnitude;
  if (KvIsSaturated(info, step, magnitude)) {
    known = KvSaturatedPrefix(info);
  } else if (place > static_cast<int>(info.mantissa_bits)) {
    known = 0;
  } else if (place > 0) {
    known = magnitude >> place << place;
  }
  return static_cast<uint16_t>((x & info.sign_bit()) | known);
}

constexpr uint16_t KvValueOfIndex(KvElementInfo info, int step, int16_t index) {
  const unsigned i = KvIndexMagnitude(index);
  if (i == 0) return 0;
  const unsigned scaled = KvScaled(info, step, i >= kKvSaturated ? 1u << kKvIndexBits : i);
  return static_cast<uint16_t>(KvSignOf(info, index < 0) | std::min<unsigned>(scaled, info.max_finite));
}

// Requires: the prefix ends at the weight t.
constexpr uint16_t KvValueOfPrefix(KvElementInfo info, int step, int t, uint16_t prefix) {
  const uint16_t sign = prefix & info.sign_bit();
  unsigned magnitude = KvMagnitude(info, prefix);
  if (magnitude == 0) {
    const unsigned half = t > 1 ? (t - 1u) << info.mantissa_bits : 1u << (info.mantissa_bits - 1);
    return static_cast<uint16_t>(sign | half);
  }
  if (magnitude >= KvSaturatedPrefix(info)) {
    magnitude = std::min<unsigned>((step + kKvIndexBits) << info.mantissa_bits, info.max_finite);
  }
  const int place = KvBitPlace(info, t, magnitude);
  if (place >= 1) magnitude = (magnitude >> place << place) | 1u << (place - 1);
  return static_cast<uint16_t>(sign | std::min<unsigned>(magnitude, info.max_finite));
}

// --- the exact layer; `t` is the exponent of the last refinement's weight ---

// Whether halving k asks an element with so much of a magnitude for its exponent.
constexpr bool KvIsHalved(int t, unsigned k, unsigned magnitude_so_far) {
  return magnitude_so_far == 0 && t - 1 - static_cast<int>(k) >= 1;
}
// Whether all bits of the magnitude stand raw, after the halvings.
constexpr bool KvIsRaw(KvElementInfo info, int t, unsigned magnitude_so_far) {
  return magnitude_so_far >= KvSaturatedPrefix(info) ||
         (magnitude_so_far == 0 && t > static_cast<int>(kKvZeroBits) + 1);
}
// Whether bit q of the mantissa is missing, if the element is not raw.
constexpr bool KvHasPlace(KvElementInfo info, int t, unsigned q, unsigned magnitude) {
  return KvBitPlace(info, t, magnitude) > static_cast<int>(q);
}

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_QUALITY_ELEMENT_H_
