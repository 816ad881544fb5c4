// One step of the plane loops in AVX-512, 64 elements: for the loops of planes_avx512.cc and for those that decode
// exponents in the same pass (codec/tier/tier_avx512.cc). Bytes of elements are gathered and dealt out by two-register
// byte permutes; packed fields go through one multishift or multiply-adds.
//
// A kind's Join takes the exponents in a register; both directions handle elements i to i + 63, `raw` is where these
// stand.
#ifndef PLAIT_CODEC_TRANSFORM_PLANES_AVX512_H_
#define PLAIT_CODEC_TRANSFORM_PLANES_AVX512_H_

#include <immintrin.h>

#include <cstring>

#include "codec/transform/plane_kind.h"

#define PLAIT_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,popcnt,bmi2")))

namespace plait::avx512 {

inline constexpr size_t kStep = 64;

PLAIT_AVX512 inline __m512i Load(const uint8_t* bytes) { return _mm512_loadu_si512(bytes); }
PLAIT_AVX512 inline void Store(uint8_t* bytes, __m512i value) { _mm512_storeu_si512(bytes, value); }
PLAIT_AVX512 inline __m512i Broadcast(uint8_t byte) { return _mm512_set1_epi8(static_cast<char>(byte)); }

template <bool kStreaming>
PLAIT_AVX512 void StoreRaw(uint8_t* bytes, __m512i value) {
  if constexpr (kStreaming) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(bytes), value);
  } else {
    _mm512_storeu_si512(bytes, value);
  }
}

// The bits of `mask` from `inside`, the others from `outside`.
PLAIT_AVX512 inline __m512i Select(__m512i mask, __m512i inside, __m512i outside) {
  return _mm512_ternarylogic_epi64(mask, inside, outside, 0xca);
}

// `a` with those bits of `b` that are in `mask`.
PLAIT_AVX512 inline __m512i OrMasked(__m512i a, __m512i b, __m512i mask) {
  return _mm512_ternarylogic_epi64(a, b, mask, 0xf8);
}

// Byte i of the result is byte first + i * stride of a table of 128.
struct Bytes64 {
  alignas(64) uint8_t bytes[64];
};
constexpr Bytes64 Strided(unsigned first, unsigned stride) {
  Bytes64 result{};
  for (unsigned i = 0; i < 64; ++i) result.bytes[i] = static_cast<uint8_t>(first + i * stride);
  return result;
}
// i / 2 + first for even i, 64 + that for odd i: bytes of two registers in turn.
constexpr Bytes64 Interleaved(unsigned first) {
  Bytes64 result{};
  for (unsigned i = 0; i < 64; ++i) result.bytes[i] = static_cast<uint8_t>(first + i / 2 + i % 2 * 64);
  return result;
}
inline constexpr Bytes64 kEvenBytes = Strided(0, 2);
inline constexpr Bytes64 kOddBytes = Strided(1, 2);
inline constexpr Bytes64 kInterleaveLow = Interleaved(0);
inline constexpr Bytes64 kInterleaveHigh = Interleaved(32);

PLAIT_AVX512 inline __m512i Index(const Bytes64& bytes) { return _mm512_load_si512(bytes.bytes); }

// ---- bf16, and the upper half of f32 ----

// Bytes of 64 words: sign and upper exponent bits, last exponent bit and mantissa.
struct WordBytes {
  __m512i low;
  __m512i high;
};

// The high byte doubled, and the top bit of the low one.
PLAIT_AVX512 inline __m512i ExponentOf(const WordBytes& words) {
  return OrMasked(_mm512_add_epi8(words.high, words.high), _mm512_srli_epi16(words.low, 7), Broadcast(1));
}
PLAIT_AVX512 inline __m512i SignMantissaOf(const WordBytes& words) {
  return Select(Broadcast(0x80), words.high, words.low);
}

// There are no shifts of bytes: what a shift of words brings in from the neighbour is masked out.
PLAIT_AVX512 inline WordBytes WordsOf(__m512i exponent, __m512i sign_mantissa) {
  const __m512i sign_bit = Broadcast(0x80);
  return {Select(sign_bit, _mm512_slli_epi16(exponent, 7), sign_mantissa),
          Select(sign_bit, sign_mantissa, _mm512_srli_epi16(exponent, 1))};
}

PLAIT_AVX512 inline WordBytes LoadWords(const uint8_t* raw) {
  const __m512i first = Load(raw);
  const __m512i second = Load(raw + 64);
  return {_mm512_permutex2var_epi8(first, Index(kEvenBytes), second),
          _mm512_permutex2var_epi8(first, Index(kOddBytes), second)};
}

template <bool kStreaming>
PLAIT_AVX512 void StoreWords(const WordBytes& words, uint8_t* raw) {
  StoreRaw<kStreaming>(raw, _mm512_permutex2var_epi8(words.low, Index(kInterleaveLow), words.high));
  StoreRaw<kStreaming>(raw + 64, _mm512_permutex2var_epi8(words.low, Index(kInterleaveHigh), words.high));
}

struct Bf16 {
  static constexpr PlaneKind kKind = PlaneKind::kBf16;

  PLAIT_AVX512 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const WordBytes words = LoadWords(raw);
    Store(planes[0] + i, ExponentOf(words));
    Store(planes[1] + i, SignMantissaOf(words));
  }

  template <bool kStreaming>
  PLAIT_AVX512 static void Join(__m512i exponent, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    StoreWords<kStreaming>(WordsOf(exponent, Load(planes[1] + i)), raw);
  }
};

// ---- f32 ----

// Four registers of 16 elements as four of 64 bytes of the same place, and back.
struct Quad {
  __m512i v[4];
};

// Dwords of a 4 x 4 matrix of lanes and dwords, transposed.
PLAIT_AVX512 inline __m512i TransposeDwords(__m512i value) {
  return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), value);
}

PLAIT_AVX512 inline Quad BytesOfDwords(const uint8_t* raw) {
  // Within every lane: bytes 0 of its four elements, bytes 1, 2, 3.
  const __m512i by_byte = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  Quad rows;
  for (size_t r = 0; r < 4; ++r) rows.v[r] = TransposeDwords(_mm512_shuffle_epi8(Load(raw + 64 * r), by_byte));
  // Lane b of rows[r] now has bytes b of elements 16 r to 16 r + 15: a transposition of lanes is left.
  const __m512i low01 = _mm512_shuffle_i64x2(rows.v[0], rows.v[1], 0x44);
  const __m512i low23 = _mm512_shuffle_i64x2(rows.v[2], rows.v[3], 0x44);
  const __m512i high01 = _mm512_shuffle_i64x2(rows.v[0], rows.v[1], 0xee);
  const __m512i high23 = _mm512_shuffle_i64x2(rows.v[2], rows.v[3], 0xee);
  return {{_mm512_shuffle_i64x2(low01, low23, 0x88), _mm512_shuffle_i64x2(low01, low23, 0xdd),
           _mm512_shuffle_i64x2(high01, high23, 0x88), _mm512_shuffle_i64x2(high01, high23, 0xdd)}};
}

// The inverse: dwords 4 r .. 4 r + 3 of every byte plane become lane-wise unpacked elements of register r.
template <bool kStreaming>
PLAIT_AVX512 void StoreDwords(const Quad& bytes, uint8_t* raw) {
  Quad t;
  for (size_t b = 0; b < 4; ++b) t.v[b] = TransposeDwords(bytes.v[b]);
  const __m512i low_a = _mm512_unpacklo_epi8(t.v[0], t.v[1]);
  const __m512i low_b = _mm512_unpackhi_epi8(t.v[0], t.v[1]);
  const __m512i high_a = _mm512_unpacklo_epi8(t.v[2], t.v[3]);
  const __m512i high_b = _mm512_unpackhi_epi8(t.v[2], t.v[3]);
  StoreRaw<kStreaming>(raw, _mm512_unpacklo_epi16(low_a, high_a));
  StoreRaw<kStreaming>(raw + 64, _mm512_unpackhi_epi16(low_a, high_a));
  StoreRaw<kStreaming>(raw + 128, _mm512_unpacklo_epi16(low_b, high_b));
  StoreRaw<kStreaming>(raw + 192, _mm512_unpackhi_epi16(low_b, high_b));
}

struct F32 {
  static constexpr PlaneKind kKind = PlaneKind::kF32;

  PLAIT_AVX512 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const Quad bytes = BytesOfDwords(raw);
    const WordBytes upper = {bytes.v[2], bytes.v[3]};
    Store(planes[0] + i, ExponentOf(upper));
    Store(planes[1] + i, SignMantissaOf(upper));
    Store(planes[2] + i, bytes.v[1]);
    Store(planes[3] + i, bytes.v[0]);
  }

  template <bool kStreaming>
  PLAIT_AVX512 static void Join(__m512i exponent, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const WordBytes upper = WordsOf(exponent, Load(planes[1] + i));
    StoreDwords<kStreaming>({{Load(planes[3] + i), Load(planes[2] + i), upper.low, upper.high}}, raw);
  }
};

// ---- Packed fields: sign in the top bit, mantissa below ----

// Entry f of a table of `kBits` bits, repeated: field f as the sign and mantissa bits of a byte.
template <unsigned kBits>
constexpr Bytes64 MakeFieldTable() {
  Bytes64 table{};
  for (unsigned i = 0; i < 64; ++i) {
    const unsigned sign = i >> (kBits - 1) & 1;
    const unsigned mantissa = i & ((1u << (kBits - 1)) - 1);
    table.bytes[i] = static_cast<uint8_t>(sign << 7 | mantissa);
  }
  return table;
}
inline constexpr Bytes64 kField2 = MakeFieldTable<2>();
inline constexpr Bytes64 kField3 = MakeFieldTable<3>();
inline constexpr Bytes64 kField4 = MakeFieldTable<4>();

// Sign and mantissa bits of 64 bytes as fields of 3 bits.
PLAIT_AVX512 inline __m512i FieldsOf3(__m512i bytes) {
  return OrMasked(_mm512_and_si512(bytes, Broadcast(3)), _mm512_srli_epi16(bytes, 5), Broadcast(4));
}

// Eight packed fields are as many bytes as a field has bits. The source's bytes, so many at a time, in the low bytes of
// quadwords, and back.
constexpr Bytes64 MakeSpread(unsigned bits) {
  Bytes64 result{};
  for (unsigned i = 0; i < 64; ++i) result.bytes[i] = static_cast<uint8_t>(i / 8 * bits + (i % 8 < bits ? i % 8 : 0));
  return result;
}
constexpr Bytes64 MakeGather(unsigned bits) {
  Bytes64 result{};
  for (unsigned i = 0; i < 8 * bits; ++i) result.bytes[i] = static_cast<uint8_t>(i / bits * 8 + i % bits);
  return result;
}
inline constexpr Bytes64 kSpread3 = MakeSpread(3);
inline constexpr Bytes64 kGather3 = MakeGather(3);
inline constexpr Bytes64 kSpread7 = MakeSpread(7);
inline constexpr Bytes64 kGather7 = MakeGather(7);

PLAIT_AVX512 inline void StorePacked3(__m512i fields, uint8_t* packed) {
  // f0 + 8 f1 in 16 bits, + 64 (f2 + 8 f3) in 32 bits, then the upper 12 bits of a quadword beside the lower ones.
  const __m512i pairs = _mm512_maddubs_epi16(fields, _mm512_set1_epi16(0x0801));
  const __m512i quads = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00400001));
  const __m512i eights = _mm512_or_si512(quads, _mm512_srli_epi64(quads, 20));
  const __m512i bytes = _mm512_permutexvar_epi8(Index(kGather3), eights);
  _mm256_mask_storeu_epi8(packed, 0xffffff, _mm512_castsi512_si256(bytes));
}

PLAIT_AVX512 inline __m512i LoadSignMantissa3(const uint8_t* packed) {
  const __m512i triples = _mm512_castsi256_si512(_mm256_maskz_loadu_epi8(0xffffff, packed));
  const __m512i spread = _mm512_permutexvar_epi8(Index(kSpread3), triples);
  const __m512i shifts = _mm512_set1_epi64(0x15120f0c09060300);
  return _mm512_permutexvar_epi8(_mm512_multishift_epi64_epi8(shifts, spread), Index(kField3));
}

PLAIT_AVX512 inline void StorePacked2(__m512i fields, uint8_t* packed) {
  const __m512i pairs = _mm512_maddubs_epi16(fields, _mm512_set1_epi16(0x0401));
  const __m512i quads = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00100001));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(packed), _mm512_cvtepi32_epi8(quads));
}

PLAIT_AVX512 inline __m512i LoadSignMantissa2(const uint8_t* packed) {
  const __m512i eights = _mm512_cvtepu16_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(packed)));
  const __m512i shifts = _mm512_set1_epi64(0x0e0c0a0806040200);
  return _mm512_permutexvar_epi8(_mm512_multishift_epi64_epi8(shifts, eights), Index(kField2));
}

PLAIT_AVX512 inline __m512i LoadSignMantissa4(const uint8_t* packed) {
  const __m512i words = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(packed)));
  const __m512i nibbles = _mm512_or_si512(words, _mm512_slli_epi16(words, 4));
  return _mm512_permutexvar_epi8(nibbles, Index(kField4));
}

// An exponent in place: a plane's byte may have bits above the field, which do not count.
template <unsigned kShift, uint8_t kMask>
PLAIT_AVX512 __m512i WithExponent(__m512i sign_mantissa, __m512i exponent) {
  return OrMasked(sign_mantissa, _mm512_slli_epi16(exponent, kShift), Broadcast(kMask));
}

struct F16 {
  static constexpr PlaneKind kKind = PlaneKind::kF16;

  PLAIT_AVX512 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const WordBytes words = LoadWords(raw);
    Store(planes[0] + i, _mm512_and_si512(_mm512_srli_epi16(words.high, 2), Broadcast(0x1f)));
    Store(planes[1] + i, words.low);
    StorePacked3(FieldsOf3(words.high), planes[2] + i / 8 * 3);
  }

  template <bool kStreaming>
  PLAIT_AVX512 static void Join(__m512i exponent, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const __m512i high = WithExponent<2, 0x7c>(LoadSignMantissa3(planes[2] + i / 8 * 3), exponent);
    StoreWords<kStreaming>({Load(planes[1] + i), high}, raw);
  }
};

struct E5m2 {
  static constexpr PlaneKind kKind = PlaneKind::kE5m2;

  PLAIT_AVX512 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const __m512i bytes = Load(raw);
    Store(planes[0] + i, _mm512_and_si512(_mm512_srli_epi16(bytes, 2), Broadcast(0x1f)));
    StorePacked3(FieldsOf3(bytes), planes[1] + i / 8 * 3);
  }

  template <bool kStreaming>
  PLAIT_AVX512 static void Join(__m512i exponent, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    StoreRaw<kStreaming>(raw, WithExponent<2, 0x7c>(LoadSignMantissa3(planes[1] + i / 8 * 3), exponent));
  }
};

struct E4m3 {
  static constexpr PlaneKind kKind = PlaneKind::kE4m3;

  PLAIT_AVX512 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const __m512i bytes = Load(raw);
    Store(planes[0] + i, _mm512_and_si512(_mm512_srli_epi16(bytes, 3), Broadcast(0x0f)));
    const __m512i sign = _mm512_srli_epi16(bytes, 4);
    const __m512i fields = OrMasked(_mm512_and_si512(bytes, Broadcast(7)), sign, Broadcast(8));
    const __m512i pairs = _mm512_maddubs_epi16(fields, _mm512_set1_epi16(0x1001));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(planes[1] + i / 2), _mm512_cvtepi16_epi8(pairs));
  }

  template <bool kStreaming>
  PLAIT_AVX512 static void Join(__m512i exponent, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    StoreRaw<kStreaming>(raw, WithExponent<3, 0x78>(LoadSignMantissa4(planes[1] + i / 2), exponent));
  }
};

// ---- Wide kinds ----

// Fields below 128.
PLAIT_AVX512 inline void StorePacked7(__m512i fields, uint8_t* packed) {
  // f0 + 128 f1 in 16 bits, + 2^14 (f2 + 128 f3) in 32 bits, then the upper 28 bits of a quadword beside the lower
  // ones.
  const __m512i pairs = _mm512_maddubs_epi16(_mm512_set1_epi16(static_cast<short>(0x8001)), fields);
  const __m512i quads = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x40000001));
  const __m512i eights = Select(_mm512_set1_epi64(0x0fffffff), quads, _mm512_srli_epi64(quads, 4));
  _mm512_mask_storeu_epi8(packed, 0xffffffffffffff, _mm512_permutexvar_epi8(Index(kGather7), eights));
}

// The top bits of the bytes are those of the next fields.
PLAIT_AVX512 inline __m512i LoadPacked7(const uint8_t* packed) {
  const __m512i sevens = _mm512_maskz_loadu_epi8(0xffffffffffffff, packed);
  const __m512i spread = _mm512_permutexvar_epi8(Index(kSpread7), sevens);
  return _mm512_multishift_epi64_epi8(_mm512_set1_epi64(0x312a231c150e0700), spread);
}

// Bits 6 to 13 of words, bits 0 to 5 with bit 15, and bit 14.
PLAIT_AVX512 inline __m512i WideSymbolOf(const WordBytes& words) {
  return Select(Broadcast(0xfc), _mm512_slli_epi16(words.high, 2), _mm512_srli_epi16(words.low, 6));
}
PLAIT_AVX512 inline __m512i FieldsOf7(const WordBytes& words) {
  const __m512i sign = _mm512_and_si512(_mm512_srli_epi16(words.high, 1), Broadcast(0x40));
  return OrMasked(sign, words.low, Broadcast(0x3f));
}
PLAIT_AVX512 inline void StoreTopBits(const WordBytes& words, uint8_t* bits) {
  const uint64_t top = _mm512_test_epi8_mask(words.high, Broadcast(0x40));
  std::memcpy(bits, &top, sizeof(top));
}

PLAIT_AVX512 inline WordBytes WideWordsOf(__m512i symbol, __m512i fields, const uint8_t* top_bits) {
  uint64_t top;
  std::memcpy(&top, top_bits, sizeof(top));
  const __m512i sign = _mm512_and_si512(_mm512_add_epi8(fields, fields), Broadcast(0x80));
  const __m512i high = OrMasked(sign, _mm512_srli_epi16(symbol, 2), Broadcast(0x3f));
  return {Select(Broadcast(0xc0), _mm512_slli_epi16(symbol, 6), fields),
          _mm512_mask_add_epi8(high, top, high, Broadcast(0x40))};
}

struct Bf16Wide {
  static constexpr PlaneKind kKind = PlaneKind::kBf16Wide;

  PLAIT_AVX512 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const WordBytes words = LoadWords(raw);
    Store(planes[0] + i, WideSymbolOf(words));
    StorePacked7(FieldsOf7(words), planes[1] + i / 8 * 7);
    StoreTopBits(words, planes[2] + i / 8);
  }

  template <bool kStreaming>
  PLAIT_AVX512 static void Join(__m512i symbol, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    StoreWords<kStreaming>(WideWordsOf(symbol, LoadPacked7(planes[1] + i / 8 * 7), planes[2] + i / 8), raw);
  }
};

struct F32Wide {
  static constexpr PlaneKind kKind = PlaneKind::kF32Wide;

  PLAIT_AVX512 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const Quad bytes = BytesOfDwords(raw);
    const WordBytes upper = {bytes.v[2], bytes.v[3]};
    Store(planes[0] + i, WideSymbolOf(upper));
    StorePacked7(FieldsOf7(upper), planes[1] + i / 8 * 7);
    Store(planes[2] + i, bytes.v[1]);
    Store(planes[3] + i, bytes.v[0]);
    StoreTopBits(upper, planes[4] + i / 8);
  }

  template <bool kStreaming>
  PLAIT_AVX512 static void Join(__m512i symbol, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const WordBytes upper = WideWordsOf(symbol, LoadPacked7(planes[1] + i / 8 * 7), planes[4] + i / 8);
    StoreDwords<kStreaming>({{Load(planes[3] + i), Load(planes[2] + i), upper.low, upper.high}}, raw);
  }
};

struct F16Wide {
  static constexpr PlaneKind kKind = PlaneKind::kF16Wide;

  PLAIT_AVX512 static void Split(const uint8_t* raw, size_t i, uint8_t* const* planes) {
    const WordBytes words = LoadWords(raw);
    Store(planes[0] + i, _mm512_and_si512(_mm512_srli_epi16(words.high, 1), Broadcast(0x3f)));
    Store(planes[1] + i, words.low);
    const __m512i mantissa = _mm512_and_si512(words.high, Broadcast(1));
    StorePacked2(OrMasked(mantissa, _mm512_srli_epi16(words.high, 6), Broadcast(2)), planes[2] + i / 4);
  }

  template <bool kStreaming>
  PLAIT_AVX512 static void Join(__m512i symbol, const uint8_t* const* planes, size_t i, uint8_t* raw) {
    const __m512i high = WithExponent<1, 0x7e>(LoadSignMantissa2(planes[2] + i / 4), symbol);
    StoreWords<kStreaming>({Load(planes[1] + i), high}, raw);
  }
};

}  // namespace plait::avx512

#endif  // PLAIT_CODEC_TRANSFORM_PLANES_AVX512_H_
