// AVX2 forms of the bf16 plane loops: 32 words a step, on whole registers of low bytes and of high bytes, so that every
// operation works on 32 weights. What is left of a block goes through the scalar loop.
#if defined(__x86_64__)

#include <immintrin.h>

#include "codec/transform/bf16_planes_kernel.h"

#define PLAIT_TARGET __attribute__((target("avx2")))

namespace plait {
namespace {

constexpr size_t kStep = 32;

PLAIT_TARGET __m256i Load(const uint8_t* bytes) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes)); }
PLAIT_TARGET void Store(uint8_t* bytes, __m256i value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), value);
}

// `sign` where the sign bit of a byte is meant, `rest` in the other seven.
PLAIT_TARGET __m256i SignAndRest(__m256i sign, __m256i rest) {
  const __m256i sign_bit = _mm256_set1_epi8(static_cast<char>(0x80));
  return _mm256_or_si256(_mm256_and_si256(sign_bit, sign), _mm256_andnot_si256(sign_bit, rest));
}

// Pack and unpack work within halves of a register; quadwords 0 2 1 3 put what they give, or take, in order.
PLAIT_TARGET __m256i SwapMiddle(__m256i value) { return _mm256_permute4x64_epi64(value, 0b11011000); }

PLAIT_TARGET void SplitStep(const uint8_t* words, uint8_t* exponents, uint8_t* sign_mantissas) {
  const __m256i first = Load(words);
  const __m256i second = Load(words + sizeof(__m256i));
  const __m256i low_byte = _mm256_set1_epi16(0xff);
  const __m256i low =
      SwapMiddle(_mm256_packus_epi16(_mm256_and_si256(first, low_byte), _mm256_and_si256(second, low_byte)));
  const __m256i high = SwapMiddle(_mm256_packus_epi16(_mm256_srli_epi16(first, 8), _mm256_srli_epi16(second, 8)));
  // The exponent is the high byte doubled, plus the top bit of the low one: a true comparison is -1.
  const __m256i top_bit = _mm256_cmpgt_epi8(_mm256_setzero_si256(), low);
  Store(exponents, _mm256_sub_epi8(_mm256_add_epi8(high, high), top_bit));
  Store(sign_mantissas, SignAndRest(high, low));
}

PLAIT_TARGET void Split(const uint8_t* words, size_t n, uint8_t* exponents, uint8_t* sign_mantissas) {
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) SplitStep(words + 2 * i, exponents + i, sign_mantissas + i);
  kBf16PlanesScalar.split(words + 2 * i, n - i, exponents + i, sign_mantissas + i);
}

PLAIT_TARGET void JoinStep(const uint8_t* exponents, const uint8_t* sign_mantissas, uint8_t* words) {
  const __m256i exponent = SwapMiddle(Load(exponents));
  const __m256i sign_mantissa = SwapMiddle(Load(sign_mantissas));
  // There are no shifts of bytes; SignAndRest drops the bits that these shifts of words bring in from the neighbour.
  const __m256i high = SignAndRest(sign_mantissa, _mm256_srli_epi16(exponent, 1));
  const __m256i low = SignAndRest(_mm256_slli_epi16(exponent, 7), sign_mantissa);
  Store(words, _mm256_unpacklo_epi8(low, high));
  Store(words + sizeof(__m256i), _mm256_unpackhi_epi8(low, high));
}

PLAIT_TARGET void Join(const uint8_t* exponents, const uint8_t* sign_mantissas, size_t n, uint8_t* words) {
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) JoinStep(exponents + i, sign_mantissas + i, words + 2 * i);
  kBf16PlanesScalar.join(exponents + i, sign_mantissas + i, n - i, words + 2 * i);
}

}  // namespace

const Bf16PlaneKernels kBf16PlanesAvx2 = {Split, Join};

}  // namespace plait

#endif  // defined(__x86_64__)
