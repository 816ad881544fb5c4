// AVX-512 forms of the quality layers. What one element does becomes lane arithmetic on 32 of them; the bits of a group
// of 64 elements go through masks: compares say who takes part, pext and pdep pack and spread. Only the place in the
// stream, which moves by population counts, is carried from mask to mask.
#if defined(__x86_64__)

#include <bit>

#include "codec/kv/kv_avx512.h"
#include "codec/kv/kv_quality_element.h"
#include "codec/kv/kv_quality_kernel.h"
#include "codec/kv/kv_rans.h"

namespace plait {
namespace avx512 {
namespace {

// Of two vectors of 32-bit lanes the low halves.
struct Words32 {
  alignas(64) uint16_t words[kWords];
};
constexpr Words32 MakeEvenWords() {
  Words32 result{};
  for (size_t i = 0; i < kWords; ++i) result.words[i] = static_cast<uint16_t>(2 * i);
  return result;
}
constexpr Words32 kEvenWords = MakeEvenWords();

template <KvElement kElement>
struct Loops {
  static constexpr KvElementInfo kInfo = GetKvElementInfo(kElement);
  static constexpr unsigned kMantissaBits = kInfo.mantissa_bits;
  static constexpr unsigned kMagnitudeBits = kInfo.exponent_bits + kMantissaBits;
  static constexpr int kLeadingBit = 1 << kMantissaBits;
  static constexpr int kSaturated = KvSaturatedPrefix(kInfo);

  // ---- kv_quality_element.h in lanes ----

  PLAIT_AVX512 static __m512i Magnitude(__m512i x) { return _mm512_and_si512(x, Words(kInfo.magnitude_mask())); }
  PLAIT_AVX512 static __m512i Exponent(__m512i magnitude) { return _mm512_srli_epi16(magnitude, kMantissaBits); }
  PLAIT_AVX512 static __m512i WithExponent(__m512i exponent) { return _mm512_slli_epi16(exponent, kMantissaBits); }
  PLAIT_AVX512 static __m512i Place(__m512i t, __m512i magnitude) {
    return _mm512_add_epi16(_mm512_sub_epi16(t, Exponent(magnitude)), Words(kMantissaBits));
  }
  PLAIT_AVX512 static __m512i Significand(__m512i magnitude) {
    return _mm512_or_si512(_mm512_and_si512(magnitude, Words(kInfo.mantissa_mask())), Words(kLeadingBit));
  }
  PLAIT_AVX512 static __m512i SaturatedFrom(__m512i step) {
    return WithExponent(_mm512_add_epi16(step, Words(kKvIndexBits)));
  }
  PLAIT_AVX512 static __mmask32 IsSaturated(__m512i step, __m512i magnitude) {
    return _mm512_cmpge_epu16_mask(magnitude, _mm512_min_epu16(SaturatedFrom(step), Words(kSaturated)));
  }
  // Shifts by counts that are not below 16, negative ones among them, give zero.
  PLAIT_AVX512 static __m512i HalfSteps(__m512i step, __m512i magnitude) {
    const __m512i place = Place(_mm512_sub_epi16(step, Words(1)), magnitude);
    const __m512i significand = Significand(magnitude);
    return _mm512_or_si512(_mm512_srlv_epi16(significand, place),
                           _mm512_sllv_epi16(significand, _mm512_sub_epi16(_mm512_setzero_si512(), place)));
  }
  PLAIT_AVX512 static __mmask32 IsOpen(__m512i index_magnitude) {
    return _mm512_cmple_epu16_mask(index_magnitude, Words(kLeadingBit));
  }
  // Floats have the mantissa in place: cut off, with their exponent moved.
  PLAIT_AVX512 static __m512i Scaled(__m512i t, __m512i n) {
    constexpr unsigned kFloatMantissaBits = 23;
    constexpr int kFloatBias = 127;
    const __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(n));
    const __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(n, 1));
    constexpr unsigned kCut = kFloatMantissaBits - kMantissaBits;
    const __m512i words = _mm512_permutex2var_epi16(
        _mm512_srli_epi32(_mm512_castps_si512(_mm512_cvtepi32_ps(low)), kCut), _mm512_load_si512(kEvenWords.words),
        _mm512_srli_epi32(_mm512_castps_si512(_mm512_cvtepi32_ps(high)), kCut));
    return _mm512_add_epi16(words, WithExponent(_mm512_sub_epi16(t, Words(kFloatBias))));
  }
  PLAIT_AVX512 static __m512i WithSign(__m512i magnitude, __mmask32 negative) {
    return _mm512_or_si512(magnitude, _mm512_maskz_mov_epi16(negative, Words(kInfo.sign_bit())));
  }
  PLAIT_AVX512 static __mmask32 TakesPart(__m512i t, __m512i magnitude) {
    return _mm512_mask_cmplt_epu16_mask(_mm512_cmpge_epi16_mask(Place(t, magnitude), _mm512_setzero_si512()), magnitude,
                                        Words(kSaturated));
  }
  PLAIT_AVX512 static __mmask32 BitOf(__m512i t, __m512i magnitude) {
    return _mm512_test_epi16_mask(_mm512_srlv_epi16(Significand(magnitude), Place(t, magnitude)), Words(1));
  }
  PLAIT_AVX512 static __m512i WithBit(__m512i t, __m512i prefix, __mmask32 bit) {
    const __m512i magnitude = Magnitude(prefix);
    const __m512i one = _mm512_mask_mov_epi16(_mm512_sllv_epi16(Words(1), Place(t, magnitude)),
                                              _mm512_testn_epi16_mask(magnitude, magnitude), WithExponent(t));
    return _mm512_or_si512(prefix, _mm512_maskz_mov_epi16(bit, one));
  }

  // ---- Loops without bits ----

  PLAIT_AVX512 static void StepExponents(const int16_t* channel, int token, unsigned refinements, size_t n,
                                         int16_t* steps) {
    const __m512i lowest = Words(static_cast<int>(refinements) + 1);
    const __m512i highest = Words(static_cast<int>(kInfo.max_exponent()));
    for (size_t i = 0; i < n; i += kWords) {
      // What saturates is clamped anyway.
      const __m512i sum = _mm512_adds_epi16(LoadElements(channel + i, n - i), Words(token));
      StoreElements(steps + i, n - i, _mm512_min_epi16(_mm512_max_epi16(sum, lowest), highest));
    }
  }

  PLAIT_AVX512 static void BaseIndices(const int16_t* steps, const uint16_t* x, size_t n, int16_t* indices) {
    for (size_t i = 0; i < n; i += kWords) {
      const __m512i step = LoadElements(steps + i, n - i);
      const __m512i element = LoadElements(x + i, n - i);
      const __m512i magnitude = Magnitude(element);
      const __m512i rounded = _mm512_srli_epi16(_mm512_add_epi16(HalfSteps(step, magnitude), Words(1)), 1);
      const __m512i index = _mm512_mask_mov_epi16(rounded, IsSaturated(step, magnitude), Words(kKvSaturated));
      const __mmask32 negative = _mm512_test_epi16_mask(element, Words(kInfo.sign_bit()));
      StoreElements(indices + i, n - i, _mm512_mask_sub_epi16(index, negative, _mm512_setzero_si512(), index));
    }
  }

  PLAIT_AVX512 static void BitStates(const int16_t* indices, size_t n, uint8_t* states) {
    for (size_t i = 0; i < n; i += kWords) {
      const __m512i index = LoadElements(indices + i, n - i);
      const __m512i magnitude = _mm512_abs_epi16(index);
      const __m512i state = _mm512_mask_min_epu16(Words(kKvBitNone), IsOpen(magnitude), magnitude, Words(kKvBitMore));
      const __mmask32 negative = _mm512_movepi16_mask(index);
      StoreBytes(states + i, n - i, _mm512_or_si512(state, _mm512_maskz_mov_epi16(negative, Words(kKvBitNegative))));
    }
  }

  PLAIT_AVX512 static void FirstDecisions(const int16_t* steps, const uint16_t* x, const int16_t* indices, size_t n,
                                          uint8_t* bits) {
    for (size_t i = 0; i < n; i += kWords) {
      const __m512i element = LoadElements(x + i, n - i);
      const __m512i index = LoadElements(indices + i, n - i);
      const __m512i half_steps = HalfSteps(LoadElements(steps + i, n - i), Magnitude(element));
      const __mmask32 even = _mm512_mask_testn_epi16_mask(IsOpen(_mm512_abs_epi16(index)), half_steps, Words(1));
      const __m512i sign = _mm512_srli_epi16(element, kMagnitudeBits);
      const __mmask32 zero = _mm512_testn_epi16_mask(index, index);
      const __m512i bit = _mm512_mask_mov_epi16(_mm512_maskz_mov_epi16(even, Words(1)), zero, sign);
      StoreBytes(bits + i, n - i, _mm512_and_si512(bit, Words(1)));
    }
  }

  PLAIT_AVX512 static void Prefixes(const int16_t* steps, const int16_t* indices, const uint8_t* bits, size_t n,
                                    uint16_t* prefixes) {
    for (size_t i = 0; i < n; i += kWords) {
      const __m512i step = LoadElements(steps + i, n - i);
      const __m512i index = LoadElements(indices + i, n - i);
      const __m512i bit = LoadBytes(bits + i, n - i);
      const __mmask32 one = _mm512_test_epi16_mask(bit, bit);
      const __m512i magnitude = _mm512_abs_epi16(index);
      const __mmask32 zero = _mm512_testn_epi16_mask(index, index);
      const __m512i twice = _mm512_add_epi16(magnitude, magnitude);
      const __mmask32 below = IsOpen(magnitude) & ~one;
      const __m512i half_steps = _mm512_mask_sub_epi16(twice, below, twice, Words(1));
      const __m512i scaled = Scaled(_mm512_sub_epi16(step, Words(1)), half_steps);
      const __mmask32 finite = _mm512_cmplt_epu16_mask(magnitude, Words(kKvSaturated));
      const __m512i prefix = _mm512_mask_min_epu16(Words(kSaturated), finite, scaled, Words(kSaturated));
      const __mmask32 negative = (zero & one) | _mm512_movepi16_mask(index);
      StoreElements(prefixes + i, n - i, WithSign(_mm512_maskz_mov_epi16(~zero, prefix), negative));
    }
  }

  PLAIT_AVX512 static void ValuesOfIndices(const int16_t* steps, const int16_t* indices, size_t n, uint16_t* values) {
    for (size_t i = 0; i < n; i += kWords) {
      const __m512i step = LoadElements(steps + i, n - i);
      const __m512i index = LoadElements(indices + i, n - i);
      const __m512i magnitude = _mm512_abs_epi16(index);
      const __mmask32 saturated = _mm512_cmpge_epu16_mask(magnitude, Words(kKvSaturated));
      const __m512i scaled = Scaled(step, _mm512_mask_mov_epi16(magnitude, saturated, Words(1 << kKvIndexBits)));
      const __m512i value = WithSign(_mm512_min_epu16(scaled, Words(kInfo.max_finite)), _mm512_movepi16_mask(index));
      StoreElements(values + i, n - i, _mm512_maskz_mov_epi16(_mm512_test_epi16_mask(index, index), value));
    }
  }

  PLAIT_AVX512 static void ValuesOfPrefixes(const int16_t* steps, unsigned p, const uint16_t* prefixes, size_t n,
                                            uint16_t* values) {
    for (size_t i = 0; i < n; i += kWords) {
      const __m512i step = LoadElements(steps + i, n - i);
      const __m512i t = _mm512_sub_epi16(step, Words(static_cast<int>(p)));
      const __m512i prefix = LoadElements(prefixes + i, n - i);
      const __m512i stored = Magnitude(prefix);
      const __mmask32 saturated = _mm512_cmpge_epu16_mask(stored, Words(kSaturated));
      const __m512i known = _mm512_mask_min_epu16(stored, saturated, SaturatedFrom(step), Words(kInfo.max_finite));
      const __m512i place = Place(t, known);
      const __m512i half = _mm512_sllv_epi16(Words(1), _mm512_sub_epi16(place, Words(1)));
      const __m512i cut = _mm512_and_si512(known, _mm512_sllv_epi16(Words(-1), place));
      const __mmask32 inexact = _mm512_cmpgt_epi16_mask(place, _mm512_setzero_si512());
      const __m512i middle = _mm512_mask_mov_epi16(known, inexact, _mm512_or_si512(cut, half));
      const __m512i of_zero =
          _mm512_max_epu16(WithExponent(_mm512_sub_epi16(t, Words(1))), Words(1 << (kMantissaBits - 1)));
      const __mmask32 zero = _mm512_testn_epi16_mask(stored, stored);
      const __m512i magnitude = _mm512_min_epu16(_mm512_mask_mov_epi16(middle, zero, of_zero), Words(kInfo.max_finite));
      const __m512i sign = _mm512_and_si512(prefix, Words(kInfo.sign_bit()));
      StoreElements(values + i, n - i, _mm512_or_si512(magnitude, sign));
    }
  }

  // ---- Refinements ----

  PLAIT_AVX512 static void RefinementEncode(const int16_t* steps, unsigned p, const uint16_t* x, size_t n,
                                            KvBitSink& sink) {
    KvBitSink to = sink;  // its stores cannot change the members of a copy
    for (size_t i = 0; i < n; i += kKvGroup) {
      const Group step = LoadGroup(steps + i, n - i);
      const Group element = LoadGroup(x + i, n - i);
      const __m512i t_low = _mm512_sub_epi16(step.low, Words(static_cast<int>(p)));
      const __m512i t_high = _mm512_sub_epi16(step.high, Words(static_cast<int>(p)));
      const __m512i low = Magnitude(element.low);
      const __m512i high = Magnitude(element.high);
      const uint64_t part = Joined(TakesPart(t_low, low), TakesPart(t_high, high)) & FirstOfGroup(n - i);
      const uint64_t bits = Joined(BitOf(t_low, low), BitOf(t_high, high));
      to.Put(_pext_u64(bits, part), static_cast<unsigned>(std::popcount(part)));
    }
    sink = to;
  }

  PLAIT_AVX512 static void RefinementDecode(const int16_t* steps, unsigned p, size_t n, KvBitSource& source,
                                            uint16_t* prefixes) {
    for (size_t i = 0; i < n; i += kKvGroup) {
      const Group step = LoadGroup(steps + i, n - i);
      const Group prefix = LoadGroup(prefixes + i, n - i);
      const __m512i t_low = _mm512_sub_epi16(step.low, Words(static_cast<int>(p)));
      const __m512i t_high = _mm512_sub_epi16(step.high, Words(static_cast<int>(p)));
      const uint64_t part = Joined(TakesPart(t_low, Magnitude(prefix.low)), TakesPart(t_high, Magnitude(prefix.high))) &
                            FirstOfGroup(n - i);
      const KvBitWindow<kKvGroup> window(source);
      const uint64_t bits = _pdep_u64(window.Load(0), part);
      source.position += static_cast<unsigned>(std::popcount(part));
      StoreGroup(prefixes + i, n - i,
                 {WithBit(t_low, prefix.low, LowHalf(bits)), WithBit(t_high, prefix.high, HighHalf(bits))});
    }
  }

  // ---- The exact layer ----

  // What both directions know of a group. `live` are elements whose magnitude is still zero.
  struct Exact {
    Group t;        // the exponents of the last refinement's weight
    uint64_t deep;  // lanes that have more halvings than kKvZeroBits
    uint64_t live = 0;

    PLAIT_AVX512 Exact(const int16_t* steps, unsigned refinements, size_t n) : t(LoadGroup(steps, n)) {
      t.low = _mm512_sub_epi16(t.low, Words(static_cast<int>(refinements)));
      t.high = _mm512_sub_epi16(t.high, Words(static_cast<int>(refinements)));
      deep = Above(kKvZeroBits + 1) & FirstOfGroup(n);
    }
    PLAIT_AVX512 uint64_t Above(unsigned bound) const {
      const __m512i words = Words(static_cast<int>(bound));
      return Joined(_mm512_cmpgt_epi16_mask(t.low, words), _mm512_cmpgt_epi16_mask(t.high, words));
    }
    // Who takes part in halving k.
    PLAIT_AVX512 uint64_t Halved(unsigned k) const {
      // Mostly all lanes are deep.
      return (live & ~deep) == 0 ? live : live & Above(k + 1);
    }
    // The exponents that halving k is about.
    PLAIT_AVX512 Group ExponentsOf(unsigned k) const {
      const __m512i below = Words(static_cast<int>(k) + 1);
      return {_mm512_sub_epi16(t.low, below), _mm512_sub_epi16(t.high, below)};
    }
    // How many bits of each mantissa are left, as bytes; less than one for `others`.
    PLAIT_AVX512 __m512i PlacesLeft(const Group& magnitude, uint64_t others) const {
      const __m256i low = _mm512_cvtsepi16_epi8(Place(t.low, magnitude.low));
      const __m256i high = _mm512_cvtsepi16_epi8(Place(t.high, magnitude.high));
      const __m512i bytes = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
      return _mm512_maskz_mov_epi8(~others, bytes);
    }
  };

  PLAIT_AVX512 static uint64_t HasPlace(__m512i places_left, unsigned q) {
    return _mm512_cmpgt_epi8_mask(places_left, Broadcast(static_cast<uint8_t>(q)));
  }

  PLAIT_AVX512 static void EncodeGroup(const int16_t* steps, unsigned refinements, const uint16_t* x, size_t n,
                                       KvBitSink& sink) {
    Exact exact(steps, refinements, n);
    const Group step = LoadGroup(steps, n);
    const Group element = LoadGroup(x, n);
    const Group magnitude = {Magnitude(element.low), Magnitude(element.high)};
    const Group exponent = {Exponent(magnitude.low), Exponent(magnitude.high)};
    const uint64_t lanes = FirstOfGroup(n);
    const uint64_t saturated =
        Joined(IsSaturated(step.low, magnitude.low), IsSaturated(step.high, magnitude.high)) & lanes;
    exact.live = Joined(_mm512_cmplt_epi16_mask(exponent.low, exact.t.low),
                        _mm512_cmplt_epi16_mask(exponent.high, exact.t.high)) &
                 lanes & ~saturated;
    for (unsigned k = 0; k < kKvZeroBits; ++k) {
      const uint64_t halved = exact.Halved(k);
      if (halved == 0) break;
      const Group told = exact.ExponentsOf(k);
      const uint64_t bits =
          Joined(_mm512_cmpeq_epi16_mask(exponent.low, told.low), _mm512_cmpeq_epi16_mask(exponent.high, told.high));
      sink.Put(_pext_u64(bits, halved), static_cast<unsigned>(std::popcount(halved)));
      exact.live &= ~(bits & halved);
    }
    uint64_t raw = saturated | (exact.live & exact.deep);
    const __m512i places_left = exact.PlacesLeft(magnitude, raw | ~lanes);
    const __m512i low_bytes = BytesOf(element);
    const __m512i high_bytes = BytesOf({_mm512_srli_epi16(element.low, 8), _mm512_srli_epi16(element.high, 8)});
    for (unsigned q = kMantissaBits; q-- > 0;) {
      const uint64_t part = HasPlace(places_left, q);
      const uint64_t bits =
          _mm512_test_epi8_mask(q < 8 ? low_bytes : high_bytes, Broadcast(static_cast<uint8_t>(1u << q % 8)));
      sink.Put(_pext_u64(bits, part), static_cast<unsigned>(std::popcount(part)));
    }
    for (; raw != 0; raw &= raw - 1) sink.Put(KvMagnitude(kInfo, x[std::countr_zero(raw)]), kMagnitudeBits);
  }

  PLAIT_AVX512 static void ExactEncode(const int16_t* steps, unsigned refinements, const uint16_t* x, size_t n,
                                       KvBitSink& sink) {
    KvBitSink to = sink;  // its stores cannot change the members of a copy
    for (size_t i = 0; i < n; i += kKvGroup) EncodeGroup(steps + i, refinements, x + i, std::min(kKvGroup, n - i), to);
    sink = to;
  }

  PLAIT_AVX512 static void DecodeGroup(const int16_t* steps, unsigned refinements, size_t n, KvBitSource& source,
                                       uint16_t* prefixes) {
    const KvBitWindow<kKvGroup * kKvMaxExactBits> window(source);
    size_t used = 0;
    Exact exact(steps, refinements, n);
    Group element = LoadGroup(prefixes, n);
    const uint64_t lanes = FirstOfGroup(n);
    const Group magnitude = {Magnitude(element.low), Magnitude(element.high)};
    const uint64_t saturated = Joined(_mm512_cmpge_epu16_mask(magnitude.low, Words(kSaturated)),
                                      _mm512_cmpge_epu16_mask(magnitude.high, Words(kSaturated))) &
                               lanes;
    exact.live = Joined(_mm512_testn_epi16_mask(magnitude.low, magnitude.low),
                        _mm512_testn_epi16_mask(magnitude.high, magnitude.high)) &
                 lanes;
    for (unsigned k = 0; k < kKvZeroBits; ++k) {
      const uint64_t halved = exact.Halved(k);
      if (halved == 0) break;
      const uint64_t bits = _pdep_u64(window.Load(used), halved);
      used += static_cast<unsigned>(std::popcount(halved));
      const Group told = exact.ExponentsOf(k);
      element.low = _mm512_or_si512(element.low, _mm512_maskz_mov_epi16(LowHalf(bits), WithExponent(told.low)));
      element.high = _mm512_or_si512(element.high, _mm512_maskz_mov_epi16(HighHalf(bits), WithExponent(told.high)));
      exact.live &= ~bits;
    }
    uint64_t raw = saturated | (exact.live & exact.deep);
    const __m512i places_left = exact.PlacesLeft({Magnitude(element.low), Magnitude(element.high)}, raw | ~lanes);
    __m512i low_bytes = _mm512_setzero_si512();
    __m512i high_bytes = _mm512_setzero_si512();
    for (unsigned q = kMantissaBits; q-- > 0;) {
      const uint64_t part = HasPlace(places_left, q);
      const uint64_t bits = _pdep_u64(window.Load(used), part);
      used += static_cast<unsigned>(std::popcount(part));
      __m512i& bytes = q < 8 ? low_bytes : high_bytes;
      bytes = _mm512_mask_add_epi8(bytes, bits, bytes, Broadcast(static_cast<uint8_t>(1u << q % 8)));
    }
    element = WithMantissas(element, low_bytes, high_bytes);
    StoreGroup(prefixes, n, element);
    for (; raw != 0; raw &= raw - 1, used += kMagnitudeBits) {
      uint16_t& x = prefixes[std::countr_zero(raw)];
      x = static_cast<uint16_t>((x & kInfo.sign_bit()) | (window.Load(used) & kInfo.magnitude_mask()));
    }
    source.position += used;
  }

  PLAIT_AVX512 static Group WithMantissas(const Group& element, __m512i low_bytes, __m512i high_bytes) {
    Group mantissas = WordsOf(low_bytes);
    if constexpr (kMantissaBits > 8) {
      const Group high = WordsOf(high_bytes);
      mantissas.low = _mm512_or_si512(mantissas.low, _mm512_slli_epi16(high.low, 8));
      mantissas.high = _mm512_or_si512(mantissas.high, _mm512_slli_epi16(high.high, 8));
    }
    return {_mm512_or_si512(element.low, mantissas.low), _mm512_or_si512(element.high, mantissas.high)};
  }

  PLAIT_AVX512 static void ExactDecode(const int16_t* steps, unsigned refinements, size_t n, KvBitSource& source,
                                       uint16_t* prefixes) {
    for (size_t i = 0; i < n; i += kKvGroup) {
      DecodeGroup(steps + i, refinements, std::min(kKvGroup, n - i), source, prefixes + i);
    }
  }

  PLAIT_AVX512 static void PrefixesOf(const int16_t* steps, unsigned p, const uint16_t* x, size_t n,
                                      uint16_t* prefixes) {
    for (size_t i = 0; i < n; i += kWords) {
      const __m512i step = LoadElements(steps + i, n - i);
      const __m512i element = LoadElements(x + i, n - i);
      const __m512i magnitude = Magnitude(element);
      const __m512i place = Place(_mm512_sub_epi16(step, Words(static_cast<int>(p))), magnitude);
      const __mmask32 inexact = _mm512_cmpgt_epi16_mask(place, _mm512_setzero_si512());
      const __mmask32 zero = _mm512_cmpgt_epi16_mask(place, Words(kMantissaBits));
      const __m512i cut = _mm512_and_si512(magnitude, _mm512_mask_sllv_epi16(Words(-1), inexact, Words(-1), place));
      const __m512i known =
          _mm512_mask_mov_epi16(_mm512_maskz_mov_epi16(~zero, cut), IsSaturated(step, magnitude), Words(kSaturated));
      StoreElements(prefixes + i, n - i, _mm512_or_si512(known, _mm512_and_si512(element, Words(kInfo.sign_bit()))));
    }
  }

  // ---- Sums ----

  // 16 elements as numbers, zeros where they are not finite.
  struct Numbers {
    __m512d low;
    __m512d high;
    PLAIT_AVX512 explicit Numbers(__m512 numbers)
        : low(_mm512_cvtps_pd(_mm512_castps512_ps256(numbers))),
          high(_mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(numbers), 1)))) {}
  };

  PLAIT_AVX512 static __mmask16 FirstNumbers(size_t n) {
    return static_cast<__mmask16>(_bzhi_u32(0xffff, static_cast<unsigned>(std::min(n, kKvSums))));
  }
  PLAIT_AVX512 static __mmask16 IsFinite(__m256i x) {
    const __m256i magnitude = _mm256_and_si256(x, _mm256_set1_epi16(static_cast<short>(kInfo.magnitude_mask())));
    return _mm256_cmple_epu16_mask(magnitude, _mm256_set1_epi16(static_cast<short>(kInfo.max_finite)));
  }
  // As KvValue.
  PLAIT_AVX512 static __m512 ValuesOf(__mmask16 finite, __m256i x) {
    constexpr unsigned kFloatMantissaBits = 23;
    constexpr int kFloatBias = 127;
    const __m512i element = _mm512_maskz_cvtepu16_epi32(finite, x);
    const __m512i magnitude = _mm512_slli_epi32(_mm512_and_si512(element, _mm512_set1_epi32(kInfo.magnitude_mask())),
                                                kFloatMantissaBits - kMantissaBits);
    const __m512i power = _mm512_set1_epi32((2 * kFloatBias - kInfo.bias) << kFloatMantissaBits);
    const __m512 value = _mm512_mul_ps(_mm512_castsi512_ps(magnitude), _mm512_castsi512_ps(power));
    const __m512i sign = _mm512_slli_epi32(_mm512_srli_epi32(element, kMagnitudeBits), 31);
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(value), sign));
  }

  // Adds squares to kKvSums sums.
  struct Sums {
    __m512d low;
    __m512d high;

    PLAIT_AVX512 void AddSquares(__m512d low_numbers, __m512d high_numbers) {
      low = _mm512_add_pd(low, Square(low_numbers));
      high = _mm512_add_pd(high, Square(high_numbers));
    }
    // With its rounding named, so that no compiler makes it and the addition one operation, which rounds otherwise.
    PLAIT_AVX512 static __m512d Square(__m512d x) {
      return _mm512_mul_round_pd(x, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    PLAIT_AVX512 double InOrder() const {
      double sums[kKvSums];
      _mm512_storeu_pd(sums, low);
      _mm512_storeu_pd(sums + kKvSums / 2, high);
      double sum = 0;
      for (const double one : sums) sum += one;
      return sum;
    }
  };

  PLAIT_AVX512 static double SumOfSquares(const uint16_t* x, size_t n) {
    Sums sums = {_mm512_setzero_pd(), _mm512_setzero_pd()};
    for (size_t i = 0; i < n; i += kKvSums) {
      const __m256i element = _mm256_maskz_loadu_epi16(FirstNumbers(n - i), x + i);
      const Numbers numbers(ValuesOf(IsFinite(element), element));
      sums.AddSquares(numbers.low, numbers.high);
    }
    return sums.InOrder();
  }

  PLAIT_AVX512 static double SquaredError(const uint16_t* x, const uint16_t* values, size_t n) {
    Sums sums = {_mm512_setzero_pd(), _mm512_setzero_pd()};
    for (size_t i = 0; i < n; i += kKvSums) {
      const __m256i element = _mm256_maskz_loadu_epi16(FirstNumbers(n - i), x + i);
      const __m256i value = _mm256_maskz_loadu_epi16(FirstNumbers(n - i), values + i);
      const __mmask16 finite = IsFinite(element) & IsFinite(value);
      const Numbers numbers(ValuesOf(finite, element));
      const Numbers other(ValuesOf(finite, value));
      sums.AddSquares(_mm512_sub_pd(other.low, numbers.low), _mm512_sub_pd(other.high, numbers.high));
    }
    return sums.InOrder();
  }

  static constexpr KvQualityKernels kKernels = {
      StepExponents, BaseIndices, FirstDecisions,  BitStates,        Prefixes,   RefinementEncode, RefinementDecode,
      ExactEncode,   ExactDecode, ValuesOfIndices, ValuesOfPrefixes, PrefixesOf, SumOfSquares,     SquaredError};
};

}  // namespace
}  // namespace avx512

constinit const KvQualityKernels kKvQualityAvx512[kNumKvElements] = {
    avx512::Loops<KvElement::kBf16>::kKernels, avx512::Loops<KvElement::kF16>::kKernels,
    avx512::Loops<KvElement::kE4m3>::kKernels, avx512::Loops<KvElement::kE5m2>::kKernels};

}  // namespace plait

#endif  // defined(__x86_64__)
