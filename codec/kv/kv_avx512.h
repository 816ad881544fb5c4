// What the AVX-512 loops of the KV codec share: a group of 64 elements as two vectors of 16-bit lanes.
#ifndef PLAIT_CODEC_KV_KV_AVX512_H_
#define PLAIT_CODEC_KV_KV_AVX512_H_

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "codec/kv/kv_layout.h"
#include "codec/transform/planes_avx512.h"

namespace plait::avx512 {

inline constexpr size_t kWords = 32;  // lanes of a vector
static_assert(kKvGroup == 2 * kWords);

PLAIT_AVX512 inline __m512i Words(int value) { return _mm512_set1_epi16(static_cast<short>(value)); }

constexpr __mmask32 FirstWords(size_t n) { return n >= kWords ? ~__mmask32{0} : (__mmask32{1} << n) - 1; }
constexpr uint64_t FirstOfGroup(size_t n) { return n >= kKvGroup ? ~uint64_t{0} : (uint64_t{1} << n) - 1; }

// The first 32 of n elements, zeros where there are fewer. Nothing behind them is touched.
PLAIT_AVX512 inline __m512i LoadElements(const void* from, size_t n) {
  return n >= kWords ? _mm512_loadu_si512(from) : _mm512_maskz_loadu_epi16(FirstWords(n), from);
}
PLAIT_AVX512 inline void StoreElements(void* to, size_t n, __m512i value) {
  if (n >= kWords) {
    _mm512_storeu_si512(to, value);
  } else {
    _mm512_mask_storeu_epi16(to, FirstWords(n), value);
  }
}

// The same between words in registers and bytes in memory.
PLAIT_AVX512 inline __m512i LoadBytes(const uint8_t* from, size_t n) {
  return _mm512_cvtepu8_epi16(n >= kWords ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))
                                          : _mm256_maskz_loadu_epi8(FirstWords(n), from));
}
PLAIT_AVX512 inline void StoreBytes(uint8_t* to, size_t n, __m512i value) {
  if (n >= kWords) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi16_epi8(value));
  } else {
    _mm256_mask_storeu_epi8(to, FirstWords(n), _mm512_cvtepi16_epi8(value));
  }
}

// Two vectors, lanes 0..31 and 32..63 of a group.
struct Group {
  __m512i low;
  __m512i high;
};

PLAIT_AVX512 inline Group LoadGroup(const void* from, size_t n) {
  const auto* words = static_cast<const uint16_t*>(from);
  if (n <= kWords) return {LoadElements(words, n), _mm512_setzero_si512()};
  return {LoadElements(words, kWords), LoadElements(words + kWords, n - kWords)};
}
PLAIT_AVX512 inline void StoreGroup(uint16_t* to, size_t n, const Group& group) {
  StoreElements(to, n, group.low);
  if (n > kWords) StoreElements(to + kWords, n - kWords, group.high);
}

// Masks of a group's halves as one.
constexpr uint64_t Joined(__mmask32 low, __mmask32 high) { return uint64_t{high} << kWords | low; }
constexpr __mmask32 LowHalf(uint64_t mask) { return static_cast<__mmask32>(mask); }
constexpr __mmask32 HighHalf(uint64_t mask) { return static_cast<__mmask32>(mask >> kWords); }

// The low bytes of a group's words.
PLAIT_AVX512 inline __m512i BytesOf(const Group& group) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(group.low)), _mm512_cvtepi16_epi8(group.high),
                            1);
}
PLAIT_AVX512 inline Group WordsOf(__m512i bytes) {
  return {_mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes)),
          _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bytes, 1))};
}

}  // namespace plait::avx512

#endif  // PLAIT_CODEC_KV_KV_AVX512_H_
