// AVX2 forms of the rans loops. A bundle of 64 lanes is four vectors of 16 states, which stay in memory between steps:
// there are too few registers for more. AVX2 has no byte permute of 128 entries, nor expand or compress:
//   digits       are counted: a slot's digit is the number of digits that begin at or before it, one compare each.
//                Levels have about eight. Frequency, first slot and symbol follow by shuffles of 16 entries.
//   units        move by a byte shuffle for eight lanes at a time, looked up by the mask of those that take or give
//   one. escapes      are few by design: they are put in their places, or taken out, one by one.
// The last, shorter step of a level is left to the scalar loops.
#if defined(__x86_64__)

#include <immintrin.h>

#include <array>

#include "codec/rans/rans_kernel.h"

#define PLAIT_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))

namespace plait {
namespace {

constexpr size_t kBundle = kRansBundleLanes;
constexpr size_t kHalf = kRansHalfBundleLanes;
constexpr size_t kStates = 16;  // of a vector

PLAIT_TARGET __m256i Load(const void* bytes) { return _mm256_loadu_si256(static_cast<const __m256i*>(bytes)); }
PLAIT_TARGET void Store(void* bytes, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(bytes), value); }

PLAIT_TARGET __m256i LoadTwice(const std::array<uint8_t, kRansMaxDigits>& digits) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(digits.data())));
}

// Two vectors of 16 states whose symbols alternate: 32 in order.
struct Pair {
  __m256i even;
  __m256i odd;
};

// One bit for each lane of two vectors, in the order of lanes. `a` and `b` are -1 or 0 in every word.
PLAIT_TARGET uint32_t LaneMask(__m256i a, __m256i b) {
  const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0b11'01'10'00);
  return static_cast<uint32_t>(_mm256_movemask_epi8(bytes));
}

// ---- Decoding ----

constexpr uint8_t kZero = 0x80;  // what a byte shuffle turns into 0

// Entry m: the shuffle that puts the next bytes, as words, where m has ones, and zeros elsewhere.
constexpr auto MakeSpreadShuffles() {
  std::array<std::array<uint8_t, 16>, 256> shuffles{};
  for (size_t mask = 0; mask < shuffles.size(); ++mask) {
    uint8_t next = 0;
    for (size_t lane = 0; lane < 8; ++lane) {
      shuffles[mask][2 * lane] = (mask >> lane & 1) != 0 ? next++ : kZero;
      shuffles[mask][2 * lane + 1] = kZero;
    }
  }
  return shuffles;
}
constexpr auto kSpreadShuffles = MakeSpreadShuffles();

struct DecodeConstants {
  size_t num_bounds;
  __m256i bounds[kRansMaxDigits - 1];  // the slot before each digit but the first
  __m256i symbol;
  __m256i frequency;
  __m256i first_slot;
  __m256i last_known_slot;
};

PLAIT_TARGET DecodeConstants MakeDecodeConstants(const RansDecodeTable& table) {
  DecodeConstants constants;
  constants.num_bounds = table.num_digits - 1;
  for (size_t d = 1; d < table.num_digits; ++d) {
    constants.bounds[d - 1] = _mm256_set1_epi8(static_cast<char>(table.first_slot[d] - 1));
  }
  constants.symbol = LoadTwice(table.symbol);
  constants.frequency = LoadTwice(table.frequency);
  constants.first_slot = LoadTwice(table.first_slot);
  constants.last_known_slot = _mm256_set1_epi8(static_cast<char>(table.escape_slot - 1));
  return constants;
}

// Writes 32 symbols, anything where one escaped, and advances the states, which may be below kRansLowState then.
// Returns a bit for each symbol that escaped.
PLAIT_TARGET uint32_t DecodePair(const DecodeConstants& constants, Pair& states, uint8_t* symbols) {
  const __m256i low_bytes = _mm256_set1_epi16(0x00ff);
  const __m256i low = _mm256_or_si256(_mm256_and_si256(states.even, low_bytes), _mm256_slli_epi16(states.odd, 8));
  const __m256i slot = _mm256_and_si256(low, _mm256_set1_epi8(kRansSlots - 1));
  __m256i digit = _mm256_setzero_si256();
  for (size_t d = 0; d < constants.num_bounds; ++d) {
    digit = _mm256_sub_epi8(digit, _mm256_cmpgt_epi8(slot, constants.bounds[d]));
  }
  Store(symbols, _mm256_shuffle_epi8(constants.symbol, digit));
  const __m256i frequency = _mm256_shuffle_epi8(constants.frequency, digit);
  const __m256i offset = _mm256_sub_epi8(slot, _mm256_shuffle_epi8(constants.first_slot, digit));
  const __m256i even_product =
      _mm256_mullo_epi16(_mm256_srli_epi16(states.even, kRansSlotBits), _mm256_and_si256(frequency, low_bytes));
  const __m256i odd_product =
      _mm256_mullo_epi16(_mm256_srli_epi16(states.odd, kRansSlotBits), _mm256_srli_epi16(frequency, 8));
  states.even = _mm256_add_epi16(even_product, _mm256_and_si256(offset, low_bytes));
  states.odd = _mm256_add_epi16(odd_product, _mm256_srli_epi16(offset, 8));
  return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpgt_epi8(slot, constants.last_known_slot)));
}

// The next units as words where the 8 bits of `mask` are one. Reads 8 bytes.
PLAIT_TARGET __m128i TakeUnits(uint32_t mask, const uint8_t*& units) {
  const __m128i next = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(units));
  const __m128i shuffle = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kSpreadShuffles[mask].data()));
  units += _mm_popcnt_u32(mask);
  return _mm_shuffle_epi8(next, shuffle);
}

PLAIT_TARGET __m256i RefillVector(__m256i states, __m256i takes, uint32_t mask, const uint8_t*& units) {
  const __m128i first = TakeUnits(mask & 0xff, units);
  const __m128i second = TakeUnits(mask >> 8 & 0xff, units);
  const __m256i shifted = _mm256_blendv_epi8(states, _mm256_slli_epi16(states, kRansUnitBits), takes);
  return _mm256_or_si256(shifted, _mm256_set_m128i(second, first));
}

// Gives a unit to each of 32 states, at `states`, that needs one.
PLAIT_TARGET void RefillStates(__m256i a, __m256i b, uint16_t* states, const uint8_t*& units) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i a_takes = _mm256_cmpeq_epi16(_mm256_srli_epi16(a, kRansUnitBits), zero);
  const __m256i b_takes = _mm256_cmpeq_epi16(_mm256_srli_epi16(b, kRansUnitBits), zero);
  const uint32_t mask = LaneMask(a_takes, b_takes);
  Store(states, RefillVector(a, a_takes, mask, units));
  Store(states + kStates, RefillVector(b, b_takes, mask >> 16, units));
}

PLAIT_TARGET void DecodeBundle(const DecodeConstants& constants, uint16_t* states, RansCursor& cursor,
                               uint8_t* symbols) {
  Pair first = {Load(states), Load(states + kHalf)};
  Pair second = {Load(states + kStates), Load(states + kHalf + kStates)};
  uint64_t escaped = DecodePair(constants, first, symbols);
  escaped |= uint64_t{DecodePair(constants, second, symbols + kHalf)} << kHalf;
  RefillStates(first.even, second.even, states, cursor.units);
  RefillStates(first.odd, second.odd, states + kHalf, cursor.units);
  for (; escaped != 0; escaped &= escaped - 1) symbols[_tzcnt_u64(escaped)] = *cursor.escapes++;
}

PLAIT_TARGET size_t Decode(const RansDecodeTable& table, size_t lanes, uint16_t* states, RansCursor* cursor,
                           uint8_t* symbols, size_t n) {
  const DecodeConstants constants = MakeDecodeConstants(table);
  RansCursor at = *cursor;
  const auto may_step = [&] { return at.units <= at.units_stop && at.escapes <= at.escapes_stop; };
  size_t i = 0;
  for (; i + lanes <= n && may_step(); i += lanes) {
    for (size_t lane = 0; lane < lanes; lane += kBundle) {
      DecodeBundle(constants, states + lane, at, symbols + i + lane);
    }
  }
  *cursor = at;
  if (i + lanes <= n) return i;
  return i + kRansScalar.decode(table, lanes, states, cursor, symbols + i, n - i);
}

// ---- Encoding ----

// Entry m: the shuffle that moves the bytes where m has ones to the end of eight.
constexpr auto MakePackShuffles() {
  std::array<std::array<uint8_t, 8>, 256> shuffles{};
  for (size_t mask = 0; mask < shuffles.size(); ++mask) {
    size_t end = 8;
    for (uint8_t lane = 8; lane-- > 0;) {
      if ((mask >> lane & 1) != 0) shuffles[mask][--end] = lane;
    }
  }
  return shuffles;
}
constexpr auto kPackShuffles = MakePackShuffles();

PLAIT_TARGET size_t Map(const RansEncodeTable& table, const uint8_t* symbols, size_t n, uint8_t* digits,
                        uint8_t* escapes) {
  constexpr size_t kStep = 32;
  const __m256i unknown = _mm256_set1_epi8(static_cast<char>(table.escape_digit));
  uint8_t* escapes_end = escapes;
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    const __m256i symbol = Load(symbols + i);
    __m256i digit = unknown;
    for (size_t d = 0; d < table.num_symbols; ++d) {
      const __m256i is_this = _mm256_cmpeq_epi8(symbol, _mm256_set1_epi8(static_cast<char>(table.symbol[d])));
      digit = _mm256_blendv_epi8(digit, _mm256_set1_epi8(static_cast<char>(d)), is_this);
    }
    Store(digits + i, digit);
    auto escaped = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(digit, unknown)));
    for (; escaped != 0; escaped &= escaped - 1) *escapes_end++ = symbols[i + _tzcnt_u32(escaped)];
  }
  escapes_end += kRansScalar.map(table, symbols + i, n - i, digits + i, escapes_end);
  return static_cast<size_t>(escapes_end - escapes);
}

struct EncodeConstants {
  __m256i frequency;
  __m256i first_slot;
  __m256i reciprocal_low;
  __m256i reciprocal_high;
};

// What 16 states are encoded with, in words.
struct WordDigits {
  __m256i frequency;
  __m256i first_slot;
  __m256i reciprocal;
};

PLAIT_TARGET WordDigits EvenDigits(const EncodeConstants& constants, __m256i digit) {
  const __m256i low_bytes = _mm256_set1_epi16(0x00ff);
  const __m256i low = _mm256_and_si256(_mm256_shuffle_epi8(constants.reciprocal_low, digit), low_bytes);
  const __m256i high = _mm256_slli_epi16(_mm256_shuffle_epi8(constants.reciprocal_high, digit), 8);
  return {_mm256_and_si256(_mm256_shuffle_epi8(constants.frequency, digit), low_bytes),
          _mm256_and_si256(_mm256_shuffle_epi8(constants.first_slot, digit), low_bytes), _mm256_or_si256(low, high)};
}

// Digits at odd places: one byte down, they are at even ones.
PLAIT_TARGET WordDigits OddDigits(const EncodeConstants& constants, __m256i digit) {
  return EvenDigits(constants, _mm256_srli_epi16(digit, 8));
}

// -1 in the words of states that must give a unit away first.
PLAIT_TARGET __m256i Gives(__m256i state, __m256i frequency) {
  const __m256i limit_part = _mm256_srli_epi16(state, kRansStateBits - kRansSlotBits);
  return _mm256_cmpgt_epi16(limit_part, _mm256_sub_epi16(frequency, _mm256_set1_epi16(1)));
}

PLAIT_TARGET __m256i PushDigits(__m256i state, __m256i gives, const WordDigits& digits) {
  const __m256i left = _mm256_blendv_epi8(state, _mm256_srli_epi16(state, kRansUnitBits), gives);
  const __m256i quotient = _mm256_mulhi_epu16(left, digits.reciprocal);
  const __m256i rest = _mm256_sub_epi16(left, _mm256_mullo_epi16(quotient, digits.frequency));
  // The rest is less than twice the frequency: signed comparison will do.
  const __m256i exact = _mm256_cmpgt_epi16(digits.frequency, rest);
  const __m256i correction = _mm256_sub_epi16(_mm256_set1_epi16(kRansSlots), digits.frequency);
  const __m256i pushed =
      _mm256_add_epi16(_mm256_slli_epi16(quotient, kRansSlotBits), _mm256_add_epi16(rest, digits.first_slot));
  return _mm256_add_epi16(pushed, _mm256_andnot_si256(exact, correction));
}

// Puts those of 8 bytes in front of `units` whose bit is one. Writes 8 bytes.
PLAIT_TARGET uint8_t* GiveUnits(__m128i bytes, uint32_t mask, uint8_t* units) {
  const __m128i shuffle = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kPackShuffles[mask].data()));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(units - 8), _mm_shuffle_epi8(bytes, shuffle));
  return units - _mm_popcnt_u32(mask);
}
static_assert(kRansUnitsSlack >= 8);

// The units of 32 states, of those that give one.
PLAIT_TARGET uint8_t* GiveUnitsOf(__m256i a, __m256i b, __m256i a_gives, __m256i b_gives, uint8_t* units) {
  const uint32_t mask = LaneMask(a_gives, b_gives);
  const __m256i low_bytes = _mm256_set1_epi16(0x00ff);
  const __m256i bytes = _mm256_permute4x64_epi64(
      _mm256_packus_epi16(_mm256_and_si256(a, low_bytes), _mm256_and_si256(b, low_bytes)), 0b11'01'10'00);
  const __m128i b_bytes = _mm256_extracti128_si256(bytes, 1);
  const __m128i a_bytes = _mm256_castsi256_si128(bytes);
  units = GiveUnits(_mm_srli_si128(b_bytes, 8), mask >> 24, units);
  units = GiveUnits(b_bytes, mask >> 16 & 0xff, units);
  units = GiveUnits(_mm_srli_si128(a_bytes, 8), mask >> 8 & 0xff, units);
  return GiveUnits(a_bytes, mask & 0xff, units);
}

// Encodes the digits of 32 lanes of a bundle.
PLAIT_TARGET uint8_t* EncodeHalf(const WordDigits& a_digits, const WordDigits& b_digits, uint16_t* states,
                                 uint8_t* units) {
  const __m256i a = Load(states);
  const __m256i b = Load(states + kStates);
  const __m256i a_gives = Gives(a, a_digits.frequency);
  const __m256i b_gives = Gives(b, b_digits.frequency);
  Store(states, PushDigits(a, a_gives, a_digits));
  Store(states + kStates, PushDigits(b, b_gives, b_digits));
  return GiveUnitsOf(a, b, a_gives, b_gives, units);
}

PLAIT_TARGET uint8_t* Encode(const RansEncodeTable& table, size_t lanes, uint16_t* states, const uint8_t* digits,
                             size_t n, uint8_t* units_end) {
  const EncodeConstants constants = {LoadTwice(table.frequency), LoadTwice(table.first_slot),
                                     LoadTwice(table.reciprocal_low), LoadTwice(table.reciprocal_high)};
  const size_t tail = n % lanes;
  uint8_t* units = kRansScalar.encode(table, lanes, states, digits + n - tail, tail, units_end);
  for (size_t i = n - tail; i > 0; i -= lanes) {
    for (size_t lane = lanes; lane > 0; lane -= kBundle) {
      const __m256i first = Load(digits + i - lanes + lane - kBundle);
      const __m256i second = Load(digits + i - lanes + lane - kHalf);
      uint16_t* const bundle = states + lane - kBundle;
      units = EncodeHalf(OddDigits(constants, first), OddDigits(constants, second), bundle + kHalf, units);
      units = EncodeHalf(EvenDigits(constants, first), EvenDigits(constants, second), bundle, units);
    }
  }
  return units;
}

}  // namespace

const RansKernels kRansAvx2 = {Decode, Map, Encode};

}  // namespace plait

#endif  // defined(__x86_64__)
