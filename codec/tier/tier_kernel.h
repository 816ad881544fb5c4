// The loops of the tier coder over validated memory, one struct per SIMD variant; the scalar one is the definition.
// There is no serial bit pointer in any of them: the only value carried from step to step is a pointer that moves by a
// population count.
//
// A level has digits of 1 or 2 bits, the index of each array of functions below is that width minus one. Its table has
// 1 or 3 symbols; the digit of all ones is the escape digit.
#ifndef PLAIT_CODEC_TIER_TIER_KERNEL_H_
#define PLAIT_CODEC_TIER_TIER_KERNEL_H_

#include <cstddef>
#include <cstdint>

#include "codec/transform/plane_kind.h"

namespace plait {

// What a kernel may touch past the n-th element of the two escape arrays (never of digits or symbols).
inline constexpr size_t kTierEscapeSlack = 64;

// Memory that is wanted soon: `stride` bytes of it are fetched to the second cache for every unit of 64 symbols.
// Nothing is read, so addresses behind its end do no harm.
struct Ahead {
  const uint8_t* from = nullptr;
  size_t stride = 0;  // at most the bytes of 64 elements
};

// Decodes level 1, as decode_level would, and joins its n symbols, plane 0 of a kind, with planes 1 and up.
// Requires: as decode_level; planes[p] has PlaneBytes(kind, p, n) bytes, `raw` has room for n elements. Writes exactly
// those. Always succeeds.
using TierJoinLoop = void (*)(const uint8_t* digits, size_t n, const uint8_t* table, const uint8_t* escapes,
                              const uint8_t* const* planes, uint8_t* raw, Ahead ahead);

struct TierKernels {
  // Codes n symbols as digits: digit d where symbols[i] == table[d] (the lowest such d), else the escape digit with the
  // symbol appended to `escapes`. Returns the number of escapes.
  // Requires: digits has TierDigitBytes(n) bytes, escapes has n + kTierEscapeSlack. Always succeeds.
  size_t (*encode_level[2])(const uint8_t* symbols, size_t n, const uint8_t* table, uint8_t* digits, uint8_t* escapes);

  // The inverse: writes n symbols.
  // Requires: digits has TierDigitBytes(n) bytes, of which count_escapes(digits, n) are escapes, and `escapes` has that
  // many readable bytes + kTierEscapeSlack. Always succeeds.
  void (*decode_level[2])(const uint8_t* digits, size_t n, const uint8_t* table, const uint8_t* escapes,
                          uint8_t* symbols);

  // Number of escape digits among the first n. Requires: digits has TierDigitBytes(n) bytes, unused bits zero. Always
  // succeeds.
  size_t (*count_escapes[2])(const uint8_t* digits, size_t n);

  // By streaming (0 or 1), digit bits minus one, and plane kind; nullptr where there is none. Streaming stores past the
  // cache and requires that `raw` is 64-aligned; the caller fences (codec/transform/planes.h).
  TierJoinLoop join_level[2][2][kNumPlaneKinds];
};

extern const TierKernels kTierScalar;
#if defined(__x86_64__)
extern const TierKernels kTierAvx2;
extern const TierKernels kTierAvx512;
#endif

}  // namespace plait

#endif  // PLAIT_CODEC_TIER_TIER_KERNEL_H_
