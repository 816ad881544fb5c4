// One step of the plane loops in AVX2, 32 elements: for the loops of planes_avx2.cc and for those that decode exponents
// in the same pass (codec/tier/tier_avx2.cc). Works on whole registers of low bytes and of high bytes, so that every
// operation works on 32 elements.
//
// A kind's Join takes the exponents in a register; both directions handle elements i to i + 31, `raw` is where these
// stand.
#ifndef PLAIT_CODEC_TRANSFORM_PLANES_AVX2_H_
#define PLAIT_CODEC_TRANSFORM_PLANES_AVX2_H_

#include <immintrin.h>

#include <cstring>

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

// Low and high bytes of 32 words, in order.
struct WordBytes {
  __m256i low;
  __m256i high;
};

PLAIT_AVX2 inline WordBytes LoadWords(const uint8_t* raw) {
  const __m256i first = Load(raw);
  const __m256i second = Load(raw + sizeof(__m256i));
  const __m256i low_byte = _mm256_set1_epi16(0xff);
  return {SwapMiddle(_mm256_packus_epi16(_mm256_and_si256(first, low_byte), _mm256_and_si256(second, low_byte))),
          SwapMiddle(_mm256_packus_epi16(_mm256_srli_epi16(first, 8), _mm256_srli_epi16(second, 8)))};
}

template <bool kStreaming>
PLAIT_AVX2 void StoreWords(const WordBytes& words, uint8_t* raw) {
  const __m256i low = SwapMiddle(words.low);
  const __m256i high = SwapMiddle(words.high);
  StoreRaw<kStreaming>(raw, _mm256_unpacklo_epi8(low, high));
  StoreRaw<kStreaming>(raw + sizeof(__m256i), _mm256_unpackhi_epi8(low, high));
}

// ---- bf16, and the upper half of f32 ----

PLAIT_AVX2 inline __m256i ExponentOf(const WordBytes& words) {
  // The high byte doubled, plus the top bit of the low one: a true comparison is -1.
  const __m256i top_bit = _mm256_cmpgt_epi8(_mm256_setzero_si256(), words.low);
  return _mm256_sub_epi8(_mm256_add_epi8(words.high, words.high), top_bit);
}

PLAIT_AVX2 inline WordBytes WordsOf(__m256i exponent, __m256i sign_mantissa) {
  // There are no shifts of bytes; SignAndRest drops the bits that these shifts of words bring in from the neighbour.
  return {SignAndRest(_mm256_slli_epi16(exponent, 7), sign_mantissa),
          SignAndRest(sign_mantissa, _mm256_srli_epi16(exponent, 1))};
}

struct Bf16 {
  static constexpr PlaneKind kKind = PlaneKind::kBf16;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const WordBytes words = LoadWords(raw);
    Store(planes[0] + i, ExponentOf(words));
    Store(planes[1] + i, SignAndRest(words.high, words.low));
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(__m256i exponents, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    StoreWords<kStreaming>(WordsOf(exponents, Load(planes[1] + i)), raw);
  }
};

// ---- f32 ----

struct F32 {
  static constexpr PlaneKind kKind = PlaneKind::kF32;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    // Of eight elements: their bytes 0, then 1, 2, 3, a quadword each.
    const __m256i by_byte =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    __m256i rows[4];
    for (size_t r = 0; r < 4; ++r) {
      const __m256i by_half = _mm256_shuffle_epi8(Load(raw + sizeof(__m256i) * r), by_byte);
      rows[r] = _mm256_permutevar8x32_epi32(by_half, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    }
    // A transposition of quadwords.
    const __m256i even01 = _mm256_unpacklo_epi64(rows[0], rows[1]);
    const __m256i even23 = _mm256_unpacklo_epi64(rows[2], rows[3]);
    const __m256i odd01 = _mm256_unpackhi_epi64(rows[0], rows[1]);
    const __m256i odd23 = _mm256_unpackhi_epi64(rows[2], rows[3]);
    const WordBytes upper = {_mm256_permute2x128_si256(even01, even23, 0x31),
                             _mm256_permute2x128_si256(odd01, odd23, 0x31)};
    Store(planes[0] + i, ExponentOf(upper));
    Store(planes[1] + i, SignAndRest(upper.high, upper.low));
    Store(planes[2] + i, _mm256_permute2x128_si256(odd01, odd23, 0x20));
    Store(planes[3] + i, _mm256_permute2x128_si256(even01, even23, 0x20));
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(__m256i exponents, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const WordBytes upper = WordsOf(exponents, Load(planes[1] + i));
    const __m256i byte1 = Load(planes[2] + i);
    const __m256i byte0 = Load(planes[3] + i);
    const __m256i lower_a = _mm256_unpacklo_epi8(byte0, byte1);  // elements 0 to 7 and 16 to 23
    const __m256i lower_b = _mm256_unpackhi_epi8(byte0, byte1);  // elements 8 to 15 and 24 to 31
    const __m256i upper_a = _mm256_unpacklo_epi8(upper.low, upper.high);
    const __m256i upper_b = _mm256_unpackhi_epi8(upper.low, upper.high);
    const __m256i from_0 = _mm256_unpacklo_epi16(lower_a, upper_a);  // and from 16, four each
    const __m256i from_4 = _mm256_unpackhi_epi16(lower_a, upper_a);
    const __m256i from_8 = _mm256_unpacklo_epi16(lower_b, upper_b);
    const __m256i from_12 = _mm256_unpackhi_epi16(lower_b, upper_b);
    StoreRaw<kStreaming>(raw, _mm256_permute2x128_si256(from_0, from_4, 0x20));
    StoreRaw<kStreaming>(raw + 32, _mm256_permute2x128_si256(from_8, from_12, 0x20));
    StoreRaw<kStreaming>(raw + 64, _mm256_permute2x128_si256(from_0, from_4, 0x31));
    StoreRaw<kStreaming>(raw + 96, _mm256_permute2x128_si256(from_8, from_12, 0x31));
  }
};

// ---- Fields of 3 and 4 bits: sign in the top bit, mantissa below ----

PLAIT_AVX2 inline __m256i Broadcast(int byte) { return _mm256_set1_epi8(static_cast<char>(byte)); }

// Bits `mask` of bytes that were shifted as words.
PLAIT_AVX2 inline __m256i Masked(__m256i value, int mask) { return _mm256_and_si256(value, Broadcast(mask)); }

// Sixteen fields of 3 bits in the low 6 bytes of each half, as bytes: a 16-bit word that holds a field is multiplied so
// that the field comes to stand at its top.
PLAIT_AVX2 inline __m256i LoadFields3(const uint8_t* packed) {
  uint64_t low;
  uint32_t high;
  std::memcpy(&low, packed, sizeof(low));
  std::memcpy(&high, packed + sizeof(low), sizeof(high));
  const __m128i twelve = _mm_set_epi64x(high, static_cast<int64_t>(low));
  const __m256i both = _mm256_set_m128i(_mm_srli_si128(twelve, 6), twelve);
  // Field i of eight begins at bit 3 i: in the word of bytes 3 i / 8 and the next one, at bit 3 i % 8.
  const __m256i first = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 1, 2, 1, 2, 1, 2, 2, 3, 2, 3,  //
                                         0, 1, 0, 1, 0, 1, 1, 2, 1, 2, 1, 2, 2, 3, 2, 3);
  const __m256i second = _mm256_add_epi8(first, Broadcast(3));
  const __m256i to_top = _mm256_setr_epi16(1 << 13, 1 << 10, 1 << 7, 1 << 12, 1 << 9, 1 << 6, 1 << 11, 1 << 8,  //
                                           1 << 13, 1 << 10, 1 << 7, 1 << 12, 1 << 9, 1 << 6, 1 << 11, 1 << 8);
  const __m256i eight = _mm256_srli_epi16(_mm256_mullo_epi16(_mm256_shuffle_epi8(both, first), to_top), 13);
  const __m256i next = _mm256_srli_epi16(_mm256_mullo_epi16(_mm256_shuffle_epi8(both, second), to_top), 13);
  return _mm256_packus_epi16(eight, next);
}

PLAIT_AVX2 inline void StoreFields3(__m256i fields, uint8_t* packed) {
  // f0 + 8 f1 in 16 bits, + 64 (f2 + 8 f3) in 32 bits, then the upper 12 bits of a quadword beside the lower ones.
  const __m256i pairs = _mm256_maddubs_epi16(fields, _mm256_set1_epi16(0x0801));
  const __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00400001));
  const __m256i eights = _mm256_or_si256(quads, _mm256_srli_epi64(quads, 20));
  const __m256i gather = _mm256_setr_epi8(0, 1, 2, 8, 9, 10, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                          -1, -1, -1, -1, -1, -1, 0, 1, 2, 8, 9, 10, -1, -1, -1, -1);
  const __m256i halves = _mm256_shuffle_epi8(eights, gather);
  const __m128i twelve = _mm_or_si128(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
  const int64_t low = _mm_cvtsi128_si64(twelve);
  const int32_t high = _mm_extract_epi32(twelve, 2);
  std::memcpy(packed, &low, sizeof(low));
  std::memcpy(packed + sizeof(low), &high, sizeof(high));
}

// Sign and mantissa bits in place, of fields as bytes.
PLAIT_AVX2 inline __m256i SignMantissaOf3(__m256i fields) {
  const __m256i table =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 3, -128, -127, -126, -125, 0, 0, 0, 0, 0, 0, 0, 0));
  return _mm256_shuffle_epi8(table, fields);
}

PLAIT_AVX2 inline __m256i Fields3Of(__m256i bytes) {
  return _mm256_or_si256(Masked(bytes, 3), Masked(_mm256_srli_epi16(bytes, 5), 4));
}

struct F16 {
  static constexpr PlaneKind kKind = PlaneKind::kF16;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const WordBytes words = LoadWords(raw);
    Store(planes[0] + i, Masked(_mm256_srli_epi16(words.high, 2), 0x1f));
    Store(planes[1] + i, words.low);
    StoreFields3(Fields3Of(words.high), planes[2] + i / 8 * 3);
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(__m256i exponents, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const __m256i sign_mantissa = SignMantissaOf3(LoadFields3(planes[2] + i / 8 * 3));
    const __m256i high = _mm256_or_si256(sign_mantissa, Masked(_mm256_slli_epi16(exponents, 2), 0x7c));
    StoreWords<kStreaming>({Load(planes[1] + i), high}, raw);
  }
};

struct E5m2 {
  static constexpr PlaneKind kKind = PlaneKind::kE5m2;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const __m256i bytes = Load(raw);
    Store(planes[0] + i, Masked(_mm256_srli_epi16(bytes, 2), 0x1f));
    StoreFields3(Fields3Of(bytes), planes[1] + i / 8 * 3);
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(__m256i exponents, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const __m256i sign_mantissa = SignMantissaOf3(LoadFields3(planes[1] + i / 8 * 3));
    StoreRaw<kStreaming>(raw, _mm256_or_si256(sign_mantissa, Masked(_mm256_slli_epi16(exponents, 2), 0x7c)));
  }
};

struct E4m3 {
  static constexpr PlaneKind kKind = PlaneKind::kE4m3;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const __m256i bytes = Load(raw);
    Store(planes[0] + i, Masked(_mm256_srli_epi16(bytes, 3), 0x0f));
    const __m256i fields = _mm256_or_si256(Masked(bytes, 7), Masked(_mm256_srli_epi16(bytes, 4), 8));
    const __m256i pairs = _mm256_maddubs_epi16(fields, _mm256_set1_epi16(0x1001));
    const __m256i packed = SwapMiddle(_mm256_packus_epi16(pairs, pairs));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(planes[1] + i / 2), _mm256_castsi256_si128(packed));
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(__m256i exponents, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i*>(planes[1] + i / 2));
    const __m256i words = _mm256_cvtepu8_epi16(packed);
    const __m256i nibbles = Masked(_mm256_or_si256(words, _mm256_slli_epi16(words, 4)), 0x0f);
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -128, -127, -126, -125, -124, -123, -122, -121));
    const __m256i exponent = Masked(_mm256_slli_epi16(exponents, 3), 0x78);
    StoreRaw<kStreaming>(raw, _mm256_or_si256(_mm256_shuffle_epi8(table, nibbles), exponent));
  }
};

}  // namespace plait::avx2

#endif  // PLAIT_CODEC_TRANSFORM_PLANES_AVX2_H_
