// AVX-512 forms of the tier loops, 64 symbols a step: digits unpack with one multishift, symbols come out of a 64-entry
// byte permute, escapes are spread by one expand. Register forms of compress and expand only: the memory forms are
// microcoded on Zen 4.
#if defined(__x86_64__)

#include <immintrin.h>

#include "codec/tier/tier_kernel.h"
#include "codec/tier/tier_layout.h"

#define PLAIT_TARGET \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,avx512bitalg,popcnt,bmi2")))

namespace plait {
namespace {

constexpr size_t kStep = 64;
constexpr size_t kStepDigitBytes = kStep / kTierDigitsPerByte;
static_assert(kTierEscapeSlack >= kStep, "a step stores and loads 64 escapes whatever their number");

constexpr __mmask64 FirstLanes(size_t count) { return count == kStep ? ~__mmask64{0} : (__mmask64{1} << count) - 1; }

// One step of encode_level; returns the mask of escaped lanes. `lanes` are the symbols that exist.
PLAIT_TARGET __mmask64 EncodeStep(const uint8_t* symbols, __mmask64 lanes, const __m512i table[3], uint8_t* digits,
                                  uint8_t* escapes) {
  const __m512i symbol = _mm512_maskz_loadu_epi8(lanes, symbols);
  const __mmask64 is0 = _mm512_cmpeq_epi8_mask(symbol, table[0]);
  const __mmask64 is1 = _mm512_cmpeq_epi8_mask(symbol, table[1]) & ~is0;
  const __mmask64 is2 = _mm512_cmpeq_epi8_mask(symbol, table[2]) & ~is0 & ~is1;
  const __mmask64 escaped = lanes & ~(is0 | is1 | is2);
  __m512i digit = _mm512_maskz_mov_epi8(escaped, _mm512_set1_epi8(kTierEscapeDigit));
  digit = _mm512_mask_mov_epi8(digit, is1 & lanes, _mm512_set1_epi8(1));
  digit = _mm512_mask_mov_epi8(digit, is2 & lanes, _mm512_set1_epi8(2));
  _mm512_storeu_si512(escapes, _mm512_maskz_compress_epi8(escaped, symbol));
  // d0 + 4 d1 in 16 bits, then + 16 (d2 + 4 d3) in 32 bits, whose low byte is the packed digits.
  const __m512i pairs = _mm512_maddubs_epi16(digit, _mm512_set1_epi16(0x0401));
  const __m512i quads = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00100001));
  const size_t num_lanes = static_cast<size_t>(_mm_popcnt_u64(lanes));
  const __mmask16 bytes = static_cast<__mmask16>((1u << TierDigitBytes(num_lanes)) - 1);
  _mm_mask_storeu_epi8(digits, bytes, _mm512_cvtepi32_epi8(quads));
  return escaped;
}

PLAIT_TARGET size_t EncodeLevel(const uint8_t* symbols, size_t n, const uint8_t table[3], uint8_t* digits,
                                uint8_t* escapes) {
  const __m512i broadcast[3] = {_mm512_set1_epi8(static_cast<char>(table[0])),
                                _mm512_set1_epi8(static_cast<char>(table[1])),
                                _mm512_set1_epi8(static_cast<char>(table[2]))};
  const uint8_t* const escapes_begin = escapes;
  for (size_t i = 0; i < n; i += kStep) {
    const __mmask64 lanes = FirstLanes(n - i < kStep ? n - i : kStep);
    const __mmask64 escaped = EncodeStep(symbols + i, lanes, broadcast, digits + i / kTierDigitsPerByte, escapes);
    escapes += _mm_popcnt_u64(escaped);
  }
  return static_cast<size_t>(escapes - escapes_begin);
}

// Byte j of every result quadword starts at bit 2j of its 16 digit bits: its low two bits are digit j.
PLAIT_TARGET __m512i SpreadDigits(__m128i packed) {
  const __m512i shifts = _mm512_set1_epi64(0x0e0c0a0806040200);
  return _mm512_multishift_epi64_epi8(shifts, _mm512_cvtepu16_epi64(packed));
}

PLAIT_TARGET void DecodeLevel(const uint8_t* digits, size_t n, const uint8_t table[3], const uint8_t* escapes,
                              uint8_t* symbols) {
  // vpermb looks at six index bits; repeating the table makes the four above the digit irrelevant, so nothing is
  // masked.
  const uint32_t entries = table[0] | table[1] << 8 | static_cast<uint32_t>(table[2]) << 16;
  const __m512i lut = _mm512_set1_epi32(static_cast<int>(entries));
  const __m512i escape = _mm512_set1_epi8(kTierEscapeDigit);
  for (size_t i = 0; i < n; i += kStep) {
    const size_t count = n - i < kStep ? n - i : kStep;
    const __mmask16 bytes = static_cast<__mmask16>((1u << TierDigitBytes(count)) - 1);
    static_assert(kStepDigitBytes == 16);
    const __m512i spread = SpreadDigits(_mm_maskz_loadu_epi8(bytes, digits + i / kTierDigitsPerByte));
    const __mmask64 escaped = _mm512_cmpeq_epi8_mask(_mm512_and_si512(spread, escape), escape);
    const __m512i known = _mm512_permutexvar_epi8(spread, lut);
    const __m512i symbol = _mm512_mask_expand_epi8(known, escaped, _mm512_loadu_si512(escapes));
    _mm512_mask_storeu_epi8(symbols + i, FirstLanes(count), symbol);
    escapes += _mm_popcnt_u64(escaped);
  }
}

PLAIT_TARGET size_t CountEscapes(const uint8_t* digits, size_t n) {
  const size_t bytes = TierDigitBytes(n);
  const __m512i even = _mm512_set1_epi8(0x55);
  __m512i sums = _mm512_setzero_si512();
  for (size_t i = 0; i < bytes; i += kStep) {
    const __m512i packed = _mm512_maskz_loadu_epi8(FirstLanes(bytes - i < kStep ? bytes - i : kStep), digits + i);
    const __m512i pairs = _mm512_and_si512(_mm512_and_si512(packed, _mm512_srli_epi64(packed, 1)), even);
    sums = _mm512_add_epi64(sums, _mm512_sad_epu8(_mm512_popcnt_epi8(pairs), _mm512_setzero_si512()));
  }
  return static_cast<size_t>(_mm512_reduce_add_epi64(sums));
}

}  // namespace

const TierKernels kTierAvx512 = {EncodeLevel, DecodeLevel, CountEscapes};

}  // namespace plait

#endif  // defined(__x86_64__)
