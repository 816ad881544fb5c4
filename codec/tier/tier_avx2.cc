// AVX2 forms of the tier loops, 32 symbols a step. AVX2 has neither expand nor compress:
//   decoding  numbers the escapes of each half of 16 by a prefix sum over its bytes; these numbers are the byte shuffle
//             that fetches them from the level below. That is two fetches a step, where shuffles looked up by mask
//             byte need four; the only value carried between steps is the escape pointer.
//   encoding  moves the escapes of eight symbols to the front by a byte shuffle from a table of 256 x 8 bytes.
// No pdep or pext: they are microcoded on Zen 1 and 2, which are among the machines that get here, and slower on Zen 4
// too. The last symbols of a level take a whole step too: deep levels are short and would be mostly tail.
#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "codec/base/endian.h"
#include "codec/tier/tier_kernel.h"
#include "codec/tier/tier_layout.h"

#define PLAIT_TARGET __attribute__((target("avx2,bmi2,popcnt")))

namespace plait {
namespace {

constexpr size_t kStep = 32;
constexpr size_t kStepDigitBytes = kStep / kTierDigitsPerByte;
static_assert(kStepDigitBytes == sizeof(uint64_t), "the digits of a step travel as one word");
static_assert(kTierEscapeSlack >= kStep, "a step may load or store as many escapes as it has symbols");

PLAIT_TARGET __m256i Load(const void* bytes) { return _mm256_loadu_si256(static_cast<const __m256i*>(bytes)); }
PLAIT_TARGET void Store(void* bytes, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(bytes), value); }

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

// What 32 symbols become: their digits as they stand in the stream, and one bit for each that escaped.
struct CodedStep {
  uint64_t digits;
  uint32_t escaped;
};

// The lowest d with symbol == table[d], else the escape digit, in every byte.
PLAIT_TARGET __m256i DigitsOf(__m256i symbol, const __m256i table[3]) {
  const __m256i is0 = _mm256_cmpeq_epi8(symbol, table[0]);
  const __m256i is1 = _mm256_cmpeq_epi8(symbol, table[1]);
  const __m256i is2 = _mm256_cmpeq_epi8(symbol, table[2]);
  // A true comparison is -1: 3 + is2, then 1 where is1, then 0 where is0; the later one wins.
  const __m256i digit_2_or_3 = _mm256_add_epi8(_mm256_set1_epi8(kTierEscapeDigit), is2);
  const __m256i digit_1_to_3 = _mm256_sub_epi8(_mm256_andnot_si256(is1, digit_2_or_3), is1);
  return _mm256_andnot_si256(is0, digit_1_to_3);
}

PLAIT_TARGET CodedStep EncodeStep(__m256i symbol, const __m256i table[3]) {
  const __m256i digit = DigitsOf(symbol, table);
  const __m256i escaped = _mm256_cmpeq_epi8(digit, _mm256_set1_epi8(kTierEscapeDigit));
  // d0 + 4 d1 in 16 bits, then + 16 (d2 + 4 d3) in 32 bits, whose low byte is the packed digits.
  const __m256i pairs = _mm256_maddubs_epi16(digit, _mm256_set1_epi16(0x0401));
  const __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00100001));
  // The low bytes of the four quads of each half go where the two halves do not overlap.
  const __m256i gather = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                          -1, -1, -1, -1, 0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i halves = _mm256_shuffle_epi8(quads, gather);
  const __m128i digits = _mm_or_si128(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
  return {static_cast<uint64_t>(_mm_cvtsi128_si64(digits)), static_cast<uint32_t>(_mm256_movemask_epi8(escaped))};
}

// Appends the escaped ones of 32 symbols and returns the new end. Stores 8 bytes at each of the four ends it passes.
PLAIT_TARGET uint8_t* AppendEscapes(const uint8_t* symbols, uint32_t escaped, uint8_t* escapes) {
  for (size_t i = 0; i < kStep; i += 8) {
    const uint32_t mask = escaped >> i & 0xff;
    const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(symbols + i));
    const __m128i shuffle = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(&kPackShuffles[mask]));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(escapes), _mm_shuffle_epi8(eight, shuffle));
    escapes += _mm_popcnt_u32(mask);
  }
  return escapes;
}

PLAIT_TARGET size_t EncodeLevel(const uint8_t* symbols, size_t n, const uint8_t table[3], uint8_t* digits,
                                uint8_t* escapes) {
  const __m256i broadcast[3] = {_mm256_set1_epi8(static_cast<char>(table[0])),
                                _mm256_set1_epi8(static_cast<char>(table[1])),
                                _mm256_set1_epi8(static_cast<char>(table[2]))};
  uint8_t* escapes_end = escapes;
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    const CodedStep coded = EncodeStep(Load(symbols + i), broadcast);
    StoreLe(coded.digits, digits + i / kTierDigitsPerByte);
    escapes_end = AppendEscapes(symbols + i, coded.escaped, escapes_end);
  }
  // The same step on the last 32 symbols, of which the first are done already, or on a copy if there never were 32.
  if (const size_t count = n - i; count != 0) {
    uint8_t copy[kStep] = {};
    if (n < kStep) std::memcpy(copy + kStep - n, symbols, n);
    const uint8_t* const last = n < kStep ? copy : symbols + n - kStep;
    const size_t done = kStep - count;
    const CodedStep coded = EncodeStep(Load(last), broadcast);
    const uint64_t last_digits = coded.digits >> (2 * done);
    std::memcpy(digits + i / kTierDigitsPerByte, &last_digits, TierDigitBytes(count));
    escapes_end = AppendEscapes(last, coded.escaped >> done << done, escapes_end);
  }
  return static_cast<size_t>(escapes_end - escapes);
}

// ---- Decoding ----

// The little-endian word of 1 to 8 bytes, without touching a ninth and without the detour over a buffer, whose byte
// stores would stall the load behind them. The loads overlap where that saves a branch.
uint64_t LoadDigits(const uint8_t* digits, size_t bytes) {
  if (bytes >= sizeof(uint32_t)) {
    const size_t overlap_begin = bytes - sizeof(uint32_t);
    const uint64_t high = LoadLe<uint32_t>(digits + overlap_begin);
    return LoadLe<uint32_t>(digits) | high << (8 * overlap_begin);
  }
  const size_t middle = bytes / 2;
  const size_t last = bytes - 1;
  return digits[0] | static_cast<uint64_t>(digits[middle]) << (8 * middle) |
         static_cast<uint64_t>(digits[last]) << (8 * last);
}

// What stays the same over a level. Bytes at even places hold their digit in bits 0..1, those at odd places in bits
// 2..3: so no digit needs a shift of its own.
struct DecodeConstants {
  __m256i digit_bits;  // of a byte: 3 at even places, 12 at odd ones; an escape has them all
  __m256i symbols;     // of a digit at either kind of place; 0 for the escape
};

PLAIT_TARGET DecodeConstants MakeDecodeConstants(const uint8_t table[3]) {
  const uint64_t t0 = table[0], t1 = table[1], t2 = table[2];
  const uint64_t at_0_to_7 = t0 | t1 << 8 | t2 << 16 | t1 << 32;  // 0, 1, 2 of even places; 0 and 1 << 2 of odd ones
  const uint64_t at_8_to_15 = t2;                                 // 2 << 2
  const __m128i half = _mm_set_epi64x(static_cast<int64_t>(at_8_to_15), static_cast<int64_t>(at_0_to_7));
  return {_mm256_set1_epi16(0x0c03), _mm256_broadcastsi128_si256(half)};
}

// Byte j of the result holds digit j in the place that DecodeConstants says, all other bits zero.
PLAIT_TARGET __m256i SpreadDigits(uint64_t digits, __m256i digit_bits) {
  // Low words: the digit bytes. High words: shifted, so that the low nibble of byte i is the high one of digit byte i.
  const __m256i word = _mm256_set1_epi64x(static_cast<int64_t>(digits));
  const __m256i nibbles = _mm256_srlv_epi64(word, _mm256_setr_epi64x(0, 4, 0, 4));
  const __m256i twice = _mm256_setr_epi8(0, 0, 8, 8, 1, 1, 9, 9, 2, 2, 10, 10, 3, 3, 11, 11,  //
                                         4, 4, 12, 12, 5, 5, 13, 13, 6, 6, 14, 14, 7, 7, 15, 15);
  return _mm256_and_si256(_mm256_shuffle_epi8(nibbles, twice), digit_bits);
}

// The shuffle that spreads the escapes of each half of 16: byte j is the number of escapes before it in its half.
// `known` is -1 where there is no escape, and so is the result, which a shuffle turns into 0.
PLAIT_TARGET __m256i SpreadShuffle(__m256i known) {
  // 1 for an escape, 0 otherwise, and one less at the first place: the sum up to and with j is then what is wanted.
  const __m256i less_at_first = _mm256_setr_epi8(0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,  //
                                                 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
  __m256i sums = _mm256_add_epi8(known, less_at_first);
  // Sums of the last 2, 4, 8 bytes of a quadword, then the total of a half's lower quadword to all of its upper one.
  sums = _mm256_add_epi8(sums, _mm256_slli_epi64(sums, 8));
  sums = _mm256_add_epi8(sums, _mm256_slli_epi64(sums, 16));
  sums = _mm256_add_epi8(sums, _mm256_slli_epi64(sums, 32));
  const __m256i lower_total = _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, 7, 7, 7, 7, 7, 7, 7, 7,  //
                                               -1, -1, -1, -1, -1, -1, -1, -1, 7, 7, 7, 7, 7, 7, 7, 7);
  sums = _mm256_add_epi8(sums, _mm256_shuffle_epi8(sums, lower_total));
  return _mm256_or_si256(sums, known);
}

struct DecodedStep {
  __m256i symbols;
  size_t num_escapes;
};

// Reads 16 escapes for each half, from where its own begin.
PLAIT_TARGET DecodedStep DecodeStep(uint64_t digits, const DecodeConstants& constants, const uint8_t* escapes) {
  const __m256i digit = SpreadDigits(digits, constants.digit_bits);
  const __m256i known = _mm256_cmpgt_epi8(constants.digit_bits, digit);
  const uint32_t known_mask = static_cast<uint32_t>(_mm256_movemask_epi8(known));
  const size_t lower_escapes = 16 - static_cast<size_t>(_mm_popcnt_u32(known_mask & 0xffff));
  const __m256i next = _mm256_loadu2_m128i(reinterpret_cast<const __m128i*>(escapes + lower_escapes),
                                           reinterpret_cast<const __m128i*>(escapes));
  const __m256i spread = _mm256_shuffle_epi8(next, SpreadShuffle(known));
  const __m256i symbols = _mm256_or_si256(_mm256_shuffle_epi8(constants.symbols, digit), spread);
  return {symbols, kStep - static_cast<size_t>(_mm_popcnt_u32(known_mask))};
}

PLAIT_TARGET void DecodeLevel(const uint8_t* digits, size_t n, const uint8_t table[3], const uint8_t* escapes,
                              uint8_t* symbols) {
  const DecodeConstants constants = MakeDecodeConstants(table);
  size_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    const DecodedStep decoded = DecodeStep(LoadLe<uint64_t>(digits + i / kTierDigitsPerByte), constants, escapes);
    Store(symbols + i, decoded.symbols);
    escapes += decoded.num_escapes;
  }
  // The same step with zeros for the digits that are not there.
  if (const size_t count = n - i; count != 0) {
    const uint64_t last_digits = LoadDigits(digits + i / kTierDigitsPerByte, TierDigitBytes(count));
    alignas(kStep) uint8_t last[kStep];
    Store(last, DecodeStep(last_digits, constants, escapes).symbols);
    std::memcpy(symbols + i, last, count);
  }
}

// Escapes among 128 digits, as sums in the four quadwords. An escape is a pair of ones, so it survives x & x >> 1 in
// the even bit; the even bits of a byte's high nibble then move into the gaps of its low one, whose ones a shuffle
// counts.
PLAIT_TARGET __m256i CountStep(__m256i packed) {
  const __m256i pairs = _mm256_and_si256(_mm256_srli_epi64(packed, 1), packed);
  const __m256i even = _mm256_and_si256(pairs, _mm256_set1_epi8(0x55));
  const __m256i folded = _mm256_or_si256(even, _mm256_srli_epi64(even, 3));
  const __m256i nibble = _mm256_and_si256(folded, _mm256_set1_epi8(0x0f));
  const __m256i ones = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  return _mm256_sad_epu8(_mm256_shuffle_epi8(ones, nibble), _mm256_setzero_si256());
}

PLAIT_TARGET size_t CountEscapes(const uint8_t* digits, size_t n) {
  const size_t bytes = TierDigitBytes(n);
  __m256i sums = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + sizeof(sums) <= bytes; i += sizeof(sums)) sums = _mm256_add_epi64(sums, CountStep(Load(digits + i)));
  const __m128i halves = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  size_t count = static_cast<size_t>(_mm_cvtsi128_si64(halves) + _mm_extract_epi64(halves, 1));
  for (; i < bytes; i += sizeof(uint64_t)) {
    const uint64_t word = LoadDigits(digits + i, std::min(bytes - i, sizeof(uint64_t)));
    count += static_cast<size_t>(_mm_popcnt_u64(word & word >> 1 & 0x5555555555555555));
  }
  return count;
}

}  // namespace

const TierKernels kTierAvx2 = {EncodeLevel, DecodeLevel, CountEscapes};

}  // namespace plait

#endif  // defined(__x86_64__)
