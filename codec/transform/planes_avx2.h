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

// -1 in byte j where bit j of the four bytes is set. Broadcast from memory: a detour over a register would cost more.
PLAIT_AVX2 inline __m256i SpreadBits(const uint8_t* bits) {
  int word;
  std::memcpy(&word, bits, sizeof(word));
  const __m256i of_eight = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,  //
                                            2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i bit_of_byte = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
  const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(word), of_eight);
  return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit_of_byte), bit_of_byte);
}

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

// Low and high halves of 32 elements.
struct DwordBytes {
  WordBytes lower;
  WordBytes upper;
};

PLAIT_AVX2 inline DwordBytes LoadDwords(const uint8_t* raw) {
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
  return {{_mm256_permute2x128_si256(even01, even23, 0x20), _mm256_permute2x128_si256(odd01, odd23, 0x20)},
          {_mm256_permute2x128_si256(even01, even23, 0x31), _mm256_permute2x128_si256(odd01, odd23, 0x31)}};
}

template <bool kStreaming>
PLAIT_AVX2 void StoreDwords(const DwordBytes& bytes, uint8_t* raw) {
  const __m256i lower_a = _mm256_unpacklo_epi8(bytes.lower.low, bytes.lower.high);  // elements 0 to 7 and 16 to 23
  const __m256i lower_b = _mm256_unpackhi_epi8(bytes.lower.low, bytes.lower.high);  // elements 8 to 15 and 24 to 31
  const __m256i upper_a = _mm256_unpacklo_epi8(bytes.upper.low, bytes.upper.high);
  const __m256i upper_b = _mm256_unpackhi_epi8(bytes.upper.low, bytes.upper.high);
  const __m256i from_0 = _mm256_unpacklo_epi16(lower_a, upper_a);  // and from 16, four each
  const __m256i from_4 = _mm256_unpackhi_epi16(lower_a, upper_a);
  const __m256i from_8 = _mm256_unpacklo_epi16(lower_b, upper_b);
  const __m256i from_12 = _mm256_unpackhi_epi16(lower_b, upper_b);
  StoreRaw<kStreaming>(raw, _mm256_permute2x128_si256(from_0, from_4, 0x20));
  StoreRaw<kStreaming>(raw + 32, _mm256_permute2x128_si256(from_8, from_12, 0x20));
  StoreRaw<kStreaming>(raw + 64, _mm256_permute2x128_si256(from_0, from_4, 0x31));
  StoreRaw<kStreaming>(raw + 96, _mm256_permute2x128_si256(from_8, from_12, 0x31));
}

struct F32 {
  static constexpr PlaneKind kKind = PlaneKind::kF32;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const DwordBytes bytes = LoadDwords(raw);
    Store(planes[0] + i, ExponentOf(bytes.upper));
    Store(planes[1] + i, SignAndRest(bytes.upper.high, bytes.upper.low));
    Store(planes[2] + i, bytes.lower.high);
    Store(planes[3] + i, bytes.lower.low);
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(__m256i exponents, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const WordBytes upper = WordsOf(exponents, Load(planes[1] + i));
    StoreDwords<kStreaming>({{Load(planes[3] + i), Load(planes[2] + i)}, upper}, raw);
  }
};

// ---- Packed fields: sign in the top bit, mantissa below ----

PLAIT_AVX2 inline __m256i Broadcast(int byte) { return _mm256_set1_epi8(static_cast<char>(byte)); }

// Bits `mask` of bytes that were shifted as words.
PLAIT_AVX2 inline __m256i Masked(__m256i value, int mask) { return _mm256_and_si256(value, Broadcast(mask)); }

// Field i of eight begins at bit kBits * i: in the word of that bit's byte and the next one. What such words are
// multiplied by for the field to come to stand at the top, and their bytes, for both halves of a register.
template <unsigned kBits>
struct FieldWords {
  alignas(32) uint8_t bytes[32];
  alignas(32) uint16_t to_top[16];
};
template <unsigned kBits>
constexpr FieldWords<kBits> MakeFieldWords() {
  FieldWords<kBits> words{};
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned bit = kBits * (i % 8);
    words.bytes[2 * i] = static_cast<uint8_t>(bit / 8);
    words.bytes[2 * i + 1] = static_cast<uint8_t>(bit / 8 + 1);
    words.to_top[i] = static_cast<uint16_t>(1u << (16 - kBits - bit % 8));
  }
  return words;
}
template <unsigned kBits>
inline constexpr FieldWords<kBits> kFieldWords = MakeFieldWords<kBits>();

// Sixteen fields in the low 2 * kBits bytes of each half, as bytes.
template <unsigned kBits>
PLAIT_AVX2 __m256i UnpackFields(__m256i halves) {
  const __m256i first = Load(kFieldWords<kBits>.bytes);
  const __m256i second = _mm256_add_epi8(first, Broadcast(kBits));
  const __m256i to_top = _mm256_load_si256(reinterpret_cast<const __m256i*>(kFieldWords<kBits>.to_top));
  const __m256i eight = _mm256_mullo_epi16(_mm256_shuffle_epi8(halves, first), to_top);
  const __m256i next = _mm256_mullo_epi16(_mm256_shuffle_epi8(halves, second), to_top);
  return _mm256_packus_epi16(_mm256_srli_epi16(eight, 16 - kBits), _mm256_srli_epi16(next, 16 - kBits));
}

PLAIT_AVX2 inline __m256i LoadFields3(const uint8_t* packed) {
  uint64_t low;
  uint32_t high;
  std::memcpy(&low, packed, sizeof(low));
  std::memcpy(&high, packed + sizeof(low), sizeof(high));
  const __m128i twelve = _mm_set_epi64x(high, static_cast<int64_t>(low));
  return UnpackFields<3>(_mm256_set_m128i(_mm_srli_si128(twelve, 6), twelve));
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

// ---- Wide kinds ----

// Fields below 128.
PLAIT_AVX2 inline void StoreFields7(__m256i fields, uint8_t* packed) {
  // f0 + 128 f1 in 16 bits, + 2^14 (f2 + 128 f3) in 32 bits, then the upper 28 bits of a quadword beside the lower
  // ones.
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi16(static_cast<short>(0x8001)), fields);
  const __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x40000001));
  const __m256i lower = _mm256_set1_epi64x(0x0fffffff);
  const __m256i eights =
      _mm256_or_si256(_mm256_and_si256(lower, quads), _mm256_andnot_si256(lower, _mm256_srli_epi64(quads, 4)));
  const __m256i gather = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, -1, -1,  //
                                          0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, -1, -1);
  const __m256i halves = _mm256_shuffle_epi8(eights, gather);
  // 28 bytes: the first 16, the last two of which are not yet right, then bytes 12 and up.
  const __m128i first = _mm256_castsi256_si128(halves);
  const __m128i next = _mm_slli_si128(_mm256_extracti128_si256(halves, 1), 2);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(packed), first);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(packed + 12), _mm_or_si128(_mm_srli_si128(first, 12), next));
}

PLAIT_AVX2 inline __m256i LoadFields7(const uint8_t* packed) {
  const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(packed));
  const __m128i last = _mm_loadu_si128(reinterpret_cast<const __m128i*>(packed + 12));
  return UnpackFields<7>(_mm256_set_m128i(_mm_srli_si128(last, 2), first));
}

PLAIT_AVX2 inline void StoreFields2(__m256i fields, uint8_t* packed) {
  const __m256i pairs = _mm256_maddubs_epi16(fields, _mm256_set1_epi16(0x0401));
  const __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00100001));
  const __m256i words = _mm256_packus_epi32(quads, quads);
  const __m256i halves = _mm256_packus_epi16(words, words);
  const __m256i eight = _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(packed), _mm256_castsi256_si128(eight));
}

PLAIT_AVX2 inline __m256i LoadFields2(const uint8_t* packed) {
  const __m256i quads = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(packed)));
  const __m256i pairs = _mm256_or_si256(quads, _mm256_slli_epi32(quads, 12));
  return Masked(_mm256_or_si256(pairs, _mm256_slli_epi32(pairs, 6)), 3);
}

// Bits 6 to 13 of words, bits 0 to 5 with bit 15, and bit 14.
PLAIT_AVX2 inline __m256i WideSymbolOf(const WordBytes& words) {
  return _mm256_or_si256(Masked(_mm256_slli_epi16(words.high, 2), 0xfc), Masked(_mm256_srli_epi16(words.low, 6), 3));
}
PLAIT_AVX2 inline __m256i Fields7Of(const WordBytes& words) {
  return _mm256_or_si256(Masked(words.low, 0x3f), Masked(_mm256_srli_epi16(words.high, 1), 0x40));
}
PLAIT_AVX2 inline void StoreTopBits(const WordBytes& words, uint8_t* bits) {
  const int top = _mm256_movemask_epi8(_mm256_add_epi8(words.high, words.high));
  std::memcpy(bits, &top, sizeof(top));
}

PLAIT_AVX2 inline WordBytes WideWordsOf(__m256i symbols, __m256i fields, const uint8_t* top_bits) {
  const __m256i sign = Masked(_mm256_add_epi8(fields, fields), 0x80);
  const __m256i outer = _mm256_or_si256(sign, Masked(SpreadBits(top_bits), 0x40));
  return {_mm256_or_si256(Masked(_mm256_slli_epi16(symbols, 6), 0xc0), Masked(fields, 0x3f)),
          _mm256_or_si256(outer, Masked(_mm256_srli_epi16(symbols, 2), 0x3f))};
}

struct Bf16Wide {
  static constexpr PlaneKind kKind = PlaneKind::kBf16Wide;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const WordBytes words = LoadWords(raw);
    Store(planes[0] + i, WideSymbolOf(words));
    StoreFields7(Fields7Of(words), planes[1] + i / 8 * 7);
    StoreTopBits(words, planes[2] + i / 8);
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(__m256i symbols, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    StoreWords<kStreaming>(WideWordsOf(symbols, LoadFields7(planes[1] + i / 8 * 7), planes[2] + i / 8), raw);
  }
};

struct F32Wide {
  static constexpr PlaneKind kKind = PlaneKind::kF32Wide;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const DwordBytes bytes = LoadDwords(raw);
    Store(planes[0] + i, WideSymbolOf(bytes.upper));
    StoreFields7(Fields7Of(bytes.upper), planes[1] + i / 8 * 7);
    Store(planes[2] + i, bytes.lower.high);
    Store(planes[3] + i, bytes.lower.low);
    StoreTopBits(bytes.upper, planes[4] + i / 8);
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(__m256i symbols, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const WordBytes upper = WideWordsOf(symbols, LoadFields7(planes[1] + i / 8 * 7), planes[4] + i / 8);
    StoreDwords<kStreaming>({{Load(planes[3] + i), Load(planes[2] + i)}, upper}, raw);
  }
};

struct F16Wide {
  static constexpr PlaneKind kKind = PlaneKind::kF16Wide;

  PLAIT_AVX2 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const WordBytes words = LoadWords(raw);
    Store(planes[0] + i, Masked(_mm256_srli_epi16(words.high, 1), 0x3f));
    Store(planes[1] + i, words.low);
    const __m256i sign = Masked(_mm256_srli_epi16(words.high, 6), 2);
    StoreFields2(_mm256_or_si256(sign, Masked(words.high, 1)), planes[2] + i / 4);
  }

  template <bool kStreaming>
  PLAIT_AVX2 static void Join(__m256i symbols, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const __m256i table = _mm256_set1_epi32(static_cast<int>(0x81800100));  // of fields
    const __m256i sign_mantissa = _mm256_shuffle_epi8(table, LoadFields2(planes[2] + i / 4));
    const __m256i high = _mm256_or_si256(sign_mantissa, Masked(_mm256_slli_epi16(symbols, 1), 0x7e));
    StoreWords<kStreaming>({Load(planes[1] + i), high}, raw);
  }
};

}  // namespace plait::avx2

#endif  // PLAIT_CODEC_TRANSFORM_PLANES_AVX2_H_
