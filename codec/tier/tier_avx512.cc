// AVX-512 forms of the tier loops, a unit of 64 symbols a step. The bit planes of a unit's digits are masks as they
// stand: blends by them give the known symbols, one expand spreads the escapes. Encoding compares, and stores the
// masks. Register forms of compress and expand only: the memory forms are microcoded on Zen 4.
#if defined(__x86_64__)

#include <cstring>

#include "codec/base/endian.h"
#include "codec/tier/tier_kernel.h"
#include "codec/tier/tier_layout.h"
#include "codec/tier/tier_prefetch.h"
#include "codec/transform/planes_avx512.h"
#include "codec/transform/planes_kernel.h"

namespace plait {
namespace avx512 {
namespace {

static_assert(kStep == kTierUnitSymbols);
static_assert(kTierEscapeSlack >= kStep, "a step stores and loads 64 escapes whatever their number");

constexpr __mmask64 FirstLanes(size_t count) { return count >= kStep ? ~__mmask64{0} : (__mmask64{1} << count) - 1; }

// The bit planes of a unit's digits; `high` is unused where digits have one bit.
struct Digits {
  uint64_t low;
  uint64_t high;
};

// Of a unit of `count` symbols, of which nothing behind the last byte is touched.
template <unsigned kBits>
PLAIT_AVX512 Digits LoadDigits(const uint8_t* digits, size_t count) {
  const size_t bytes = TierBitPlaneBytes(count);
  const auto mask = static_cast<__mmask16>((1u << bytes) - 1);
  const auto word = [&](const uint8_t* from) __attribute__((target("avx512bw,avx512vl"))) {
    return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_maskz_loadu_epi8(mask, from)));
  };
  return {word(digits), kBits == 2 ? word(digits + bytes) : 0};
}

template <unsigned kBits>
Digits LoadDigits(const uint8_t* digits) {
  return {LoadLe<uint64_t>(digits), kBits == 2 ? LoadLe<uint64_t>(digits + 8) : 0};
}

// ---- Encoding ----

struct Encoder1 {
  static constexpr unsigned kBits = 1;
  __m512i table;

  PLAIT_AVX512 explicit Encoder1(const uint8_t* symbols) : table(Broadcast(symbols[0])) {}

  PLAIT_AVX512 Digits Step(__m512i symbol, __mmask64 lanes, __mmask64* escaped) const {
    *escaped = _mm512_mask_cmpneq_epi8_mask(lanes, symbol, table);
    return {*escaped, 0};
  }
};

struct Encoder2 {
  static constexpr unsigned kBits = 2;
  __m512i table[3];

  PLAIT_AVX512 explicit Encoder2(const uint8_t* symbols)
      : table{Broadcast(symbols[0]), Broadcast(symbols[1]), Broadcast(symbols[2])} {}

  // The lowest of several digits of a symbol wins.
  PLAIT_AVX512 Digits Step(__m512i symbol, __mmask64 lanes, __mmask64* escaped) const {
    const __mmask64 not_0 = _mm512_mask_cmpneq_epi8_mask(lanes, symbol, table[0]);
    const __mmask64 not_1 = _mm512_cmpneq_epi8_mask(symbol, table[1]);
    const __mmask64 not_2 = _mm512_cmpneq_epi8_mask(symbol, table[2]);
    const uint64_t high = not_0 & not_1;
    *escaped = high & not_2;
    return {not_0 & (~not_1 | not_2), high};
  }
};

template <class Encoder>
PLAIT_AVX512 size_t EncodeLevel(const uint8_t* symbols, size_t n, const uint8_t* table, uint8_t* digits,
                                uint8_t* escapes) {
  const Encoder encoder(table);
  const uint8_t* const begin = escapes;
  __mmask64 escaped;
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    const __m512i symbol = Load(symbols + i);
    const Digits coded = encoder.Step(symbol, ~__mmask64{0}, &escaped);
    std::memcpy(digits, &coded, Encoder::kBits * sizeof(uint64_t));
    digits += Encoder::kBits * sizeof(uint64_t);
    Store(escapes, _mm512_maskz_compress_epi8(escaped, symbol));
    escapes += _mm_popcnt_u64(escaped);
  }
  if (i < n) {
    const __m512i symbol = _mm512_maskz_loadu_epi8(FirstLanes(n - i), symbols + i);
    const Digits coded = encoder.Step(symbol, FirstLanes(n - i), &escaped);
    const size_t bytes = TierBitPlaneBytes(n - i);
    std::memcpy(digits, &coded.low, bytes);
    if (Encoder::kBits == 2) std::memcpy(digits + bytes, &coded.high, bytes);
    Store(escapes, _mm512_maskz_compress_epi8(escaped, symbol));
    escapes += _mm_popcnt_u64(escaped);
  }
  return static_cast<size_t>(escapes - begin);
}

// ---- Decoding ----

struct Decoder1 {
  static constexpr unsigned kBits = 1;
  __m512i symbol;

  PLAIT_AVX512 explicit Decoder1(const uint8_t* table) : symbol(Broadcast(table[0])) {}

  // 64 symbols; moves `escapes` behind those that they take.
  PLAIT_AVX512 __m512i Step(Digits digits, const uint8_t*& escapes) const {
    const __m512i next = Load(escapes);
    escapes += _mm_popcnt_u64(digits.low);
    return _mm512_mask_expand_epi8(symbol, digits.low, next);
  }
};

struct Decoder2 {
  static constexpr unsigned kBits = 2;
  __m512i symbols[3];

  PLAIT_AVX512 explicit Decoder2(const uint8_t* table)
      : symbols{Broadcast(table[0]), Broadcast(table[1]), Broadcast(table[2])} {}

  PLAIT_AVX512 __m512i Step(Digits digits, const uint8_t*& escapes) const {
    const __m512i next = Load(escapes);
    const uint64_t escaped = digits.low & digits.high;
    escapes += _mm_popcnt_u64(escaped);
    const __m512i is_0_or_1 = _mm512_mask_blend_epi8(digits.low, symbols[0], symbols[1]);
    const __m512i known = _mm512_mask_blend_epi8(digits.high, is_0_or_1, symbols[2]);
    return _mm512_mask_expand_epi8(known, escaped, next);
  }
};

template <class Decoder>
PLAIT_AVX512 void DecodeLevel(const uint8_t* digits, size_t n, const uint8_t* table, const uint8_t* escapes,
                              uint8_t* symbols) {
  const Decoder decoder(table);
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    Store(symbols + i, decoder.Step(LoadDigits<Decoder::kBits>(digits), escapes));
    digits += Decoder::kBits * sizeof(uint64_t);
  }
  if (i < n) {
    const __m512i last = decoder.Step(LoadDigits<Decoder::kBits>(digits, n - i), escapes);
    _mm512_mask_storeu_epi8(symbols + i, FirstLanes(n - i), last);
  }
}

// ---- Counting ----

PLAIT_AVX512 size_t CountEscapes1(const uint8_t* digits, size_t n) {
  const size_t bytes = TierDigitBytes(n, 1);
  __m512i sums = _mm512_setzero_si512();
  for (size_t i = 0; i < bytes; i += sizeof(sums)) {
    const __m512i escaped = _mm512_maskz_loadu_epi8(FirstLanes(bytes - i), digits + i);
    sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(escaped));
  }
  return static_cast<size_t>(_mm512_reduce_add_epi64(sums));
}

PLAIT_AVX512 size_t CountUnit2(Digits digits) { return static_cast<size_t>(_mm_popcnt_u64(digits.low & digits.high)); }

// The place of every level hangs on the count of the one above it, and a few sums of units are there sooner than one of
// lanes.
constexpr size_t kMostCountedByUnits = 512;

// Of whole units.
PLAIT_AVX512 size_t CountUnits2(const uint8_t* digits, size_t bytes) {
  if (bytes <= TierDigitBytes(kMostCountedByUnits, 2)) {
    size_t count = 0;
    for (size_t i = 0; i < bytes; i += TierDigitBytes(kStep, 2)) count += CountUnit2(LoadDigits<2>(digits + i));
    return count;
  }
  __m512i sums = _mm512_setzero_si512();
  for (size_t i = 0; i < bytes; i += sizeof(sums)) {
    const __m512i words = _mm512_maskz_loadu_epi8(FirstLanes(bytes - i), digits + i);
    // Beside every low word its high one, and the other way round: every escape counts twice.
    const __m512i escaped = _mm512_and_si512(words, _mm512_permutex_epi64(words, 0b10110001));
    sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(escaped));
  }
  return static_cast<size_t>(_mm512_reduce_add_epi64(sums)) / 2;
}

PLAIT_AVX512 size_t CountEscapes2(const uint8_t* digits, size_t n) {
  const size_t bytes = TierDigitBytes(n / kStep * kStep, 2);
  const size_t count = CountUnits2(digits, bytes);
  return n % kStep == 0 ? count : count + CountUnit2(LoadDigits<2>(digits + bytes, n % kStep));
}

// ---- Level 1 and the join ----

template <class Decoder, class Kind, bool kStreaming>
PLAIT_AVX512 void JoinLevel(const uint8_t* digits, size_t n, const uint8_t* table, const uint8_t* escapes,
                            const uint8_t* const* planes, uint8_t* raw, Ahead ahead) {
  constexpr size_t kElementBytes = GetPlaneLayout(Kind::kKind).element_bytes;
  const Decoder decoder(table);
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    const __m512i symbol = decoder.Step(LoadDigits<Decoder::kBits>(digits), escapes);
    PrefetchPlanes<Kind::kKind>(planes, i);
    PrefetchAhead<kElementBytes>(ahead);
    Kind::template Join<kStreaming>(symbol, planes, i, raw + i * kElementBytes);
    digits += Decoder::kBits * sizeof(uint64_t);
  }
  if (i < n) {
    alignas(kStep) uint8_t last[kStep];
    Store(last, decoder.Step(LoadDigits<Decoder::kBits>(digits, n - i), escapes));
    JoinRest(Kind::kKind, last, planes, i, n, raw);
  }
}

template <class Decoder, bool kStreaming>
constexpr TierJoinLoop kJoin[kNumPlaneKinds] = {
    nullptr,
    JoinLevel<Decoder, Bf16, kStreaming>,
    JoinLevel<Decoder, F32, kStreaming>,
    JoinLevel<Decoder, F16, kStreaming>,
    nullptr,
    JoinLevel<Decoder, E4m3, kStreaming>,
    JoinLevel<Decoder, E5m2, kStreaming>,
};

// An array of an array of a template's arrays has no shorter initializer.
TierKernels MakeKernels() {
  TierKernels kernels = {{EncodeLevel<Encoder1>, EncodeLevel<Encoder2>},
                         {DecodeLevel<Decoder1>, DecodeLevel<Decoder2>},
                         {CountEscapes1, CountEscapes2},
                         {}};
  for (size_t k = 0; k < kNumPlaneKinds; ++k) {
    kernels.join_level[0][0][k] = kJoin<Decoder1, false>[k];
    kernels.join_level[0][1][k] = kJoin<Decoder2, false>[k];
    kernels.join_level[1][0][k] = kJoin<Decoder1, true>[k];
    kernels.join_level[1][1][k] = kJoin<Decoder2, true>[k];
  }
  return kernels;
}

}  // namespace
}  // namespace avx512

const TierKernels kTierAvx512 = avx512::MakeKernels();

}  // namespace plait

#endif  // defined(__x86_64__)
