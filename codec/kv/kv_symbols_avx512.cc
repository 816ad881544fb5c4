// AVX-512 forms of the loops between elements, base indices and symbols: lane arithmetic on 32 elements, or 64 where
// masks of a group come in. Escapes are rare: they are put one by one, and spread with an expand in its register form
// (the memory form is microcoded on Zen 4).
#if defined(__x86_64__)

#include <bit>

#include "codec/base/endian.h"
#include "codec/kv/kv_avx512.h"
#include "codec/kv/kv_symbols_kernel.h"

namespace plait {
namespace avx512 {
namespace {

PLAIT_AVX512 inline __m512i Load64(const uint8_t* symbols, size_t n) {
  return _mm512_mask_loadu_epi8(_mm512_setzero_si512(), FirstOfGroup(n), symbols);
}

// Which of the first 64 of n symbols are escapes.
PLAIT_AVX512 inline uint64_t EscapesAmong(const uint8_t* symbols, size_t n) {
  return _mm512_cmpeq_epi8_mask(Load64(symbols, n), Broadcast(kKvEscape));
}

PLAIT_AVX512 inline size_t CountEscapes(const uint8_t* symbols, size_t n) {
  size_t count = 0;
  for (size_t i = 0; i < n; i += kKvGroup) {
    count += static_cast<size_t>(std::popcount(EscapesAmong(symbols + i, n - i)));
  }
  return count;
}

// Writes `of` >> kShift beside each escape.
template <unsigned kShift, class Word>
PLAIT_AVX512 uint8_t* PutEscapes(const uint8_t* symbols, const Word* of, size_t n, uint8_t* escapes) {
  for (size_t i = 0; i < n; i += kKvGroup) {
    for (uint64_t mask = EscapesAmong(symbols + i, n - i); mask != 0; mask &= mask - 1) {
      const auto value = static_cast<uint16_t>(of[i + static_cast<size_t>(std::countr_zero(mask))]);
      StoreLe<uint16_t>(static_cast<uint16_t>(value >> kShift), escapes);
      escapes += sizeof(uint16_t);
    }
  }
  return escapes;
}

// The next escapes, in the lanes of `mask`. `escapes` is moved behind them.
PLAIT_AVX512 inline __m512i TakeEscapes(__mmask32 mask, const uint8_t** escapes) {
  const auto count = static_cast<size_t>(std::popcount(mask));
  const __m512i packed = _mm512_maskz_loadu_epi16(FirstWords(count), *escapes);
  *escapes += count * sizeof(uint16_t);
  return _mm512_maskz_expand_epi16(mask, packed);
}

// ---- Mantissas: four elements a quadword ----

// Packed fields of 32 elements: quadword q begins with bit 4 M q, which may be in the middle of a byte.
template <unsigned kBits>
struct Spread {
  Bytes64 bytes{};   // where each quadword's bytes come from
  Bytes64 shifts{};  // where each byte's bits are in its quadword

  constexpr Spread() {
    for (unsigned q = 0; q < 8; ++q) {
      const unsigned first = 4 * kBits * q;
      for (unsigned b = 0; b < 8; ++b) {
        bytes.bytes[8 * q + b] = static_cast<uint8_t>(first / 8 + b);
        shifts.bytes[8 * q + b] = static_cast<uint8_t>(first % 8 + b / 2 * kBits + b % 2 * 8);
      }
    }
  }
};
template <unsigned kBits>
constexpr Spread<kBits> kSpread;

template <unsigned kBits>
PLAIT_AVX512 __m512i LoadMantissas(const uint8_t* packed) {
  constexpr size_t kBytes = kWords * kBits / 8;
  const __m512i bytes = _mm512_maskz_loadu_epi8((uint64_t{1} << kBytes) - 1, packed);
  const __m512i spread = _mm512_permutexvar_epi8(Index(kSpread<kBits>.bytes), bytes);
  return _mm512_and_si512(_mm512_multishift_epi64_epi8(Index(kSpread<kBits>.shifts), spread), Words((1 << kBits) - 1));
}

constexpr Bytes64 MakeGather5() {
  Bytes64 result{};
  for (unsigned i = 0; i < 40; ++i) result.bytes[i] = static_cast<uint8_t>(i / 5 * 8 + i % 5);
  return result;
}
constexpr Bytes64 kGather5 = MakeGather5();

// 32 fields of 10 bits.
PLAIT_AVX512 inline void StorePacked10(__m512i fields, uint8_t* packed) {
  // f0 + 2^10 f1 in 32 bits, then the upper 20 bits of a quadword beside the lower ones.
  const __m512i pairs = _mm512_madd_epi16(fields, _mm512_set1_epi32(0x04000001));
  const __m512i fours = Select(_mm512_set1_epi64(0xfffff), pairs, _mm512_srli_epi64(pairs, 12));
  const __m512i bytes = _mm512_permutexvar_epi8(Index(kGather5), fours);
  _mm512_mask_storeu_epi8(packed, (uint64_t{1} << 40) - 1, bytes);
}

template <KvElement kElement>
struct HeadLoops {
  static constexpr KvElementInfo kInfo = GetKvElementInfo(kElement);
  static constexpr unsigned kMantissaBits = kInfo.mantissa_bits;
  static constexpr size_t kIndex = static_cast<size_t>(kElement);

  PLAIT_AVX512 static void Symbols(const int16_t* offset, const uint16_t* x, size_t n, uint8_t* symbols) {
    for (size_t i = 0; i < n; i += kWords) {
      const __m512i element = LoadElements(x + i, n - i);
      const __m512i magnitude = _mm512_and_si512(element, Words(kInfo.magnitude_mask()));
      const __m512i exponent = _mm512_srli_epi16(magnitude, kMantissaBits);
      const __m512i k = _mm512_sub_epi16(LoadElements(offset + i, n - i), exponent);
      const __mmask32 known = _mm512_cmple_epu16_mask(k, Words(kKvMaxHead));
      const __mmask32 negative = _mm512_test_epi16_mask(element, Words(kInfo.sign_bit()));
      const __m512i twice = _mm512_add_epi16(k, k);
      const __m512i symbol = _mm512_mask_add_epi16(twice, negative, twice, Words(1));
      StoreBytes(symbols + i, n - i, _mm512_mask_mov_epi16(Words(kKvEscape), known, symbol));
    }
  }

  PLAIT_AVX512 static uint8_t* Escapes(const uint8_t* symbols, const uint16_t* x, size_t n, uint8_t* escapes) {
    return PutEscapes<kMantissaBits>(symbols, x, n, escapes);
  }

  // Of 64 elements.
  PLAIT_AVX512 static void StoreMantissas(const uint16_t* x, uint8_t* packed) {
    const __m512i mask = Words(kInfo.mantissa_mask());
    const Group group = LoadGroup(x, kKvGroup);
    const Group fields = {_mm512_and_si512(group.low, mask), _mm512_and_si512(group.high, mask)};
    if constexpr (kMantissaBits == 10) {
      StorePacked10(fields.low, packed);
      StorePacked10(fields.high, packed + kWords * kMantissaBits / 8);
    } else if constexpr (kMantissaBits == 7) {
      StorePacked7(BytesOf(fields), packed);
    } else if constexpr (kMantissaBits == 3) {
      StorePacked3(BytesOf(fields), packed);
    } else {
      StorePacked2(BytesOf(fields), packed);
    }
  }

  PLAIT_AVX512 static void Mantissas(const uint16_t* x, size_t n, uint8_t* packed) {
    size_t i = 0;
    for (; i + kKvGroup <= n; i += kKvGroup) StoreMantissas(x + i, packed + i / 8 * kMantissaBits);
    kKvSymbolsScalar[kIndex].mantissas(x + i, n - i, packed + i / 8 * kMantissaBits);
  }

  // Of 32 elements. Returns: lanes that are wrong.
  PLAIT_AVX512 static __mmask32 JoinWords(const int16_t* offset, const uint8_t* symbols, const uint8_t* packed,
                                          const uint8_t** escapes, uint16_t* x) {
    const __m512i symbol = LoadBytes(symbols, kWords);
    const __m512i exponent = _mm512_sub_epi16(LoadElements(offset, kWords), _mm512_srli_epi16(symbol, 1));
    const __m512i sign =
        _mm512_and_si512(_mm512_slli_epi16(symbol, kInfo.exponent_bits), Words(1 << kInfo.exponent_bits));
    __m512i head = _mm512_or_si512(exponent, sign);
    __mmask32 wrong = _mm512_cmpgt_epu16_mask(symbol, Words(2 * kKvMaxHead + 1)) |
                      _mm512_cmpgt_epu16_mask(exponent, Words(static_cast<int>(kInfo.max_exponent())));
    const __mmask32 escaped = _mm512_cmpeq_epi16_mask(symbol, Words(kKvEscape));
    if (escaped != 0) {
      const __m512i told = TakeEscapes(escaped, escapes);
      head = _mm512_mask_mov_epi16(head, escaped, told);
      wrong = (wrong & ~escaped) | _mm512_cmpge_epu16_mask(told, Words(2 << kInfo.exponent_bits));
    }
    const __m512i mantissa = LoadMantissas<kMantissaBits>(packed);
    _mm512_storeu_si512(x, _mm512_or_si512(_mm512_slli_epi16(head, kMantissaBits), mantissa));
    return wrong;
  }

  PLAIT_AVX512 static bool Join(const int16_t* offset, const uint8_t* symbols, const uint8_t* packed, size_t n,
                                const uint8_t** escapes, uint16_t* x) {
    size_t i = 0;
    __mmask32 wrong = 0;
    for (; i + kWords <= n; i += kWords) {
      wrong |= JoinWords(offset + i, symbols + i, packed + i / 8 * kMantissaBits, escapes, x + i);
    }
    const bool rest = kKvSymbolsScalar[kIndex].join_heads(offset + i, symbols + i, packed + i / 8 * kMantissaBits,
                                                          n - i, escapes, x + i);
    return rest && wrong == 0;
  }
};

struct IndexLoops {
  PLAIT_AVX512 static void Symbols(const KvIndexColumns& columns, const int16_t* indices, size_t n, uint8_t* symbols) {
    for (size_t i = 0; i < n; i += kWords) {
      // What saturates is an escape with any shift.
      const __m512i difference =
          _mm512_subs_epi16(LoadElements(indices + i, n - i), LoadElements(columns.center + i, n - i));
      const __m512i u = _mm512_srav_epi16(difference, LoadElements(columns.shift + i, n - i));
      const __m512i symbol = _mm512_add_epi16(u, Words(kKvSymbolZero));
      StoreBytes(symbols + i, n - i, _mm512_min_epu16(symbol, Words(kKvEscape)));
    }
  }

  PLAIT_AVX512 static uint8_t* Escapes(const uint8_t* symbols, const int16_t* indices, size_t n, uint8_t* escapes) {
    return PutEscapes<0>(symbols, indices, n, escapes);
  }

  // Elements of a group that have low bit b.
  PLAIT_AVX512 static uint64_t HasLowBit(const Group& shift, unsigned b) {
    return Joined(_mm512_cmpgt_epu16_mask(shift.low, Words(static_cast<int>(b))),
                  _mm512_cmpgt_epu16_mask(shift.high, Words(static_cast<int>(b))));
  }

  PLAIT_AVX512 static void LowBits(const KvIndexColumns& columns, const uint8_t* symbols, const int16_t* indices,
                                   size_t n, KvBitSink& sink) {
    for (size_t i = 0; i < n; i += kKvGroup) {
      const Group shift = LoadGroup(columns.shift + i, n - i);
      const uint64_t known = ~EscapesAmong(symbols + i, n - i);
      if ((HasLowBit(shift, 0) & known) == 0) continue;
      const Group index = LoadGroup(indices + i, n - i);
      const Group center = LoadGroup(columns.center + i, n - i);
      const __m512i low = _mm512_sub_epi16(index.low, center.low);
      const __m512i high = _mm512_sub_epi16(index.high, center.high);
      for (unsigned b = columns.max_shift; b-- > 0;) {
        const uint64_t part = HasLowBit(shift, b) & known;
        if (part == 0) continue;
        const __m512i bit = Words(1 << b);
        const uint64_t bits = Joined(_mm512_test_epi16_mask(low, bit), _mm512_test_epi16_mask(high, bit));
        sink.Put(_pext_u64(bits, part), static_cast<unsigned>(std::popcount(part)));
      }
    }
  }

  PLAIT_AVX512 static Group TakeLowBits(const KvIndexColumns& columns, const Group& shift, uint64_t known,
                                        KvBitSource& source) {
    __m512i bytes = _mm512_setzero_si512();
    if ((HasLowBit(shift, 0) & known) == 0) return {bytes, bytes};
    const KvBitWindow<kKvGroup * kKvMaxShift> window(source);
    size_t used = 0;
    for (unsigned b = columns.max_shift; b-- > 0;) {
      const uint64_t part = HasLowBit(shift, b) & known;
      if (part == 0) continue;
      const uint64_t bits = _pdep_u64(window.Load(used), part);
      used += static_cast<unsigned>(std::popcount(part));
      bytes = _mm512_mask_add_epi8(bytes, bits, bytes, Broadcast(static_cast<uint8_t>(1u << b)));
    }
    source.position += used;
    return WordsOf(bytes);
  }

  // Of up to 32 elements. Returns: lanes that are wrong.
  PLAIT_AVX512 static __mmask32 JoinWords(__m512i center, __m512i shift, __m512i low_bits, const uint8_t* symbols,
                                          size_t n, const uint8_t** escapes, int16_t* indices) {
    const __m512i symbol = LoadBytes(symbols, n);
    const __m512i u = _mm512_sub_epi16(symbol, Words(kKvSymbolZero));
    const __m512i difference = _mm512_add_epi16(_mm512_sllv_epi16(u, shift), low_bits);
    __m512i index = _mm512_adds_epi16(center, difference);
    __mmask32 wrong = _mm512_cmpneq_epi16_mask(index, _mm512_add_epi16(center, difference)) |
                      _mm512_cmpgt_epu16_mask(symbol, Words(kKvEscape));
    const __mmask32 escaped = _mm512_cmpeq_epi16_mask(symbol, Words(kKvEscape));
    if (escaped != 0) {
      index = _mm512_mask_mov_epi16(index, escaped, TakeEscapes(escaped, escapes));
      wrong &= ~escaped;
    }
    StoreElements(indices, n, index);
    return (wrong | _mm512_cmpeq_epi16_mask(index, Words(INT16_MIN))) & FirstWords(n);
  }

  PLAIT_AVX512 static bool Join(const KvIndexColumns& columns, const uint8_t* symbols, size_t n, KvBitSource& source,
                                const uint8_t** escapes, int16_t* indices) {
    __mmask32 wrong = 0;
    for (size_t i = 0; i < n; i += kKvGroup) {
      const Group shift = LoadGroup(columns.shift + i, n - i);
      const Group center = LoadGroup(columns.center + i, n - i);
      const Group low_bits = TakeLowBits(columns, shift, ~EscapesAmong(symbols + i, n - i), source);
      wrong |= JoinWords(center.low, shift.low, low_bits.low, symbols + i, n - i, escapes, indices + i);
      if (n - i <= kWords) break;
      const size_t at = i + kWords;
      wrong |= JoinWords(center.high, shift.high, low_bits.high, symbols + at, n - at, escapes, indices + at);
    }
    return wrong == 0;
  }
};

template <KvElement kElement>
constexpr KvSymbolKernels MakeKernels() {
  using Heads = HeadLoops<kElement>;
  return {Heads::Symbols,   Heads::Mantissas, Heads::Join,         IndexLoops::Symbols, IndexLoops::LowBits,
          IndexLoops::Join, CountEscapes,     IndexLoops::Escapes, Heads::Escapes};
}

}  // namespace
}  // namespace avx512

constinit const KvSymbolKernels kKvSymbolsAvx512[kNumKvElements] = {
    avx512::MakeKernels<KvElement::kBf16>(), avx512::MakeKernels<KvElement::kF16>(),
    avx512::MakeKernels<KvElement::kE4m3>(), avx512::MakeKernels<KvElement::kE5m2>()};

}  // namespace plait

#endif  // defined(__x86_64__)
