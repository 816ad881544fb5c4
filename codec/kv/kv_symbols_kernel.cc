// The scalar loops: one instance per element type.
#include "codec/kv/kv_symbols_kernel.h"

#include <algorithm>

#include "codec/base/endian.h"

namespace plait {
namespace {

uint16_t TakeEscape(const uint8_t** escapes) {
  const auto value = LoadLe<uint16_t>(*escapes);
  *escapes += sizeof(value);
  return value;
}

// Writes value(i) for each i whose symbol is kKvEscape.
template <class Value>
uint8_t* PutEscapes(const uint8_t* symbols, size_t n, uint8_t* escapes, Value value) {
  for (size_t i = 0; i < n; ++i) {
    if (symbols[i] != kKvEscape) continue;
    StoreLe<uint16_t>(value(i), escapes);
    escapes += sizeof(uint16_t);
  }
  return escapes;
}

size_t CountEscapes(const uint8_t* symbols, size_t n) {
  return static_cast<size_t>(std::count(symbols, symbols + n, kKvEscape));
}

template <KvElement kElement>
struct HeadLoops {
  static constexpr KvElementInfo kInfo = GetKvElementInfo(kElement);
  static constexpr unsigned kMantissaBits = kInfo.mantissa_bits;

  static void Symbols(const int16_t* offset, const uint16_t* x, size_t n, uint8_t* symbols) {
    for (size_t i = 0; i < n; ++i) {
      const int k = offset[i] - static_cast<int>((x[i] & kInfo.magnitude_mask()) >> kMantissaBits);
      const bool negative = (x[i] & kInfo.sign_bit()) != 0;
      symbols[i] = k < 0 || k > static_cast<int>(kKvMaxHead) ? kKvEscape : static_cast<uint8_t>(2 * k + negative);
    }
  }

  static uint8_t* Escapes(const uint8_t* symbols, const uint16_t* x, size_t n, uint8_t* escapes) {
    return PutEscapes(symbols, n, escapes, [&](size_t i) { return static_cast<uint16_t>(x[i] >> kMantissaBits); });
  }

  static void Mantissas(const uint16_t* x, size_t n, uint8_t* packed) {
    unsigned pending = 0;
    unsigned pending_bits = 0;
    for (size_t i = 0; i < n; ++i) {
      pending |= (x[i] & kInfo.mantissa_mask()) << pending_bits;
      for (pending_bits += kMantissaBits; pending_bits >= 8; pending_bits -= 8, pending >>= 8) {
        *packed++ = static_cast<uint8_t>(pending);
      }
    }
    if (pending_bits != 0) *packed = static_cast<uint8_t>(pending);
  }

  // False if a symbol stands for no exponent, or an escape has bits that it should not have.
  static bool HeadOf(int offset, uint8_t symbol, const uint8_t** escapes, unsigned* head) {
    if (symbol == kKvEscape) {
      *head = TakeEscape(escapes);
      return *head >> (kInfo.exponent_bits + 1) == 0;
    }
    const int exponent = offset - symbol / 2;
    *head = static_cast<unsigned>(exponent) | (symbol & 1u) << kInfo.exponent_bits;
    return symbol < 2 * (kKvMaxHead + 1) && exponent >= 0 && exponent <= static_cast<int>(kInfo.max_exponent());
  }

  static bool Join(const int16_t* offset, const uint8_t* symbols, const uint8_t* packed, size_t n,
                   const uint8_t** escapes, uint16_t* x) {
    KvBitSource mantissas{{packed, KvMantissaBytes(kInfo, n)}};
    bool good = true;
    for (size_t i = 0; i < n; ++i) {
      unsigned head = 0;
      good &= HeadOf(offset[i], symbols[i], escapes, &head);
      x[i] = static_cast<uint16_t>(head << kMantissaBits | mantissas.Take(kMantissaBits));
    }
    return good && mantissas.Take(8 * mantissas.bytes.size() - mantissas.position) == 0;
  }
};

struct IndexLoops {
  static void Symbols(const KvIndexColumns& columns, const int16_t* indices, size_t n, uint8_t* symbols) {
    for (size_t i = 0; i < n; ++i) {
      const int symbol = ((indices[i] - columns.center[i]) >> columns.shift[i]) + kKvSymbolZero;
      symbols[i] = symbol < 0 || symbol >= kKvEscape ? kKvEscape : static_cast<uint8_t>(symbol);
    }
  }

  static uint8_t* Escapes(const uint8_t* symbols, const int16_t* indices, size_t n, uint8_t* escapes) {
    return PutEscapes(symbols, n, escapes, [&](size_t i) { return static_cast<uint16_t>(indices[i]); });
  }

  static bool HasLowBit(const KvIndexColumns& columns, const uint8_t* symbols, size_t i, unsigned b) {
    return columns.shift[i] > b && symbols[i] != kKvEscape;
  }

  static void LowBits(const KvIndexColumns& columns, const uint8_t* symbols, const int16_t* indices, size_t n,
                      KvBitSink& sink) {
    for (size_t begin = 0; begin < n; begin += kKvGroup) {
      const size_t end = std::min(begin + kKvGroup, n);
      for (unsigned b = columns.max_shift; b-- > 0;) {
        for (size_t i = begin; i < end; ++i) {
          if (HasLowBit(columns, symbols, i, b)) sink.Put((indices[i] - columns.center[i]) >> b & 1, 1);
        }
      }
    }
  }

  static bool IndexOf(int center, unsigned shift, uint8_t symbol, unsigned low_bits, const uint8_t** escapes,
                      int16_t* index) {
    int value = center + (symbol - kKvSymbolZero) * (1 << shift) + static_cast<int>(low_bits);
    if (symbol == kKvEscape) value = static_cast<int16_t>(TakeEscape(escapes));
    *index = static_cast<int16_t>(value);
    return symbol <= kKvEscape && value >= -kKvSaturated && value <= kKvSaturated;
  }

  static bool Join(const KvIndexColumns& columns, const uint8_t* symbols, size_t n, KvBitSource& source,
                   const uint8_t** escapes, int16_t* indices) {
    bool good = true;
    for (size_t begin = 0; begin < n; begin += kKvGroup) {
      const size_t end = std::min(begin + kKvGroup, n);
      unsigned low_bits[kKvGroup] = {};
      for (unsigned b = columns.max_shift; b-- > 0;) {
        for (size_t i = begin; i < end; ++i) {
          if (HasLowBit(columns, symbols, i, b)) low_bits[i - begin] |= source.Take(1) << b;
        }
      }
      for (size_t i = begin; i < end; ++i) {
        good &= IndexOf(columns.center[i], columns.shift[i], symbols[i], low_bits[i - begin], escapes, &indices[i]);
      }
    }
    return good;
  }
};

template <KvElement kElement>
constexpr KvSymbolKernels MakeKernels() {
  using Heads = HeadLoops<kElement>;
  return {Heads::Symbols,   Heads::Mantissas, Heads::Join,         IndexLoops::Symbols, IndexLoops::LowBits,
          IndexLoops::Join, CountEscapes,     IndexLoops::Escapes, Heads::Escapes};
}

}  // namespace

constinit const KvSymbolKernels kKvSymbolsScalar[kNumKvElements] = {
    MakeKernels<KvElement::kBf16>(), MakeKernels<KvElement::kF16>(), MakeKernels<KvElement::kE4m3>(),
    MakeKernels<KvElement::kE5m2>()};

}  // namespace plait
