// AVX2 forms of the tier loops, half a unit, 32 symbols, a step. AVX2 has neither expand nor compress:
//   decoding  numbers the escapes of each half of 16 by a prefix sum over its bytes; these numbers are the byte shuffle
//             that fetches them from the level below. That is two fetches a step, where shuffles looked up by mask
//             byte need four; the only value carried between steps is the escape pointer.
//   encoding  moves the escapes of eight symbols to the front by a byte shuffle from a table of 256 x 8 bytes.
// No pdep or pext: they are microcoded on Zen 1 and 2, which are among the machines that get here.
#if defined(__x86_64__)

#include <algorithm>
#include <array>
#include <cstring>

#include "codec/base/endian.h"
#include "codec/tier/tier_kernel.h"
#include "codec/tier/tier_layout.h"
#include "codec/tier/tier_prefetch.h"
#include "codec/transform/planes_avx2.h"
#include "codec/transform/planes_kernel.h"

namespace plait {
namespace avx2 {
namespace {

constexpr size_t kUnit = kTierUnitSymbols;
static_assert(kUnit == 2 * kStep);
static_assert(kTierEscapeSlack >= kStep, "a step may load or store as many escapes as it has symbols");

// ---- Encoding ----

// Entry m lists the places of the ones of m, lowest first: the shuffle that moves these of eight bytes to the front.
// The rest of an entry is 0; what it moves lands behind the escapes, where the next ones overwrite it.
constexpr std::array<uint64_t, 256> MakePackShuffles() {
  std::array<uint64_t, 256> shuffles{};
  for (size_t mask = 0; mask < shuffles.size(); ++mask) {
    size_t shift = 0;
    for (uint64_t place = 0; place < 8; ++place) {
      if ((mask >> place & 1) == 0) continue;
      shuffles[mask] |= place << shift;
      shift += 8;
    }
  }
  return shuffles;
}
constexpr std::array<uint64_t, 256> kPackShuffles = MakePackShuffles();
static_assert(kPackShuffles[0b10000101] == 0x070200);

// The bit planes of the digits of a unit or, as 32-bit words, of half of it; `high` is unused where digits have one
// bit.
template <class Word>
struct Digits {
  Word low;
  Word high;
};

PLAIT_AVX2 uint32_t NotEqual(__m256i a, __m256i b) {
  return ~static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b)));
}

struct Encoder1 {
  static constexpr unsigned kBits = 1;
  __m256i table;

  PLAIT_AVX2 explicit Encoder1(const uint8_t* symbols) : table(Broadcast(symbols[0])) {}

  PLAIT_AVX2 Digits<uint32_t> Step(__m256i symbol) const { return {NotEqual(symbol, table), 0}; }
  static uint64_t Escaped(const Digits<uint64_t>& digits) { return digits.low; }
};

struct Encoder2 {
  static constexpr unsigned kBits = 2;
  __m256i table[3];

  PLAIT_AVX2 explicit Encoder2(const uint8_t* symbols)
      : table{Broadcast(symbols[0]), Broadcast(symbols[1]), Broadcast(symbols[2])} {}

  // The lowest of several digits of a symbol wins.
  PLAIT_AVX2 Digits<uint32_t> Step(__m256i symbol) const {
    const uint32_t not_0 = NotEqual(symbol, table[0]);
    const uint32_t not_1 = NotEqual(symbol, table[1]);
    const uint32_t not_2 = NotEqual(symbol, table[2]);
    return {not_0 & (~not_1 | not_2), not_0 & not_1};
  }
  static uint64_t Escaped(const Digits<uint64_t>& digits) { return digits.low & digits.high; }
};

template <class Encoder>
PLAIT_AVX2 Digits<uint64_t> EncodeUnit(const Encoder& encoder, const uint8_t* symbols) {
  const Digits<uint32_t> first = encoder.Step(Load(symbols));
  const Digits<uint32_t> second = encoder.Step(Load(symbols + kStep));
  return {first.low | uint64_t{second.low} << kStep, first.high | uint64_t{second.high} << kStep};
}

// Appends the escaped ones of a unit and returns the new end. Stores 8 bytes at each of the eight ends it passes.
PLAIT_AVX2 uint8_t* AppendEscapes(const uint8_t* symbols, uint64_t escaped, uint8_t* escapes) {
  for (size_t i = 0; i < kUnit; i += 8) {
    const auto mask = static_cast<uint32_t>(escaped >> i & 0xff);
    const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(symbols + i));
    const __m128i shuffle = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(&kPackShuffles[mask]));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(escapes), _mm_shuffle_epi8(eight, shuffle));
    escapes += _mm_popcnt_u32(mask);
  }
  return escapes;
}

template <class Encoder>
PLAIT_AVX2 size_t EncodeLevel(const uint8_t* symbols, size_t n, const uint8_t* table, uint8_t* digits,
                              uint8_t* escapes) {
  const Encoder encoder(table);
  const uint8_t* const begin = escapes;
  size_t i = 0;
  for (; i + kUnit <= n; i += kUnit) {
    const Digits<uint64_t> coded = EncodeUnit(encoder, symbols + i);
    std::memcpy(digits, &coded, Encoder::kBits * sizeof(uint64_t));
    digits += Encoder::kBits * sizeof(uint64_t);
    escapes = AppendEscapes(symbols + i, Encoder::Escaped(coded), escapes);
  }
  if (const size_t count = n - i; count != 0) {
    uint8_t last[kUnit] = {};
    std::memcpy(last, symbols + i, count);
    Digits<uint64_t> coded = EncodeUnit(encoder, last);
    const uint64_t lanes = (uint64_t{1} << count) - 1;
    coded = {coded.low & lanes, coded.high & lanes};
    const size_t bytes = TierBitPlaneBytes(count);
    std::memcpy(digits, &coded.low, bytes);
    if (Encoder::kBits == 2) std::memcpy(digits + bytes, &coded.high, bytes);
    escapes = AppendEscapes(last, Encoder::Escaped(coded), escapes);
  }
  return static_cast<size_t>(escapes - begin);
}

// ---- Decoding ----

// The little-endian word of 1 to 8 bytes, without touching a ninth and without the detour over a buffer, whose byte
// stores would stall the load behind them. The loads overlap where that saves a branch.
uint64_t LoadBytes(const uint8_t* from, size_t bytes) {
  if (bytes >= sizeof(uint32_t)) {
    const size_t overlap_begin = bytes - sizeof(uint32_t);
    const uint64_t high = LoadLe<uint32_t>(from + overlap_begin);
    return LoadLe<uint32_t>(from) | high << (8 * overlap_begin);
  }
  const size_t middle = bytes / 2;
  const size_t last = bytes - 1;
  return from[0] | static_cast<uint64_t>(from[middle]) << (8 * middle) |
         static_cast<uint64_t>(from[last]) << (8 * last);
}

// Of a unit of `count` symbols, of which nothing behind the last byte is touched.
template <unsigned kBits>
Digits<uint64_t> LoadDigits(const uint8_t* digits, size_t count) {
  const size_t bytes = TierBitPlaneBytes(count);
  return {LoadBytes(digits, bytes), kBits == 2 ? LoadBytes(digits + bytes, bytes) : 0};
}

template <unsigned kBits>
Digits<uint64_t> LoadDigits(const uint8_t* digits) {
  return {LoadLe<uint64_t>(digits), kBits == 2 ? LoadLe<uint64_t>(digits + 8) : 0};
}

// The shuffle that spreads the escapes of each half of 16: byte j is the number of escapes before it in its half.
// `escaped` is -1 for an escape; elsewhere the result is negative, which a shuffle turns into 0.
PLAIT_AVX2 __m256i SpreadShuffle(__m256i escaped) {
  // Minus the number of escapes in the last 1, 2, 4, 8 bytes of a quadword, then the total of a half's lower quadword
  // to all of its upper one.
  __m256i sums = _mm256_add_epi8(escaped, _mm256_slli_epi64(escaped, 8));
  sums = _mm256_add_epi8(sums, _mm256_slli_epi64(sums, 16));
  sums = _mm256_add_epi8(sums, _mm256_slli_epi64(sums, 32));
  const __m256i lower_total = _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, 7, 7, 7, 7, 7, 7, 7, 7,  //
                                               -1, -1, -1, -1, -1, -1, -1, -1, 7, 7, 7, 7, 7, 7, 7, 7);
  sums = _mm256_add_epi8(sums, _mm256_shuffle_epi8(sums, lower_total));
  // An escape is the (-sum)-th of its half, counted from 1: its place is -1 - sum, which is sum with all bits turned;
  // and no sum of an escape is positive, so all bits of other places are turned to ones.
  return _mm256_xor_si256(_mm256_and_si256(sums, escaped), _mm256_set1_epi8(-1));
}

// What the digits of 32 symbols say: the symbol of every byte that is no escape, 0 elsewhere; and -1 in escapes.
struct Known {
  __m256i symbols;
  __m256i escaped;
};

// Decoders look at the digits of half a unit, from where its low bits stand; high bits are 8 bytes behind.
struct Decoder1 {
  static constexpr unsigned kBits = 1;
  __m256i symbol;

  PLAIT_AVX2 explicit Decoder1(const uint8_t* table) : symbol(Broadcast(table[0])) {}

  static uint32_t Escaped(const uint8_t* digits) { return LoadLe<uint32_t>(digits); }
  PLAIT_AVX2 Known Look(const uint8_t* digits) const {
    const __m256i escaped = SpreadBits(digits);
    return {_mm256_andnot_si256(escaped, symbol), escaped};
  }
};

struct Decoder2 {
  static constexpr unsigned kBits = 2;
  __m256i symbol0;
  __m256i to_symbol1;  // exclusive or of symbols 0 and 1
  __m256i to_symbol2;

  PLAIT_AVX2 explicit Decoder2(const uint8_t* table)
      : symbol0(Broadcast(table[0])),
        to_symbol1(Broadcast(table[0] ^ table[1])),
        to_symbol2(Broadcast(table[0] ^ table[2])) {}

  static uint32_t Escaped(const uint8_t* digits) { return LoadLe<uint32_t>(digits) & LoadLe<uint32_t>(digits + 8); }
  PLAIT_AVX2 Known Look(const uint8_t* digits) const {
    const __m256i low = SpreadBits(digits);
    const __m256i high = SpreadBits(digits + 8);
    const __m256i escaped = _mm256_and_si256(low, high);
    const __m256i change = _mm256_blendv_epi8(_mm256_and_si256(low, to_symbol1), to_symbol2, high);
    return {_mm256_andnot_si256(escaped, _mm256_xor_si256(symbol0, change)), escaped};
  }
};

// 32 symbols; moves `escapes` behind those that they take. Reads 16 escapes for each half, from where its own begin.
template <class Decoder>
PLAIT_AVX2 __m256i DecodeStep(const Decoder& decoder, const uint8_t* digits, const uint8_t*& escapes) {
  const uint32_t escaped = Decoder::Escaped(digits);
  const uint8_t* const upper = escapes + _mm_popcnt_u32(escaped & 0xffff);
  const __m256i next =
      _mm256_loadu2_m128i(reinterpret_cast<const __m128i*>(upper), reinterpret_cast<const __m128i*>(escapes));
  escapes += _mm_popcnt_u32(escaped);
  const Known known = decoder.Look(digits);
  return _mm256_or_si256(known.symbols, _mm256_shuffle_epi8(next, SpreadShuffle(known.escaped)));
}

template <class Decoder>
PLAIT_AVX2 void DecodeLevel(const uint8_t* digits, size_t n, const uint8_t* table, const uint8_t* escapes,
                            uint8_t* symbols) {
  const Decoder decoder(table);
  size_t i = 0;
  for (; i + kUnit <= n; i += kUnit) {
    Store(symbols + i, DecodeStep(decoder, digits, escapes));
    Store(symbols + i + kStep, DecodeStep(decoder, digits + 4, escapes));
    digits += Decoder::kBits * sizeof(uint64_t);
  }
  if (const size_t count = n - i; count != 0) {
    const Digits<uint64_t> words = LoadDigits<Decoder::kBits>(digits, count);
    uint8_t unit[sizeof(words)];
    std::memcpy(unit, &words, sizeof(words));
    alignas(kStep) uint8_t last[kUnit];
    Store(last, DecodeStep(decoder, unit, escapes));
    Store(last + kStep, DecodeStep(decoder, unit + 4, escapes));
    std::memcpy(symbols + i, last, count);
  }
}

// ---- Counting ----

template <class Decoder>
PLAIT_AVX2 size_t CountUnit(const Digits<uint64_t>& unit) {
  return static_cast<size_t>(_mm_popcnt_u64(Decoder::kBits == 2 ? unit.low & unit.high : unit.low));
}

template <class Decoder>
PLAIT_AVX2 size_t CountEscapes(const uint8_t* digits, size_t n) {
  size_t count = 0;
  size_t i = 0;
  for (; i + kUnit <= n; i += kUnit) {
    count += CountUnit<Decoder>(LoadDigits<Decoder::kBits>(digits));
    digits += Decoder::kBits * sizeof(uint64_t);
  }
  if (i < n) count += CountUnit<Decoder>(LoadDigits<Decoder::kBits>(digits, n - i));
  return count;
}

// ---- Level 1 and the join ----

template <class Decoder, class Kind, bool kStreaming>
PLAIT_AVX2 void JoinLevel(const uint8_t* digits, size_t n, const uint8_t* table, const uint8_t* escapes,
                          const uint8_t* const* planes, uint8_t* raw, Ahead ahead) {
  constexpr size_t kElementBytes = GetPlaneLayout(Kind::kKind).element_bytes;
  const Decoder decoder(table);
  size_t i = 0;
  for (; i + kUnit <= n; i += kUnit) {
    PrefetchPlanes<Kind::kKind>(planes, i);
    PrefetchAhead<kElementBytes>(ahead);
    Kind::template Join<kStreaming>(DecodeStep(decoder, digits, escapes), planes, i, raw + i * kElementBytes);
    Kind::template Join<kStreaming>(DecodeStep(decoder, digits + 4, escapes), planes, i + kStep,
                                    raw + (i + kStep) * kElementBytes);
    digits += Decoder::kBits * sizeof(uint64_t);
  }
  if (i < n) {
    uint8_t last[kUnit];
    DecodeLevel<Decoder>(digits, n - i, table, escapes, last);
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
                         {CountEscapes<Decoder1>, CountEscapes<Decoder2>},
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
}  // namespace avx2

const TierKernels kTierAvx2 = avx2::MakeKernels();

}  // namespace plait

#endif  // defined(__x86_64__)
