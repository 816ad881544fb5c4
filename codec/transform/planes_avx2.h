// One step of the plane loops in AVX2, 32 elements: for the loops of planes_avx2.cc and for those that decode exponents
// in the same pass (codec/tier/tier_avx2.cc). Works on whole registers of low bytes and of high bytes, so that every
// operation works on 32 elements.
//
// A kind's Join takes the exponents in a register; both directions handle elements i to i + 31, `raw` is where these
// stand.
#ifndef PLAIT_CODEC_TRANSFORM_PLANES_AVX2_H_
#define PLAIT_CODEC_TRANSFORM_PLANES_AVX2_H_

#include <immintrin.h>

#include "codec/transform/plane_kind.h"

#define PLAIT_AVX2 __attribute__((target("avx2,bmi2,popcnt")))

namespace plait::avx2 {

inline constexpr size_t kStep = 32;

PLAIT_AVX2 inline __m256i Load(const uint8_t* bytes) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
}
PLAIT_AVX2 inline void Store(uint8_t* bytes, __m256i value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), value);
}

template <bool kStreaming>
PLAIT_AVX2 void StoreRaw(uint8_t* bytes, __m256i value) {
  if constexpr (kStreaming) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(bytes), value);
  } else {
    Store(bytes, value);
  }
}

// `sign` where the sign bit of a byte is meant, `rest` in the other seven.
PLAIT_AVX2 inline __m256i SignAndRest(__m256i sign, __m256i rest) {
  const __m256i sign_bit = _mm256_set1_epi8(static_cast<char>(0x80));
  return _mm256_or_si256(_mm256_and_si256(sign_bit, sign), _mm256_andnot_si256(sign_bit, rest));
}

// Pack and unpack work within halves of a register; quadwords 0 2 1 3 put what they give, or take, in order.
PLAIT_AVX2 inline __m256i SwapMiddle(__m256i value) { return _mm256_permute4x64_epi64(value, 0b11011000); }

struct Bf16 {
  static constexpr PlaneKind kKind = PlaneKind::kBf16;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const __m256i first = Load(raw);
    const __m256i second = Load(raw + sizeof(__m256i));
    const __m256i low_byte = _mm256_set1_epi16(0xff);
    const __m256i low =
        SwapMiddle(_mm256_packus_epi16(_mm256_and_si256(first, low_byte), _mm256_and_si256(second, low_byte)));
    const __m256i high = SwapMiddle(_mm256_packus_epi16(_mm256_srli_epi16(first, 8), _mm256_srli_epi16(second, 8)));
    // The exponent is the high byte doubled, plus the top bit of the low one: a true comparison is -1.
    const __m256i top_bit = _mm256_cmpgt_epi8(_mm256_setzero_si256(), low);
    Store(planes[0] + i, _mm256_sub_epi8(_mm256_add_epi8(high, high), top_bit));
    Store(planes[1] + i, SignAndRest(high, low));
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(__m256i exponents, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const __m256i exponent = SwapMiddle(exponents);
    const __m256i sign_mantissa = SwapMiddle(Load(planes[1] + i));
    // There are no shifts of bytes; SignAndRest drops the bits that these shifts of words bring in from the neighbour.
    const __m256i high = SignAndRest(sign_mantissa, _mm256_srli_epi16(exponent, 1));
    const __m256i low = SignAndRest(_mm256_slli_epi16(exponent, 7), sign_mantissa);
    StoreRaw<kStreaming>(raw, _mm256_unpacklo_epi8(low, high));
    StoreRaw<kStreaming>(raw + sizeof(__m256i), _mm256_unpackhi_epi8(low, high));
  }
};

}  // namespace plait::avx2

#endif  // PLAIT_CODEC_TRANSFORM_PLANES_AVX2_H_
