// AVX-512 forms of the KV loops. 16 lanes are a vector of states, kept in registers from row to row. What is carried
// from vector to vector is only the place of the units, which moves by a population count.
#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <type_traits>

#include "codec/kv/kv_rans.h"
#include "codec/kv/kv_rans_kernel.h"
#include "codec/kv/kv_tables.h"

#define PLAIT_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,popcnt,bmi2")))
// States stay in registers only if the steps are part of their loop.
#define PLAIT_STEP PLAIT_TARGET __attribute__((always_inline)) inline
#define PLAIT_STEP_LAMBDA PLAIT_TARGET __attribute__((always_inline))

namespace plait {
namespace {

constexpr size_t kVector = 16;  // lanes of a vector
constexpr size_t kUnitBytes = kKvUnitBits / 8;
static_assert(kKvMaxLanes == 4 * kVector);

PLAIT_STEP __m512i Load(const void* bytes) { return _mm512_loadu_si512(bytes); }
PLAIT_STEP __m512i Set(uint32_t value) { return _mm512_set1_epi32(static_cast<int>(value)); }
// a | (b & c)
PLAIT_STEP __m512i OrAnd(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi32(a, b, c, 0xf8); }

// The lanes from `lane` on that have a position.
PLAIT_STEP __mmask16 PartOf(const KvStrip& strip, size_t lane) {
  const size_t left = strip.count > lane ? std::min(strip.count - lane, kVector) : 0;
  return static_cast<__mmask16>(_bzhi_u32(0xffff, static_cast<unsigned>(left)));
}

// What a loop keeps of up to four vectors. Members, not an array: compilers keep them in registers.
template <class T>
struct Four {
  T v0, v1, v2, v3;
};

// Calls body(v, sixteen) for kVectors vectors in order; v is a constant.
template <size_t kVectors, class T, class Body>
PLAIT_STEP void ForEach(Four<T>& four, const Body& body) {
  body(std::integral_constant<size_t, 0>(), four.v0);
  if constexpr (kVectors > 1) body(std::integral_constant<size_t, 1>(), four.v1);
  if constexpr (kVectors > 2) body(std::integral_constant<size_t, 2>(), four.v2);
  if constexpr (kVectors > 3) body(std::integral_constant<size_t, 3>(), four.v3);
}

template <size_t kVectors, class T, class Body>
PLAIT_STEP void ForEachBackwards(Four<T>& four, const Body& body) {
  if constexpr (kVectors > 3) body(std::integral_constant<size_t, 3>(), four.v3);
  if constexpr (kVectors > 2) body(std::integral_constant<size_t, 2>(), four.v2);
  if constexpr (kVectors > 1) body(std::integral_constant<size_t, 1>(), four.v1);
  body(std::integral_constant<size_t, 0>(), four.v0);
}

// ---- Decoding ----

// States behind a symbol: `next` may be below kKvLowState, and takes a unit then, if `part` has it.
PLAIT_STEP __m512i TakeUnits(__m512i next, __mmask16 part, const uint8_t*& units) {
  const __m512i to_high_words =
      _mm512_slli_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), kKvUnitBits);
  const __mmask16 takes = _mm512_mask_cmplt_epu32_mask(part, next, Set(kKvLowState));
  const __m512i loaded = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(units)));
  const __m512i high_words = _mm512_maskz_permutexvar_epi16(0xaaaaaaaa, to_high_words, loaded);
  const __m512i taken = _mm512_maskz_expand_epi32(takes, high_words);
  units += kUnitBytes * static_cast<size_t>(_mm_popcnt_u64(takes));
  return _mm512_mask_shldi_epi32(next, takes, next, taken, kKvUnitBits);
}

// 16 entries of 64 bits, as their halves. On Zen 5 sixteen loads are faster than gathers.
struct Halves {
  __m512i own;
  __m512i other;
};

PLAIT_STEP __m128i LoadPair(const uint64_t* entries, uint32_t first, uint32_t second) {
  const __m128d low = _mm_load_sd(reinterpret_cast<const double*>(entries + first));
  return _mm_castpd_si128(_mm_loadh_pd(low, reinterpret_cast<const double*>(entries + second)));
}

// Four entries.
PLAIT_STEP __m256i LoadQuarter(const uint64_t* entries, __m128i index) {
  auto low = static_cast<uint64_t>(_mm_cvtsi128_si64(index));
  auto high = static_cast<uint64_t>(_mm_extract_epi64(index, 1));
  // Else the compiler takes some of the four halves out of the vector again, each by itself.
  __asm__("" : "+r"(low), "+r"(high));
  return _mm256_set_m128i(LoadPair(entries, static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32)),
                          LoadPair(entries, static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32)));
}

PLAIT_STEP Halves LoadEntries(const uint64_t* entries, __m512i index) {
  const __m512i first =
      _mm512_inserti64x4(_mm512_castsi256_si512(LoadQuarter(entries, _mm512_castsi512_si128(index))),
                         LoadQuarter(entries, _mm256_extracti128_si256(_mm512_castsi512_si256(index), 1)), 1);
  const __m512i second =
      _mm512_inserti64x4(_mm512_castsi256_si512(LoadQuarter(entries, _mm512_extracti32x4_epi32(index, 2))),
                         LoadQuarter(entries, _mm512_extracti32x4_epi32(index, 3)), 1);
  const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return {_mm512_permutex2var_epi32(first, even, second), _mm512_permutex2var_epi32(first, odd, second)};
}

struct Lanes {
  __m512i state;
  __m512i table;
};

template <bool kWhole>
PLAIT_STEP void DecodeVector(const uint64_t* entries, __mmask16 part, __m512i class_table, Lanes& lanes,
                             const uint8_t*& units, uint8_t* symbols) {
  using Tables = KvDecodeTables;
  const __m512i buckets_before = _mm512_srli_epi32(lanes.state, kKvBucketBits);
  const Halves entry = LoadEntries(entries, OrAnd(lanes.table, buckets_before, Set(kKvSymbols - 1)));
  const __m512i in_bucket = _mm512_and_si512(lanes.state, Set(kKvBucketSlots - 1));
  const __m512i others_slots = _mm512_srli_epi32(entry.own, Tables::kOffsetShift);
  const __mmask16 other = _mm512_cmplt_epu32_mask(in_bucket, others_slots);
  const __m512i half = _mm512_mask_mov_epi32(entry.own, other, entry.other);
  const __m512i other_offset = _mm512_srli_epi32(entry.other, Tables::kOffsetShift);
  const __m512i offset =
      _mm512_mask_add_epi32(_mm512_sub_epi32(in_bucket, others_slots), other, in_bucket, other_offset);
  const __m512i frequency = _mm512_and_si512(_mm512_srli_epi32(half, Tables::kFrequencyShift), Set(kKvSlots - 1));
  const __m512i next =
      _mm512_add_epi32(_mm512_mullo_epi32(frequency, _mm512_srli_epi32(lanes.state, kKvSlotBits)), offset);
  const __m512i state = TakeUnits(next, part, units);
  lanes.state = kWhole ? state : _mm512_mask_mov_epi32(lanes.state, part, state);
  const __m512i context = _mm512_and_si512(_mm512_srli_epi32(half, Tables::kContextShift - kKvBucketBits),
                                           Set((kKvMaxContexts - 1) << kKvBucketBits));
  lanes.table = _mm512_add_epi32(class_table, context);
  if constexpr (kWhole) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(symbols), _mm512_cvtepi32_epi8(half));
  } else {
    _mm_mask_storeu_epi8(symbols, part, _mm512_cvtepi32_epi8(half));
  }
}

template <size_t kVectors, bool kWhole>
PLAIT_TARGET size_t DecodeVectors(const uint64_t* entries, const KvStrip& strip, KvLanes* lanes, KvUnitCursor* cursor,
                                  uint8_t* symbols) {
  const __mmask16 last = PartOf(strip, (kVectors - 1) * kVector);
  const uint8_t* units = cursor->at;
  const uint8_t* const stop = cursor->stop;
  Four<Lanes> four;
  ForEach<kVectors>(four, [&](auto v, Lanes& sixteen) PLAIT_STEP_LAMBDA {
    sixteen = {Load(lanes->state + v * kVector), Load(lanes->table + v * kVector)};
  });
  size_t row = 0;
  for (; row < strip.rows && units <= stop; ++row, symbols += strip.stride) {
    ForEach<kVectors>(four, [&](auto v, Lanes& sixteen) PLAIT_STEP_LAMBDA {
      constexpr bool kAll = kWhole || v + 1 < kVectors;
      const __m512i class_table = Load(lanes->class_table + v * kVector);
      DecodeVector<kAll>(entries, kAll ? 0xffff : last, class_table, sixteen, units, symbols + v * kVector);
    });
  }
  ForEach<kVectors>(four, [&](auto v, Lanes& sixteen) PLAIT_STEP_LAMBDA {
    _mm512_store_si512(lanes->state + v * kVector, sixteen.state);
    _mm512_store_si512(lanes->table + v * kVector, sixteen.table);
  });
  cursor->at = units;
  return row;
}

// Calls loop<kVectors, kWhole>() for a strip.
template <class Loop>
auto ForStrip(const KvStrip& strip, const Loop& loop) {
  const bool whole = strip.count % kVector == 0;
  const auto with = [&](auto vectors) {
    return whole ? loop(vectors, std::true_type()) : loop(vectors, std::false_type());
  };
  switch ((strip.count - 1) / kVector) {
    case 0: return with(std::integral_constant<size_t, 1>());
    case 1: return with(std::integral_constant<size_t, 2>());
    case 2: return with(std::integral_constant<size_t, 3>());
    default: return with(std::integral_constant<size_t, 4>());
  }
}

size_t Decode(const uint64_t* entries, const KvStrip& strip, KvLanes* lanes, KvUnitCursor* units, uint8_t* symbols) {
  return ForStrip(strip, [&](auto vectors, auto whole) {
    return DecodeVectors<vectors, whole>(entries, strip, lanes, units, symbols);
  });
}

// ---- Decisions ----

// What is coded of 16 elements.
struct Decisions {
  __mmask16 coded;
  __mmask16 zero;  // of them: those whose index is zero
  __mmask16 sign;  // of the index
  __m512i zeros;   // the share of decisions 0
};

PLAIT_STEP Decisions LookAt(const KvBitLanes* lanes, size_t lane, __mmask16 part, __mmask16 negative_before,
                            const uint8_t* bit_states) {
  const __m128i state = _mm_maskz_loadu_epi8(part, bit_states);
  const __m128i kind = _mm_and_si128(state, _mm_set1_epi8(kKvBitNone));
  const auto is = [&](KvBitState which) PLAIT_STEP_LAMBDA { return _mm_cmpeq_epi8_mask(kind, _mm_set1_epi8(which)); };
  const __mmask16 zero = is(kKvBitZero);
  __m512i zeros = Load(lanes->zeros[0] + lane);
  zeros = _mm512_mask_loadu_epi32(zeros, zero & negative_before, lanes->zeros[1] + lane);
  zeros = _mm512_mask_loadu_epi32(zeros, is(kKvBitOne), lanes->zeros[2] + lane);
  zeros = _mm512_mask_loadu_epi32(zeros, is(kKvBitTwo), lanes->zeros[3] + lane);
  zeros = _mm512_mask_loadu_epi32(zeros, is(kKvBitMore), lanes->zeros[4] + lane);
  const __mmask16 coded = part & _mm_cmple_epu8_mask(kind, _mm_set1_epi8(kKvBitMore));
  return {coded, static_cast<__mmask16>(zero & part), _mm_movepi8_mask(state), zeros};
}

// Which elements are negative: as KvBitIsNegative.
PLAIT_STEP __mmask16 Negative(const Decisions& decisions, __mmask16 ones) {
  return static_cast<__mmask16>((decisions.zero & ones) | (~decisions.zero & decisions.sign));
}

struct BitLanes {
  __m512i state;
  __mmask16 negative;
};

PLAIT_STEP __mmask16 DecodeBitVector(const Decisions& decisions, BitLanes& lanes, const uint8_t*& units) {
  const __m512i slot = _mm512_and_si512(lanes.state, Set(kKvSlots - 1));
  const __mmask16 ones = _mm512_mask_cmpge_epu32_mask(decisions.coded, slot, decisions.zeros);
  const __m512i frequency = _mm512_mask_sub_epi32(decisions.zeros, ones, Set(kKvSlots), decisions.zeros);
  const __m512i offset = _mm512_mask_sub_epi32(slot, ones, slot, decisions.zeros);
  const __m512i next =
      _mm512_add_epi32(_mm512_mullo_epi32(frequency, _mm512_srli_epi32(lanes.state, kKvSlotBits)), offset);
  lanes.state = TakeUnits(_mm512_mask_mov_epi32(lanes.state, decisions.coded, next), decisions.coded, units);
  lanes.negative = Negative(decisions, ones);
  return ones;
}

template <size_t kVectors>
PLAIT_STEP Four<BitLanes> LoadBitLanes(const KvBitLanes* lanes) {
  Four<BitLanes> four;
  ForEach<kVectors>(four, [&](auto v, BitLanes& sixteen) PLAIT_STEP_LAMBDA {
    const __m512i negative = Load(lanes->negative + v * kVector);
    sixteen = {Load(lanes->state + v * kVector), _mm512_test_epi32_mask(negative, negative)};
  });
  return four;
}

template <size_t kVectors>
PLAIT_STEP void StoreBitLanes(Four<BitLanes>& four, KvBitLanes* lanes) {
  ForEach<kVectors>(four, [&](auto v, BitLanes& sixteen) PLAIT_STEP_LAMBDA {
    _mm512_store_si512(lanes->state + v * kVector, sixteen.state);
    _mm512_store_si512(lanes->negative + v * kVector, _mm512_maskz_mov_epi32(sixteen.negative, Set(1)));
  });
}

template <size_t kVectors, bool kWhole>
PLAIT_TARGET size_t DecodeBitVectors(const KvStrip& strip, KvBitLanes* lanes, KvUnitCursor* cursor,
                                     const uint8_t* bit_states, uint8_t* bits) {
  const __mmask16 last = PartOf(strip, (kVectors - 1) * kVector);
  const uint8_t* units = cursor->at;
  const uint8_t* const stop = cursor->stop;
  Four<BitLanes> four = LoadBitLanes<kVectors>(lanes);
  size_t row = 0;
  for (; row < strip.rows && units <= stop; ++row, bit_states += strip.stride, bits += strip.stride) {
    ForEach<kVectors>(four, [&](auto v, BitLanes& sixteen) PLAIT_STEP_LAMBDA {
      constexpr size_t kLane = v * kVector;
      constexpr bool kAll = kWhole || v + 1 < kVectors;
      const __mmask16 part = kAll ? 0xffff : last;
      const Decisions decisions = LookAt(lanes, kLane, part, sixteen.negative, bit_states + kLane);
      const __m128i ones = _mm_maskz_set1_epi8(DecodeBitVector(decisions, sixteen, units), 1);
      if constexpr (kAll) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(bits + kLane), ones);
      } else {
        _mm_mask_storeu_epi8(bits + kLane, part, ones);
      }
    });
  }
  StoreBitLanes<kVectors>(four, lanes);
  cursor->at = units;
  return row;
}

size_t DecodeBits(const KvStrip& strip, KvBitLanes* lanes, KvUnitCursor* units, const uint8_t* bit_states,
                  uint8_t* bits) {
  return ForStrip(strip, [&](auto vectors, auto whole) {
    return DecodeBitVectors<vectors, whole>(strip, lanes, units, bit_states, bits);
  });
}

// ---- Encoding ----

// 16 numbers of 32 bits, or of 16 bits in 32-bit lanes, each by a load of its own: as above, faster than gathers.
PLAIT_STEP __m512i LoadEach(const uint32_t* from, __m512i index) {
  const auto quarter = [from](__m128i four) PLAIT_STEP_LAMBDA {
    auto low = static_cast<uint64_t>(_mm_cvtsi128_si64(four));
    auto high = static_cast<uint64_t>(_mm_extract_epi64(four, 1));
    __asm__("" : "+r"(low), "+r"(high));
    const auto at = [from](uint64_t i) PLAIT_STEP_LAMBDA { return static_cast<int>(from[static_cast<uint32_t>(i)]); };
    const __m128i first = _mm_insert_epi32(_mm_cvtsi32_si128(at(low)), at(low >> 32), 1);
    const __m128i second = _mm_insert_epi32(_mm_cvtsi32_si128(at(high)), at(high >> 32), 1);
    return _mm_unpacklo_epi64(first, second);
  };
  const __m256i low =
      _mm256_set_m128i(quarter(_mm512_extracti32x4_epi32(index, 1)), quarter(_mm512_castsi512_si128(index)));
  const __m256i high =
      _mm256_set_m128i(quarter(_mm512_extracti32x4_epi32(index, 3)), quarter(_mm512_extracti32x4_epi32(index, 2)));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

PLAIT_STEP __m512i LoadEach(const uint16_t* from, __m512i index) {
  const auto half = [from](__m256i eight) PLAIT_STEP_LAMBDA {
    const __m128i last = _mm256_extracti128_si256(eight, 1);
    auto i01 = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm256_castsi256_si128(eight)));
    auto i23 = static_cast<uint64_t>(_mm_extract_epi64(_mm256_castsi256_si128(eight), 1));
    auto i45 = static_cast<uint64_t>(_mm_cvtsi128_si64(last));
    auto i67 = static_cast<uint64_t>(_mm_extract_epi64(last, 1));
    __asm__("" : "+r"(i01), "+r"(i23), "+r"(i45), "+r"(i67));
    const auto at = [from](uint64_t i) PLAIT_STEP_LAMBDA { return from[static_cast<uint32_t>(i)]; };
    // Two chains of inserts, each half as long.
    __m128i low = _mm_insert_epi16(_mm_cvtsi32_si128(at(i01)), at(i01 >> 32), 1);
    __m128i high = _mm_insert_epi16(_mm_cvtsi32_si128(at(i45)), at(i45 >> 32), 1);
    low = _mm_insert_epi16(_mm_insert_epi16(low, at(i23), 2), at(i23 >> 32), 3);
    high = _mm_insert_epi16(_mm_insert_epi16(high, at(i67), 2), at(i67 >> 32), 3);
    return _mm_unpacklo_epi64(low, high);
  };
  return _mm512_cvtepu16_epi32(
      _mm256_set_m128i(half(_mm512_extracti64x4_epi64(index, 1)), half(_mm512_castsi512_si256(index))));
}

// A class has 32 symbols and up to 16 contexts: what it knows is two vectors of words.
PLAIT_TARGET void EscapeUnknown(const KvEncodeTables::Known& known, size_t n, size_t rows, size_t stride,
                                uint8_t* symbols) {
  constexpr size_t kWords = 2 * kVector;
  static_assert(kKvSymbols == kWords && kKvMaxContexts <= 16);
  const __m512i in_contexts = Load(known.in_contexts.data());
  const __m512i as_context = Load(known.as_context.data());
  for (size_t i = 0; i < n; i += kWords) {
    const __mmask32 part = _bzhi_u32(~0u, static_cast<unsigned>(std::min(n - i, kWords)));
    __m512i context = _mm512_set1_epi16(1);
    uint8_t* at = symbols + i;
    for (size_t row = 0; row < rows; ++row, at += stride) {
      __m512i symbol = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(part, at));
      const __m512i knowing = _mm512_permutexvar_epi16(symbol, in_contexts);
      const __mmask32 unknown = _mm512_mask_testn_epi16_mask(part, knowing, context);
      if (unknown != 0) {
        _mm256_mask_storeu_epi8(at, unknown, _mm256_set1_epi8(kKvEscape));
        symbol = _mm512_mask_mov_epi16(symbol, unknown, _mm512_set1_epi16(kKvEscape));
      }
      context = _mm512_permutexvar_epi16(symbol, as_context);
    }
  }
}

struct Finder {
  __mmask16 part;
  __m512i class_table;
  __m512i table;
};

// A vector waits for its context, so several take turns.
template <size_t kVectors>
PLAIT_TARGET void FindVectors(const uint32_t* entries, const KvStrip& strip, KvLanes* lanes, const uint8_t* symbols,
                              uint32_t* pushes) {
  Four<Finder> four;
  ForEach<kVectors>(four, [&](auto v, Finder& finder) PLAIT_STEP_LAMBDA {
    finder = {PartOf(strip, v * kVector), Load(lanes->class_table + v * kVector), Load(lanes->table + v * kVector)};
  });
  for (size_t row = 0; row < strip.rows; ++row, symbols += strip.stride, pushes += kVectors * kVector) {
    ForEach<kVectors>(four, [&](auto v, Finder& finder) PLAIT_STEP_LAMBDA {
      const __m512i symbol = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(finder.part, symbols + v * kVector));
      const __m512i entry = LoadEach(entries, _mm512_or_si512(finder.table, symbol));
      const __m512i number = _mm512_slli_epi32(finder.table, KvPushes::kTableShift - kKvBucketBits);
      const __m512i push = OrAnd(number, entry, Set((1u << KvPushes::kTableShift) - 1));
      _mm512_storeu_si512(pushes + v * kVector, _mm512_maskz_mov_epi32(finder.part, push));
      const __m512i context = _mm512_srli_epi32(entry, KvEncodeTables::kContextShift);
      finder.table = _mm512_add_epi32(finder.class_table, _mm512_slli_epi32(context, kKvBucketBits));
    });
  }
  ForEach<kVectors>(four, [&](auto v, Finder& finder)
                              PLAIT_STEP_LAMBDA { _mm512_store_si512(lanes->table + v * kVector, finder.table); });
}

void Find(const uint32_t* entries, const KvStrip& strip, KvLanes* lanes, const uint8_t* symbols, uint32_t* pushes) {
  if (strip.lanes == kVector) return FindVectors<1>(entries, strip, lanes, symbols, pushes);
  if (strip.lanes == 2 * kVector) return FindVectors<2>(entries, strip, lanes, symbols, pushes);
  return FindVectors<4>(entries, strip, lanes, symbols, pushes);
}
static_assert(kKvSymbols == 1u << kKvBucketBits);  // tables begin at multiples of it

PLAIT_TARGET void FindBits(const KvStrip& strip, KvBitLanes* lanes, const uint8_t* bit_states, const uint8_t* bits,
                           uint32_t* pushes) {
  for (size_t lane = 0; lane < strip.lanes; lane += kVector) {
    const __mmask16 part = PartOf(strip, lane);
    __m512i negative_lanes = Load(lanes->negative + lane);
    __mmask16 negative = _mm512_test_epi32_mask(negative_lanes, negative_lanes);
    for (size_t row = 0; row < strip.rows; ++row) {
      const size_t at = row * strip.stride + lane;
      const Decisions decisions = LookAt(lanes, lane, part, negative, bit_states + at);
      const __m128i bit = _mm_maskz_loadu_epi8(part, bits + at);
      const __mmask16 ones = _mm_test_epi8_mask(bit, bit);
      const __m512i push_of_one = _mm512_or_si512(_mm512_sub_epi32(Set(kKvSlots), decisions.zeros),
                                                  _mm512_slli_epi32(decisions.zeros, KvPushes::kFirstShift));
      const __m512i push = _mm512_mask_mov_epi32(decisions.zeros, ones, push_of_one);
      _mm512_storeu_si512(pushes + row * strip.lanes + lane, _mm512_maskz_mov_epi32(decisions.coded, push));
      negative = Negative(decisions, ones);
    }
    _mm512_store_si512(lanes->negative + lane, _mm512_maskz_mov_epi32(negative, Set(1)));
  }
}

// The words 0, 1, ... 15 stand behind 16 others: read n words before them, they are a permutation that moves up by n.
alignas(64) constexpr uint16_t kMoveUp[2 * kVector] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0,  0,  0,  0,  0,
                                                       0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Puts the low words of the lanes that give in front of `units`, and whatever in front of them.
PLAIT_STEP uint8_t* GiveUnits(__m512i state, __mmask16 gives, uint8_t* units) {
  const auto count = static_cast<size_t>(_mm_popcnt_u64(gives));
  const __m256i given = _mm256_maskz_compress_epi16(gives, _mm512_cvtepi32_epi16(state));
  const __m256i up = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMoveUp + count));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(units - sizeof(__m256i)), _mm256_permutexvar_epi16(up, given));
  return units - count * kUnitBytes;
}
static_assert(kKvUnitsSlack >= sizeof(__m256i));

// The quotients of states below frequency << 21, rounded down, or one less. Single precision has 24 bits: rounded
// towards zero in each of three steps, what is below 2^21 is less than 3 * 2^21 / 2^23 too small. The reciprocal does
// not wait for the state.
PLAIT_STEP __m512i Divide(__m512i state, __m512i frequency) {
  constexpr int kDown = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;
  const __m512 reciprocal = _mm512_div_round_ps(_mm512_set1_ps(1), _mm512_cvtepi32_ps(frequency), kDown);
  return _mm512_cvttps_epi32(_mm512_mul_round_ps(_mm512_cvt_roundepi32_ps(state, kDown), reciprocal, kDown));
}

template <bool kSlots>
PLAIT_STEP uint8_t* EncodeVector(const uint16_t* slots, __m512i push, __m512i& state, uint8_t* units) {
  const __m512i frequency = _mm512_and_si512(push, Set(kKvSlots - 1));
  const __mmask16 coded = _mm512_test_epi32_mask(push, push);
  const __mmask16 gives =
      _mm512_mask_cmpge_epu32_mask(coded, _mm512_srli_epi32(state, kKvStateBits - kKvSlotBits), frequency);
  units = GiveUnits(state, gives, units);
  const __m512i left = _mm512_mask_srli_epi32(state, gives, state, kKvUnitBits);
  __m512i quotient = Divide(left, frequency);
  __m512i rest = _mm512_sub_epi32(left, _mm512_mullo_epi32(quotient, frequency));
  const __mmask16 one_less = _mm512_cmpge_epu32_mask(rest, frequency);
  quotient = _mm512_mask_add_epi32(quotient, one_less, quotient, Set(1));
  // The slot waits for the rest, so that does not wait for the mask: where it is none, the difference is above.
  rest = _mm512_min_epu32(rest, _mm512_sub_epi32(rest, frequency));
  __m512i slot = _mm512_add_epi32(_mm512_srli_epi32(push, KvPushes::kFirstShift), rest);
  if constexpr (kSlots) slot = LoadEach(slots, _mm512_maskz_mov_epi32(coded, slot));
  state = _mm512_mask_add_epi32(state, coded, _mm512_slli_epi32(quotient, kKvSlotBits), slot);
  return units;
}

template <size_t kVectors, bool kSlots>
PLAIT_TARGET uint8_t* EncodeVectors(const uint16_t* slots, const uint32_t* pushes, size_t rows, uint32_t* states,
                                    uint8_t* units) {
  struct State {
    __m512i state;
  };
  Four<State> four;
  ForEach<kVectors>(four,
                    [&](auto v, State& sixteen) PLAIT_STEP_LAMBDA { sixteen.state = Load(states + v * kVector); });
  for (size_t row = rows; row-- > 0;) {
    const uint32_t* const of_row = pushes + row * kVectors * kVector;
    ForEachBackwards<kVectors>(four, [&](auto v, State& sixteen) PLAIT_STEP_LAMBDA {
      units = EncodeVector<kSlots>(slots, Load(of_row + v * kVector), sixteen.state, units);
    });
  }
  ForEach<kVectors>(four, [&](auto v, State& sixteen)
                              PLAIT_STEP_LAMBDA { _mm512_storeu_si512(states + v * kVector, sixteen.state); });
  return units;
}

template <bool kSlots>
uint8_t* EncodeLanes(const uint16_t* slots, const uint32_t* pushes, size_t rows, size_t lanes, uint32_t* states,
                     uint8_t* units_end) {
  if (lanes == kVector) return EncodeVectors<1, kSlots>(slots, pushes, rows, states, units_end);
  if (lanes == 2 * kVector) return EncodeVectors<2, kSlots>(slots, pushes, rows, states, units_end);
  return EncodeVectors<4, kSlots>(slots, pushes, rows, states, units_end);
}

uint8_t* Encode(const uint16_t* slots, const uint32_t* pushes, size_t rows, size_t lanes, uint32_t* states,
                uint8_t* units_end) {
  return slots != nullptr ? EncodeLanes<true>(slots, pushes, rows, lanes, states, units_end)
                          : EncodeLanes<false>(slots, pushes, rows, lanes, states, units_end);
}

// ---- Orders ----

// 64 bytes of a row at a time: a permute for every 128 bytes that they may come from, of which masks keep what does.
constexpr size_t kBlock = 64;
constexpr size_t kPiece = 2 * kBlock;
constexpr size_t kMaxBlocks = 64;  // of larger rows, byte by byte is as fast

PLAIT_STEP __mmask64 FirstBytes(size_t count) {
  return _bzhi_u64(~uint64_t{0}, static_cast<unsigned>(std::min(count, kBlock)));
}

// Where the bytes of a block come from.
struct Sources {
  uint8_t in_piece[kMaxBlocks * kBlock];
  uint64_t of_piece[kMaxBlocks][kMaxBlocks / 2];  // [block][piece]: a bit for each byte
};

void FindSources(const uint16_t* source, size_t channels, Sources* sources) {
  for (size_t p = 0; p < channels; p += kBlock) {
    std::fill_n(sources->of_piece[p / kBlock], kMaxBlocks / 2, 0);
    std::fill_n(sources->in_piece + p, kBlock, uint8_t{0});
  }
  for (size_t p = 0; p < channels; ++p) {
    sources->in_piece[p] = static_cast<uint8_t>(source[p] % kPiece);
    sources->of_piece[p / kBlock][source[p] / kPiece] |= uint64_t{1} << p % kBlock;
  }
}

PLAIT_TARGET void Permute(const uint16_t* source, size_t channels, size_t rows, const uint8_t* from, uint8_t* to) {
  if (channels > kMaxBlocks * kBlock) {
    kKvRansScalar.permute(source, channels, rows, from, to);
    return;
  }
  Sources sources;
  FindSources(source, channels, &sources);
  for (size_t row = 0; row < rows; ++row, from += channels, to += channels) {
    for (size_t p = 0; p < channels; p += kBlock) {
      const __m512i index = Load(sources.in_piece + p);
      const uint64_t* const of_piece = sources.of_piece[p / kBlock];
      __m512i bytes = _mm512_setzero_si512();
      size_t at = 0;
      for (; at + kPiece <= channels; at += kPiece) {
        const __m512i moved = _mm512_permutex2var_epi8(Load(from + at), index, Load(from + at + kBlock));
        bytes = _mm512_mask_mov_epi8(bytes, of_piece[at / kPiece], moved);
      }
      if (at < channels) {
        const size_t left = channels - at;
        const __m512i low = _mm512_maskz_loadu_epi8(FirstBytes(left), from + at);
        const __m512i high = _mm512_maskz_loadu_epi8(FirstBytes(left < kBlock ? 0 : left - kBlock), from + at + kBlock);
        bytes = _mm512_mask_mov_epi8(bytes, of_piece[at / kPiece], _mm512_permutex2var_epi8(low, index, high));
      }
      if (p + kBlock <= channels) {
        _mm512_storeu_si512(to + p, bytes);
      } else {
        _mm512_mask_storeu_epi8(to + p, FirstBytes(channels - p), bytes);
      }
    }
  }
}

}  // namespace

const KvRansKernels kKvRansAvx512 = {Decode, DecodeBits, EscapeUnknown, Find, FindBits, Encode, Permute};

}  // namespace plait

#endif  // defined(__x86_64__)
