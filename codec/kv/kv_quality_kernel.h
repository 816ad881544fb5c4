// Loops of kv_quality.h over one row of validated memory, an array of kernels per SIMD variant, indexed by element
// type; the scalar ones are the definition, made of kv_quality_element.h.
//
// In all of them: `steps` are the step exponents of the row's n elements, between 2 and the type's max_exponent();
// arrays have n elements and are written exactly. Values may go where prefixes stand.
#ifndef PLAIT_CODEC_KV_KV_QUALITY_KERNEL_H_
#define PLAIT_CODEC_KV_KV_QUALITY_KERNEL_H_

#include <cstddef>
#include <cstdint>

#include "codec/kv/kv_bits.h"
#include "codec/kv/kv_element.h"
#include "codec/kv/kv_layout.h"

namespace plait {

struct KvQualityKernels {
  // KvStepExponent of every channel. Always succeeds.
  void (*step_exponents)(const int16_t* channel, int token, unsigned refinements, size_t n, int16_t* steps);

  // Always succeeds.
  void (*base_indices)(const int16_t* steps, const uint16_t* x, size_t n, int16_t* indices);

  // Requires: indices are those of x. Always succeeds.
  void (*first_decisions)(const int16_t* steps, const uint16_t* x, const int16_t* indices, size_t n, uint8_t* bits);

  // Always succeeds.
  void (*bit_states)(const int16_t* indices, size_t n, uint8_t* states);

  // Requires: bits as KvPrefixes. Always succeeds.
  void (*prefixes)(const int16_t* steps, const int16_t* indices, const uint8_t* bits, size_t n, uint16_t* prefixes);

  // Requires: 2 <= p < every step; room for n bits, or prefixes that have p - 1. Decoding takes zeros where the source
  // ends. Always succeed.
  void (*refinement_encode)(const int16_t* steps, unsigned p, const uint16_t* x, size_t n, KvBitSink& sink);
  void (*refinement_decode)(const int16_t* steps, unsigned p, size_t n, KvBitSource& source, uint16_t* prefixes);

  // Requires: 1 <= refinements < every step; room for n * kKvMaxExactBits, or prefixes that have so many refinements.
  // Decoding takes zeros where the source ends. Always succeed.
  void (*exact_encode)(const int16_t* steps, unsigned refinements, const uint16_t* x, size_t n, KvBitSink& sink);
  void (*exact_decode)(const int16_t* steps, unsigned refinements, size_t n, KvBitSource& source, uint16_t* prefixes);

  // Requires: prefixes that have p refinements, 1 <= p < every step. Always succeed.
  void (*values_of_indices)(const int16_t* steps, const int16_t* indices, size_t n, uint16_t* values);
  void (*values_of_prefixes)(const int16_t* steps, unsigned p, const uint16_t* prefixes, size_t n, uint16_t* values);

  // Requires: 1 <= p < every step. Always succeeds.
  void (*prefixes_of)(const int16_t* steps, unsigned p, const uint16_t* x, size_t n, uint16_t* prefixes);

  // KvSumOfSquares and KvSquaredError, in kKvSums sums. Always succeed.
  double (*sum_of_squares)(const uint16_t* x, size_t n);
  double (*squared_error)(const uint16_t* x, const uint16_t* values, size_t n);
};

// Neighbouring elements go to different sums, number i mod kKvSums, which are added in order at the end.
inline constexpr size_t kKvSums = 16;

// Most bits of an element in the exact layer: it is found to be zero, then it stands raw.
inline constexpr size_t kKvMaxExactBits = kKvZeroBits + 15;

extern const KvQualityKernels kKvQualityScalar[kNumKvElements];
#if defined(__x86_64__)
extern const KvQualityKernels kKvQualityAvx512[kNumKvElements];
#endif

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_QUALITY_KERNEL_H_
