// AVX-512 BW forms of the bf16 plane loops: 32 words a step, tails by mask.
#if defined(__x86_64__)

#include <immintrin.h>

#include "codec/transform/bf16_planes_kernel.h"

#define PLAIT_TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))

namespace plait {
namespace {

constexpr size_t kStep = 32;

PLAIT_TARGET void SplitStep(const uint8_t* words, __mmask32 lanes, uint8_t* exponents, uint8_t* sign_mantissas) {
  const __m512i word = _mm512_maskz_loadu_epi16(lanes, words);
  const __m512i sign = _mm512_and_si512(_mm512_srli_epi16(word, 8), _mm512_set1_epi16(0x80));
  const __m512i mantissa = _mm512_and_si512(word, _mm512_set1_epi16(0x7f));
  _mm256_mask_storeu_epi8(exponents, lanes, _mm512_cvtepi16_epi8(_mm512_srli_epi16(word, 7)));
  _mm256_mask_storeu_epi8(sign_mantissas, lanes, _mm512_cvtepi16_epi8(_mm512_or_si512(sign, mantissa)));
}

PLAIT_TARGET void Split(const uint8_t* words, size_t n, uint8_t* exponents, uint8_t* sign_mantissas) {
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) SplitStep(words + 2 * i, ~__mmask32{0}, exponents + i, sign_mantissas + i);
  if (i < n) SplitStep(words + 2 * i, (__mmask32{1} << (n - i)) - 1, exponents + i, sign_mantissas + i);
}

PLAIT_TARGET void JoinStep(const uint8_t* exponents, const uint8_t* sign_mantissas, __mmask32 lanes, uint8_t* words) {
  const __m512i exponent = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(lanes, exponents));
  const __m512i rest = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(lanes, sign_mantissas));
  const __m512i sign = _mm512_slli_epi16(_mm512_and_si512(rest, _mm512_set1_epi16(0x80)), 8);
  const __m512i mantissa = _mm512_and_si512(rest, _mm512_set1_epi16(0x7f));
  const __m512i word = _mm512_or_si512(_mm512_or_si512(sign, mantissa), _mm512_slli_epi16(exponent, 7));
  _mm512_mask_storeu_epi16(words, lanes, word);
}

PLAIT_TARGET void Join(const uint8_t* exponents, const uint8_t* sign_mantissas, size_t n, uint8_t* words) {
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) JoinStep(exponents + i, sign_mantissas + i, ~__mmask32{0}, words + 2 * i);
  if (i < n) JoinStep(exponents + i, sign_mantissas + i, (__mmask32{1} << (n - i)) - 1, words + 2 * i);
}

}  // namespace

const Bf16PlaneKernels kBf16PlanesAvx512 = {Split, Join};

}  // namespace plait

#endif  // defined(__x86_64__)
