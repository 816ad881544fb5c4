// The quality layers of a KV plane, in integer arithmetic on the bits of its elements, so that every machine gives the
// same. All functions take rows x channels elements in the order of the file; 8-bit elements are widened to 16.
//
// Steps are powers of two. The *step exponent* D of an element is the biased exponent of its base step: the step is
// 2^(D - bias), 1 <= D. With p refinements done, what is known of |x| is an interval of width 2^(D - p - bias); D - p
// stays at least 1 (KvSteps says by construction).
//
//   base          i = floor(|x| / step + 1/2), with the sign; -0 and what rounds to zero is 0. |i| is kKvSaturated if x
//                 is infinite or NaN or i would reach it.
//   refinement 1  the sign, where i is 0; where 1 <= i <= 2^M: whether |x| >= i * step (for larger i nothing is open).
//                 From here on the *prefix* of x is known: x with its mantissa cut off below the weight 2^(D-1-bias), and
//                 a magnitude of 0 if |x| < 2^(D-1-bias).
//   refinement p  the next bit of the prefix: of weight 2^(D-p-bias). Elements that have no bit of that weight (their
//                 mantissa ends above) and saturated ones take no part. One raw bit each.
//   exact         what is left (KvExact...).
#ifndef PLAIT_CODEC_KV_KV_QUALITY_H_
#define PLAIT_CODEC_KV_KV_QUALITY_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_element.h"
#include "codec/kv/kv_layout.h"

namespace plait {

// Step exponents: D of row r and channel c is channel[c] + token[r], clamped to [kKvMinStep(refinements), max - 16].
struct KvSteps {
  std::span<const int16_t> channel;
  std::span<const int8_t> token;  // empty: zero for all
  unsigned refinements = 1;       // how many the object has before the exact layer: at least 1
};

// The prefix of a saturated element: the sign and all exponent bits.
constexpr uint16_t KvSaturatedPrefix(KvElementInfo info) {
  return static_cast<uint16_t>(info.max_exponent() << info.mantissa_bits);
}

// --- encoding ---

// Base indices, signed.
void KvBaseIndices(KvElement element, const KvSteps& steps, std::span<const uint16_t> x, std::span<int16_t> indices);

// What refinement 1 codes: KvBitState and decision of every element (kv_rans.h).
void KvFirstDecisions(KvElement element, const KvSteps& steps, std::span<const uint16_t> x,
                      std::span<const int16_t> indices, std::span<uint8_t> states, std::span<uint8_t> bits);

// Appends the bits of refinement p >= 2, in the order of elements, least significant bit of each byte first, the last
// byte filled with zeros.
void KvRefinementEncode(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint16_t> x,
                        std::vector<uint8_t>* out);

// Appends what is left after steps.refinements. For every group of 64 elements, as bits:
//   for elements whose prefix is zero: up to kKvZeroBits times one bit for each that is still zero: whether it is at
//   least half of what it may be; then M+E bits of magnitude for each that is zero after these
//   for the others, and those that have become so: the missing bits of the mantissa, from the highest weight to the
//   lowest, those of all elements that have the position at a time
//   for saturated ones, E+M bits of magnitude
void KvExactEncode(KvElement element, const KvSteps& steps, std::span<const uint16_t> x, std::vector<uint8_t>* out);
inline constexpr unsigned kKvZeroBits = 12;

// --- decoding ---

// The states for KvBitsDecode.
void KvBitStates(KvElement element, std::span<const int16_t> indices, std::span<uint8_t> states);

// Prefixes after refinement 1.
void KvPrefixes(KvElement element, const KvSteps& steps, std::span<const int16_t> indices,
                std::span<const uint8_t> bits, std::span<uint16_t> prefixes);

// Adds refinement p >= 2 to prefixes that have p - 1.
// Returns: kOutOfRange if `bits` ends early; kDataLoss if bytes are left over or the filling is not zero.
absl::Status KvRefinementDecode(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint8_t> bits,
                                std::span<uint16_t> prefixes);

// Makes elements of prefixes that have steps.refinements. Returns: as KvRefinementDecode.
absl::Status KvExactDecode(KvElement element, const KvSteps& steps, std::span<const uint8_t> bits,
                           std::span<uint16_t> prefixes);

// --- values for what is known: the middle of the interval ---

// Of base indices: i * step, rounded towards zero to the element type; zero is +0; at most the largest finite number.
void KvValuesOfIndices(KvElement element, const KvSteps& steps, std::span<const int16_t> indices,
                       std::span<uint16_t> values);
// Of prefixes with p refinements: half of 2^(D-p-bias) added to the magnitude, where there is such a bit; for
// saturated ones kKvSaturated * step, at most the largest finite number.
void KvValuesOfPrefixes(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint16_t> prefixes,
                        std::span<uint16_t> values);

// --- between elements and the symbols of kv_rans.h, in the order of the file ---

// The lossless-only form codes sign and exponent together: with k = offset[c] - e, symbol 2 k + s where 0 <= k <= 14,
// else kKvEscape. `offset` is of each channel.
void KvHeadSymbols(KvElement element, std::span<const int16_t> offset, std::span<const uint16_t> x,
                   std::span<uint8_t> symbols);
// Appends s << E | e of every element whose symbol is kKvEscape, 2 bytes each.
void KvHeadEscapes(KvElement element, std::span<const uint8_t> symbols, std::span<const uint16_t> x,
                   std::vector<uint8_t>* escapes);
// Appends the M bits of every mantissa, packed element by element, least significant bit first; the last byte filled
// with zeros.
void KvMantissas(KvElement element, std::span<const uint16_t> x, std::vector<uint8_t>* out);
// Elements of symbols, escapes and mantissas.
// Returns: kOutOfRange if escapes or mantissas are too short; kDataLoss if they are too long, an escape or a filling has
// bits that it should not have, or a symbol stands for no exponent.
absl::Status KvJoinHeads(KvElement element, std::span<const int16_t> offset, std::span<const uint8_t> symbols,
                         std::span<const uint8_t> escapes, std::span<const uint8_t> mantissas, std::span<uint16_t> x);

// How a channel's base indices become symbols: u = (i - center) >> shift (towards minus infinity), symbol
// u + kKvSymbolZero where that is 0 .. 30, else kKvEscape. The low `shift` bits of i - center stand raw.
struct KvIndexChannel {
  int16_t center = 0;
  uint8_t shift = 0;  // at most kKvMaxShift
};
void KvIndexSymbols(std::span<const KvIndexChannel> channels, std::span<const int16_t> indices,
                    std::span<uint8_t> symbols);
// Appends the index of every element whose symbol is kKvEscape, 2 bytes each.
void KvIndexEscapes(std::span<const uint8_t> symbols, std::span<const int16_t> indices, std::vector<uint8_t>* escapes);
// Appends the low bits of every element that has some and is not escaped, least significant bit first, the last byte
// filled with zeros.
void KvIndexLowBits(std::span<const KvIndexChannel> channels, std::span<const uint8_t> symbols,
                    std::span<const int16_t> indices, std::vector<uint8_t>* out);
// Returns: as KvJoinHeads. An index of -32768 is kDataLoss.
absl::Status KvJoinIndices(std::span<const KvIndexChannel> channels, std::span<const uint8_t> symbols,
                           std::span<const uint8_t> escapes, std::span<const uint8_t> low_bits,
                           std::span<int16_t> indices);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_QUALITY_H_
