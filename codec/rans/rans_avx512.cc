// AVX-512 forms of the rans loops. A bundle of 64 lanes is two vectors of 32 states, kept in registers from step to
// step; the low bytes of both, interleaved, are 64 slots in the order of the symbols. Three byte permutes of 128-entry
// tables give symbol, frequency and offset of all; one compress or expand moves the units of a bundle. The only value
// carried from bundle to bundle is a pointer that moves by a population count. Compress in its register form only: the
// memory form is microcoded on Zen 4.
#if defined(__x86_64__)

#include <immintrin.h>

#include "codec/rans/rans_kernel.h"

#define PLAIT_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,popcnt,bmi2")))
// The states stay in registers only if the steps are part of their loop.
#define PLAIT_STEP PLAIT_TARGET __attribute__((always_inline)) inline
#define PLAIT_STEP_LAMBDA PLAIT_TARGET __attribute__((always_inline))

namespace plait {
namespace {

constexpr size_t kBundle = kRansBundleLanes;
constexpr size_t kHalf = kRansHalfBundleLanes;
static_assert(kBundle == sizeof(__m512i) && 2 * kHalf == sizeof(__m512i));

PLAIT_STEP __m512i Load(const void* bytes) { return _mm512_loadu_si512(bytes); }

// 64 states: lanes 0..31 of the bundle, which hold the even symbols, and 32..63.
struct Bundle {
  __m512i even;
  __m512i odd;
};

// What a step works on: 1, 2 or 4 bundles. Members, not an array: compilers keep them in registers.
struct Bundles {
  Bundle b0, b1, b2, b3;
};

template <size_t kBundles>
PLAIT_STEP Bundles LoadStates(const uint16_t* states) {
  const auto load = [states](size_t b) PLAIT_STEP_LAMBDA {
    return Bundle{Load(states + b * kBundle), Load(states + b * kBundle + kHalf)};
  };
  Bundles bundles = {};
  bundles.b0 = load(0);
  if constexpr (kBundles > 1) bundles.b1 = load(1);
  if constexpr (kBundles > 2) bundles.b2 = load(2);
  if constexpr (kBundles > 2) bundles.b3 = load(3);
  return bundles;
}

// Calls body(b, bundle) for each bundle, in order.
template <size_t kBundles, class Body>
PLAIT_STEP void ForEachBundle(Bundles& bundles, const Body& body) {
  body(0, bundles.b0);
  if constexpr (kBundles > 1) body(1, bundles.b1);
  if constexpr (kBundles > 2) body(2, bundles.b2);
  if constexpr (kBundles > 2) body(3, bundles.b3);
}

template <size_t kBundles, class Body>
PLAIT_STEP void ForEachBundleBackwards(Bundles& bundles, const Body& body) {
  if constexpr (kBundles > 2) body(3, bundles.b3);
  if constexpr (kBundles > 2) body(2, bundles.b2);
  if constexpr (kBundles > 1) body(1, bundles.b1);
  body(0, bundles.b0);
}

template <size_t kBundles>
PLAIT_STEP void StoreStates(Bundles& bundles, uint16_t* states) {
  ForEachBundle<kBundles>(bundles, [states](size_t b, const Bundle& bundle) PLAIT_STEP_LAMBDA {
    _mm512_storeu_si512(states + b * kBundle, bundle.even);
    _mm512_storeu_si512(states + b * kBundle + kHalf, bundle.odd);
  });
}

// Which lanes and which symbols of a bundle exist.
struct Lanes {
  __mmask32 even;
  __mmask32 odd;
  __mmask64 symbols;
};

PLAIT_STEP Lanes FirstSymbols(size_t count) {
  if (count >= kBundle) return {~__mmask32{0}, ~__mmask32{0}, ~__mmask64{0}};
  return {static_cast<__mmask32>(_bzhi_u64(~uint64_t{0}, static_cast<unsigned>((count + 1) / 2))),
          static_cast<__mmask32>(_bzhi_u64(~uint64_t{0}, static_cast<unsigned>(count / 2))),
          _bzhi_u64(~uint64_t{0}, static_cast<unsigned>(count))};
}

constexpr __mmask64 kLowBytes = 0x5555555555555555;  // of words

constexpr Lanes kAllLanes = {~__mmask32{0}, ~__mmask32{0}, ~__mmask64{0}};

// ---- Decoding ----

struct DecodeConstants {
  __m512i symbol[2];
  __m512i frequency[2];  // twice the frequency
  __m512i offset[2];
  __m512i slot_bits;        // 127 in every byte
  __m512i last_known_slot;  // in every byte
  __m512i low_bytes;        // 255 in every word
  __m512i quotient_bits;    // all but the slot, in every word
  __m512i one_byte_up;      // 256 in every word: times this is a shift by a byte
  __m512i low_state;        // in every word
  __m512i even_units;       // the permutation that puts bytes 0..31 into the low bytes of words
  __m512i odd_units;        // the same of bytes 32..63
};

PLAIT_TARGET DecodeConstants MakeDecodeConstants(const RansDecodeTable& table) {
  const auto both = [](const auto& slots, __m512i halves[2]) PLAIT_TARGET {
    halves[0] = Load(slots.data());
    halves[1] = Load(slots.data() + kBundle);
  };
  DecodeConstants constants;
  both(table.slot_symbol, constants.symbol);
  both(table.slot_frequency, constants.frequency);
  for (__m512i& half : constants.frequency) half = _mm512_add_epi8(half, half);
  both(table.slot_offset, constants.offset);
  constants.slot_bits = _mm512_set1_epi8(kRansSlots - 1);
  constants.last_known_slot = _mm512_set1_epi8(static_cast<char>(table.escape_slot - 1));
  constants.low_bytes = _mm512_set1_epi16(0x00ff);
  constants.quotient_bits = _mm512_set1_epi16(static_cast<short>(~(kRansSlots - 1)));
  constants.one_byte_up = _mm512_set1_epi16(256);
  constants.low_state = _mm512_set1_epi16(kRansLowState);
  constants.even_units = _mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,  //
                                          15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  constants.odd_units = _mm512_add_epi16(constants.even_units, _mm512_set1_epi16(kHalf));
  return constants;
}

// Decodes the symbols of one bundle that exist. Shuffles and shifts share two of the four vector ports of Zen 4, and
// there are many shuffles: what could be a shift is a product or a mask where that does as well.
template <bool kWhole>
PLAIT_STEP void DecodeBundle(const DecodeConstants& constants, const Lanes& lanes, Bundle& states, RansCursor& cursor,
                             uint8_t* symbols) {
  // Byte 2 j is the low byte of even lane j, byte 2 j + 1 that of odd lane j. A permute ignores the top bit.
  const __m512i odd_up = _mm512_mullo_epi16(states.odd, constants.one_byte_up);
  const __m512i low =
      _mm512_ternarylogic_epi64(constants.low_bytes, states.even, odd_up, 0xca);  // low_bytes ? even : odd_up
  const __m512i slot = _mm512_and_si512(low, constants.slot_bits);
  const __m512i known = _mm512_permutex2var_epi8(constants.symbol[0], low, constants.symbol[1]);
  const __m512i frequency = _mm512_permutex2var_epi8(constants.frequency[0], low, constants.frequency[1]);
  const __m512i offset = _mm512_permutex2var_epi8(constants.offset[0], low, constants.offset[1]);

  __mmask64 escaped = _mm512_cmpgt_epi8_mask(slot, constants.last_known_slot);
  if constexpr (!kWhole) escaped &= lanes.symbols;
  const __m512i symbol = _mm512_mask_expand_epi8(known, escaped, Load(cursor.escapes));
  cursor.escapes += _mm_popcnt_u64(escaped);
  if constexpr (kWhole) {
    _mm512_storeu_si512(symbols, symbol);
  } else {
    _mm512_mask_storeu_epi8(symbols, lanes.symbols, symbol);
  }

  // (state >> 7) * frequency is the high half of (state without its slot) * (2 * frequency << 8).
  const __m512i even_product =
      _mm512_mulhi_epu16(_mm512_and_si512(states.even, constants.quotient_bits), _mm512_slli_epi16(frequency, 8));
  const __m512i odd_product = _mm512_mulhi_epu16(_mm512_and_si512(states.odd, constants.quotient_bits),
                                                 _mm512_andnot_si512(constants.low_bytes, frequency));
  const __m512i even = _mm512_add_epi16(even_product, _mm512_and_si512(offset, constants.low_bytes));
  const __m512i odd = _mm512_add_epi16(odd_product, _mm512_maddubs_epi16(offset, constants.one_byte_up));

  __mmask32 even_takes = _mm512_cmplt_epu16_mask(even, constants.low_state);
  __mmask32 odd_takes = _mm512_cmplt_epu16_mask(odd, constants.low_state);
  if constexpr (!kWhole) {
    even_takes &= lanes.even;
    odd_takes &= lanes.odd;
  }
  const __mmask64 takes = _mm512_kunpackd(odd_takes, even_takes);
  const __m512i units = _mm512_maskz_expand_epi8(takes, Load(cursor.units));
  cursor.units += _mm_popcnt_u64(takes);
  const __m512i even_units = _mm512_maskz_permutexvar_epi8(kLowBytes, constants.even_units, units);
  const __m512i odd_units = _mm512_maskz_permutexvar_epi8(kLowBytes, constants.odd_units, units);
  const __m512i even_shifted = _mm512_mask_mullo_epi16(even, even_takes, even, constants.one_byte_up);
  const __m512i odd_shifted = _mm512_mask_mullo_epi16(odd, odd_takes, odd, constants.one_byte_up);
  const __m512i new_even = _mm512_or_si512(even_shifted, even_units);
  const __m512i new_odd = _mm512_or_si512(odd_shifted, odd_units);
  states.even = kWhole ? new_even : _mm512_mask_mov_epi16(states.even, lanes.even, new_even);
  states.odd = kWhole ? new_odd : _mm512_mask_mov_epi16(states.odd, lanes.odd, new_odd);
}

template <size_t kBundles>
PLAIT_TARGET size_t DecodeBundles(const RansDecodeTable& table, uint16_t* states, RansCursor* cursor, uint8_t* symbols,
                                  size_t n) {
  constexpr size_t kLanes = kBundles * kBundle;
  const DecodeConstants constants = MakeDecodeConstants(table);
  Bundles bundles = LoadStates<kBundles>(states);
  RansCursor at = *cursor;
  const auto may_step = [&] { return at.units <= at.units_stop && at.escapes <= at.escapes_stop; };
  size_t i = 0;
  for (; i + kLanes <= n && may_step(); i += kLanes) {
    ForEachBundle<kBundles>(bundles, [&](size_t b, Bundle& bundle) PLAIT_STEP_LAMBDA {
      DecodeBundle<true>(constants, kAllLanes, bundle, at, symbols + i + b * kBundle);
    });
  }
  if (i < n && i + kLanes > n && may_step()) {
    ForEachBundle<kBundles>(bundles, [&](size_t b, Bundle& bundle) PLAIT_STEP_LAMBDA {
      const size_t begin = i + b * kBundle;
      DecodeBundle<false>(constants, FirstSymbols(begin < n ? n - begin : 0), bundle, at, symbols + begin);
    });
    i = n;
  }
  StoreStates<kBundles>(bundles, states);
  *cursor = at;
  return i;
}

PLAIT_TARGET size_t Decode(const RansDecodeTable& table, size_t lanes, uint16_t* states, RansCursor* cursor,
                           uint8_t* symbols, size_t n) {
  if (lanes == kBundle) return DecodeBundles<1>(table, states, cursor, symbols, n);
  if (lanes == 2 * kBundle) return DecodeBundles<2>(table, states, cursor, symbols, n);
  return DecodeBundles<4>(table, states, cursor, symbols, n);
}

// ---- Encoding ----

PLAIT_TARGET size_t Map(const RansEncodeTable& table, const uint8_t* symbols, size_t n, uint8_t* digits,
                        uint8_t* escapes) {
  __m512i quarters[4];
  for (size_t q = 0; q < 4; ++q) quarters[q] = Load(table.digit_of_symbol.data() + q * kBundle);
  const __m512i escape = _mm512_set1_epi8(static_cast<char>(table.escape_digit));
  const uint8_t* const escapes_begin = escapes;
  for (size_t i = 0; i < n; i += kBundle) {
    const __mmask64 exist = FirstSymbols(n - i).symbols;
    const __m512i symbol = _mm512_maskz_loadu_epi8(exist, symbols + i);
    const __m512i low = _mm512_permutex2var_epi8(quarters[0], symbol, quarters[1]);
    const __m512i high = _mm512_permutex2var_epi8(quarters[2], symbol, quarters[3]);
    const __m512i digit = _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(symbol), high);
    const __mmask64 escaped = _mm512_mask_cmpeq_epi8_mask(exist, digit, escape);
    _mm512_mask_storeu_epi8(digits + i, exist, digit);
    _mm512_storeu_si512(escapes, _mm512_maskz_compress_epi8(escaped, symbol));
    escapes += _mm_popcnt_u64(escaped);
  }
  return static_cast<size_t>(escapes - escapes_begin);
}
static_assert(kRansEscapeSlack >= kBundle);

// Tables of 16 digits, repeated so that a byte shuffle looks up 64.
struct EncodeConstants {
  __m512i frequency;
  __m512i first_slot;
  __m512i reciprocal_low;
  __m512i reciprocal_high;
};

PLAIT_TARGET EncodeConstants MakeEncodeConstants(const RansEncodeTable& table) {
  const auto repeated = [](const auto& digits) PLAIT_TARGET {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(digits.data())));
  };
  return {repeated(table.frequency), repeated(table.first_slot), repeated(table.reciprocal_low),
          repeated(table.reciprocal_high)};
}

// What 32 states are encoded with, in words.
struct HalfDigits {
  __m512i frequency;
  __m512i first_slot;
  __m512i reciprocal;
};

// The states with a digit more; those that gave a unit away have been shifted.
PLAIT_STEP __m512i PushDigits(__m512i state, const HalfDigits& digits) {
  const __m512i quotient = _mm512_mulhi_epu16(state, digits.reciprocal);
  const __m512i rest = _mm512_sub_epi16(state, _mm512_mullo_epi16(quotient, digits.frequency));
  const __mmask32 one_less = _mm512_cmpge_epu16_mask(rest, digits.frequency);
  const __m512i pushed =
      _mm512_add_epi16(_mm512_slli_epi16(quotient, kRansSlotBits), _mm512_add_epi16(rest, digits.first_slot));
  const __m512i correction = _mm512_sub_epi16(_mm512_set1_epi16(kRansSlots), digits.frequency);
  return _mm512_mask_add_epi16(pushed, one_less, pushed, correction);
}

template <bool kWhole>
PLAIT_STEP uint8_t* EncodeBundle(const EncodeConstants& constants, const Lanes& lanes, __m512i digit, Bundle& states,
                                 uint8_t* units) {
  const __m512i low_bytes = _mm512_set1_epi16(0x00ff);
  const __m512i frequency = _mm512_shuffle_epi8(constants.frequency, digit);
  const __m512i first_slot = _mm512_shuffle_epi8(constants.first_slot, digit);
  const __m512i reciprocal_low = _mm512_shuffle_epi8(constants.reciprocal_low, digit);
  const __m512i reciprocal_high = _mm512_shuffle_epi8(constants.reciprocal_high, digit);
  const HalfDigits even = {
      _mm512_and_si512(frequency, low_bytes), _mm512_and_si512(first_slot, low_bytes),
      _mm512_ternarylogic_epi64(low_bytes, reciprocal_low, _mm512_slli_epi16(reciprocal_high, 8), 0xca)};
  const HalfDigits odd = {
      _mm512_srli_epi16(frequency, 8), _mm512_srli_epi16(first_slot, 8),
      _mm512_ternarylogic_epi64(low_bytes, _mm512_srli_epi16(reciprocal_low, 8), reciprocal_high, 0xca)};

  constexpr unsigned kLimitShift = kRansStateBits - kRansSlotBits;
  __mmask32 even_gives = _mm512_cmpge_epu16_mask(_mm512_srli_epi16(states.even, kLimitShift), even.frequency);
  __mmask32 odd_gives = _mm512_cmpge_epu16_mask(_mm512_srli_epi16(states.odd, kLimitShift), odd.frequency);
  if constexpr (!kWhole) {
    even_gives &= lanes.even;
    odd_gives &= lanes.odd;
  }
  const __mmask64 gives = _mm512_kunpackd(odd_gives, even_gives);
  const __m512i low = _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(states.even)),
                                         _mm512_cvtepi16_epi8(states.odd), 1);
  const auto count = static_cast<unsigned>(_mm_popcnt_u64(gives));
  units -= count;
  _mm512_mask_storeu_epi8(units, _bzhi_u64(~uint64_t{0}, count), _mm512_maskz_compress_epi8(gives, low));

  const __m512i new_even =
      PushDigits(_mm512_mask_srli_epi16(states.even, even_gives, states.even, kRansUnitBits), even);
  const __m512i new_odd = PushDigits(_mm512_mask_srli_epi16(states.odd, odd_gives, states.odd, kRansUnitBits), odd);
  states.even = kWhole ? new_even : _mm512_mask_mov_epi16(states.even, lanes.even, new_even);
  states.odd = kWhole ? new_odd : _mm512_mask_mov_epi16(states.odd, lanes.odd, new_odd);
  return units;
}

template <size_t kBundles>
PLAIT_TARGET uint8_t* EncodeBundles(const RansEncodeTable& table, uint16_t* states, const uint8_t* digits, size_t n,
                                    uint8_t* units) {
  constexpr size_t kLanes = kBundles * kBundle;
  const EncodeConstants constants = MakeEncodeConstants(table);
  Bundles bundles = LoadStates<kBundles>(states);
  const size_t tail = n % kLanes;
  if (tail != 0) {
    ForEachBundleBackwards<kBundles>(bundles, [&](size_t b, Bundle& bundle) PLAIT_STEP_LAMBDA {
      const size_t begin = n - tail + b * kBundle;
      const Lanes lanes = FirstSymbols(begin < n ? n - begin : 0);
      const __m512i digit = _mm512_maskz_loadu_epi8(lanes.symbols, digits + begin);
      units = EncodeBundle<false>(constants, lanes, digit, bundle, units);
    });
  }
  for (size_t i = n - tail; i > 0; i -= kLanes) {
    ForEachBundleBackwards<kBundles>(bundles, [&](size_t b, Bundle& bundle) PLAIT_STEP_LAMBDA {
      units = EncodeBundle<true>(constants, kAllLanes, Load(digits + i - kLanes + b * kBundle), bundle, units);
    });
  }
  StoreStates<kBundles>(bundles, states);
  return units;
}

PLAIT_TARGET uint8_t* Encode(const RansEncodeTable& table, size_t lanes, uint16_t* states, const uint8_t* digits,
                             size_t n, uint8_t* units_end) {
  if (lanes == kBundle) return EncodeBundles<1>(table, states, digits, n, units_end);
  if (lanes == 2 * kBundle) return EncodeBundles<2>(table, states, digits, n, units_end);
  return EncodeBundles<4>(table, states, digits, n, units_end);
}

}  // namespace

const RansKernels kRansAvx512 = {Decode, Map, Encode};

}  // namespace plait

#endif  // defined(__x86_64__)
