// The three loops of the tier coder over validated memory, one struct per SIMD variant; the scalar one is the
// definition. There is no serial bit pointer in any of them: the only value carried from step to step is a pointer that
// moves by a population count.
#ifndef PLAIT_CODEC_TIER_TIER_KERNEL_H_
#define PLAIT_CODEC_TIER_TIER_KERNEL_H_

#include <cstddef>
#include <cstdint>

namespace plait {

// What a kernel may touch past the n-th element of the two escape arrays (never of digits or symbols).
inline constexpr size_t kTierEscapeSlack = 64;

struct TierKernels {
  // Codes n symbols as digits: digit d where symbols[i] == table[d] (the lowest such d), else the escape digit with the
  // symbol appended to `escapes`. Returns the number of escapes.
  // Requires: digits has TierDigitBytes(n) bytes, escapes has n + kTierEscapeSlack. Always succeeds.
  size_t (*encode_level)(const uint8_t* symbols, size_t n, const uint8_t table[3], uint8_t* digits, uint8_t* escapes);

  // The inverse: writes n symbols.
  // Requires: digits has TierDigitBytes(n) bytes, of which count_escapes(digits, n) are escapes, and `escapes` has that
  // many readable bytes + kTierEscapeSlack. Always succeeds.
  void (*decode_level)(const uint8_t* digits, size_t n, const uint8_t table[3], const uint8_t* escapes,
                       uint8_t* symbols);

  // Number of escape digits among the first n. Requires: digits has TierDigitBytes(n) bytes, unused bits zero. Always
  // succeeds.
  size_t (*count_escapes)(const uint8_t* digits, size_t n);
};

extern const TierKernels kTierScalar;
#if defined(__x86_64__)
extern const TierKernels kTierAvx2;
extern const TierKernels kTierAvx512;
#endif

}  // namespace plait

#endif  // PLAIT_CODEC_TIER_TIER_KERNEL_H_
