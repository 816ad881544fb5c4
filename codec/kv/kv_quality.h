// The quality layers of a KV plane, in integer arithmetic on the bits of its elements, so that every machine gives the
// same. All functions take rows x channels elements in the order of the file; 8-bit elements are widened to 16.
//
// Steps are powers of two. The *step exponent* D of an element is the biased exponent of its base step: the step is
// 2^(D - bias). With p refinements done, what is known of |x| is an interval of width 2^(D - p - bias).
//
//   base          i = floor(|x| / step + 1/2), with the sign; -0 and what rounds to zero is 0. |i| is kKvSaturated if
//                 |x| >= 2^15 * step, infinite or NaN.
//   refinement 1  the sign, where i is 0; where 1 <= |i| <= 2^M: whether |x| >= |i| * step (for larger i nothing is
//                 open). From here on the *prefix* of x is known: x with its mantissa cut off below the weight
//                 2^(D-1-bias), and a magnitude of 0 if |x| < 2^(D-1-bias).
//   refinement p  the next bit of the prefix: of weight 2^(D-p-bias). Elements that have no bit of that weight (their
//                 mantissa ends above) and saturated ones take no part. One raw bit each.
//   exact         what is left (KvExactEncode).
//
// What holds, for every element type, finite x that is not saturated, and w the width of the interval:
//   - base values are within step / 2 of x; values of p refinements within w / 2, and x itself where no bit is open
//   - values coded again with the same steps give the same values at the same quality, and the same indices and
//     prefixes. So do saturated ones, but for one case: where 2^15 * step is beyond the largest finite number, this
//     number stands for what is infinite or NaN, and then has an index and a prefix of its own.
#ifndef PLAIT_CODEC_KV_KV_QUALITY_H_
#define PLAIT_CODEC_KV_KV_QUALITY_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_element.h"
#include "codec/kv/kv_layout.h"
#include "codec/kv/kv_quality_element.h"

namespace plait {

// Where an element's step exponent comes from: KvStepExponent of what its channel and its row (token) say.
struct KvSteps {
  std::span<const int16_t> channel;  // also says how many channels there are
  std::span<const int8_t> token;     // one for each row; empty: zero for all
  unsigned refinements = 1;          // how many the object has before the exact layer: 1 to kKvMaxRefinements
};

// --- encoding ---

// Base indices, signed.
void KvBaseIndices(KvElement element, const KvSteps& steps, std::span<const uint16_t> x, std::span<int16_t> indices);

// What refinement 1 codes: KvBitState and decision of every element (kv_rans.h).
void KvFirstDecisions(KvElement element, const KvSteps& steps, std::span<const uint16_t> x,
                      std::span<const int16_t> indices, std::span<uint8_t> states, std::span<uint8_t> bits);

// Appends the bits of refinement p, 2 <= p <= steps.refinements, in the order of elements, least significant bit of
// each byte first, the last byte filled with zeros.
void KvRefinementEncode(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint16_t> x,
                        std::vector<uint8_t>* out);

// Appends what is left after steps.refinements, as bits, least significant bit of each byte first, the last byte filled
// with zeros. With T = D - steps.refinements, for every group of kKvGroup neighbouring channels of a row (the last
// group of a row may be shorter), and inside each of these items in the order of channels:
//   for k = 0 .. kKvZeroBits - 1: of every element whose magnitude is still zero and that has T - 1 - k >= 1, whether
//     its exponent is T - 1 - k (which it then has)
//   *raw* are saturated elements, and those whose magnitude is still zero and that have T > kKvZeroBits + 1
//   for q = M-1 .. 0: of every element that is not raw and whose exponent e < T + M - q: bit q of the mantissa
//   of every raw element: its magnitude, E + M bits
void KvExactEncode(KvElement element, const KvSteps& steps, std::span<const uint16_t> x, std::vector<uint8_t>* out);

// The prefixes that 1 <= p <= steps.refinements refinements of `x` tell: what is decoded from them.
void KvPrefixesOf(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint16_t> x,
                  std::span<uint16_t> prefixes);

// --- decoding ---

// The states for KvBitsDecode.
void KvBitStates(KvElement element, std::span<const int16_t> indices, std::span<uint8_t> states);

// Prefixes after refinement 1. Of indices and bits that no encoder writes: the mantissa is cut off after M bits, and
// what is not finite becomes the saturated prefix. Requires: bits are 0 or 1, 0 where the state is kKvBitNone.
void KvPrefixes(KvElement element, const KvSteps& steps, std::span<const int16_t> indices,
                std::span<const uint8_t> bits, std::span<uint16_t> prefixes);

// Adds refinement p, 2 <= p <= steps.refinements, to prefixes that have p - 1.
// Returns: kOutOfRange if `bits` ends early; kDataLoss if bytes are left over or the filling is not zero.
absl::Status KvRefinementDecode(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint8_t> bits,
                                std::span<uint16_t> prefixes);

// Makes elements of prefixes that have steps.refinements. Returns: as KvRefinementDecode.
absl::Status KvExactDecode(KvElement element, const KvSteps& steps, std::span<const uint8_t> bits,
                           std::span<uint16_t> prefixes);

// --- values for what is known: the middle of the interval ---

// Of base indices: i * step, rounded towards zero to the element type; zero is +0. What is saturated is 2^15 * step.
// At most the largest finite number.
void KvValuesOfIndices(KvElement element, const KvSteps& steps, std::span<const int16_t> indices,
                       std::span<uint16_t> values);
// Of prefixes with p >= 1 refinements: half of 2^(D-p-bias) added to the magnitude, where the type has such a bit, and
// at most the largest finite number. What is saturated is 2^15 * step, or where that is not finite, what the prefix of
// the largest finite number is. `values` may be the prefixes' memory.
void KvValuesOfPrefixes(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint16_t> prefixes,
                        std::span<uint16_t> values);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_QUALITY_H_
