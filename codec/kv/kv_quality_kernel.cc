// The scalar loops: one instance per element type.
#include "codec/kv/kv_quality_kernel.h"

#include <algorithm>
#include <array>

#include "codec/kv/kv_quality_element.h"
#include "codec/kv/kv_rans.h"
#include "codec/kv/kv_values.h"

namespace plait {
namespace {

template <class Term>
double SumOf(size_t n, const Term& term) {
  std::array<double, kKvSums> sums{};
  for (size_t i = 0; i < n; ++i) sums[i % kKvSums] += term(i);
  double sum = 0;
  for (const double one : sums) sum += one;
  return sum;
}

template <KvElement kElement>
struct Loops {
  static constexpr KvElementInfo kInfo = GetKvElementInfo(kElement);
  static constexpr unsigned kMantissaBits = kInfo.mantissa_bits;

  static void StepExponents(const int16_t* channel, int token, unsigned refinements, size_t n, int16_t* steps) {
    for (size_t i = 0; i < n; ++i) {
      steps[i] = static_cast<int16_t>(KvStepExponent(kInfo, refinements, channel[i], token));
    }
  }

  static void BaseIndices(const int16_t* steps, const uint16_t* x, size_t n, int16_t* indices) {
    for (size_t i = 0; i < n; ++i) indices[i] = KvBaseIndexOf(kInfo, steps[i], x[i]);
  }

  static uint8_t StateOf(int16_t index) {
    const unsigned magnitude = KvIndexMagnitude(index);
    if (magnitude == 0) return kKvBitZero;
    const unsigned state =
        KvIsOpen(kInfo, magnitude) ? std::min<unsigned>(magnitude, kKvBitMore) : unsigned{kKvBitNone};
    return static_cast<uint8_t>(state | (index < 0 ? kKvBitNegative : 0));
  }
  static void BitStates(const int16_t* indices, size_t n, uint8_t* states) {
    for (size_t i = 0; i < n; ++i) states[i] = StateOf(indices[i]);
  }

  static bool Decision(int step, uint16_t x, int16_t index) {
    if (index == 0) return (x & kInfo.sign_bit()) != 0;
    if (!KvIsOpen(kInfo, KvIndexMagnitude(index))) return false;
    return KvHalfSteps(kInfo, step, KvMagnitude(kInfo, x)) % 2 == 0;  // 2 |i|, not 2 |i| - 1
  }
  static void FirstDecisions(const int16_t* steps, const uint16_t* x, const int16_t* indices, size_t n, uint8_t* bits) {
    for (size_t i = 0; i < n; ++i) bits[i] = Decision(steps[i], x[i], indices[i]);
  }

  static void Prefixes(const int16_t* steps, const int16_t* indices, const uint8_t* bits, size_t n,
                       uint16_t* prefixes) {
    for (size_t i = 0; i < n; ++i) prefixes[i] = KvFirstPrefix(kInfo, steps[i], indices[i], bits[i] != 0);
  }

  static void RefinementEncode(const int16_t* steps, unsigned p, const uint16_t* x, size_t n, KvBitSink& sink) {
    for (size_t i = 0; i < n; ++i) {
      const int t = steps[i] - static_cast<int>(p);
      const unsigned magnitude = KvMagnitude(kInfo, x[i]);
      if (KvTakesPart(kInfo, t, magnitude)) sink.Put(KvBitOf(kInfo, t, magnitude), 1);
    }
  }
  static void RefinementDecode(const int16_t* steps, unsigned p, size_t n, KvBitSource& source, uint16_t* prefixes) {
    for (size_t i = 0; i < n; ++i) {
      const int t = steps[i] - static_cast<int>(p);
      if (!KvTakesPart(kInfo, t, KvMagnitude(kInfo, prefixes[i])) || source.Take(1) == 0) continue;
      prefixes[i] = KvWithBit(kInfo, t, prefixes[i]);
    }
  }

  // What the decoder has of x when the halvings begin.
  static unsigned Known(int step, int t, unsigned magnitude) {
    if (KvIsSaturated(kInfo, step, magnitude)) return KvSaturatedPrefix(kInfo);
    return KvExponent(kInfo, magnitude) < t ? 0 : magnitude;
  }

  static void EncodeGroup(const int16_t* steps, unsigned refinements, const uint16_t* x, size_t n, KvBitSink& sink) {
    int last[kKvGroup];
    unsigned magnitude[kKvGroup];
    unsigned known[kKvGroup];
    for (size_t i = 0; i < n; ++i) {
      last[i] = steps[i] - static_cast<int>(refinements);
      magnitude[i] = KvMagnitude(kInfo, x[i]);
      known[i] = Known(steps[i], last[i], magnitude[i]);
    }
    for (unsigned k = 0; k < kKvZeroBits; ++k) {
      for (size_t i = 0; i < n; ++i) {
        if (!KvIsHalved(last[i], k, known[i])) continue;
        const bool found = KvExponent(kInfo, magnitude[i]) == last[i] - 1 - static_cast<int>(k);
        sink.Put(found, 1);
        if (found) known[i] = magnitude[i];
      }
    }
    for (unsigned q = kMantissaBits; q-- > 0;) {
      for (size_t i = 0; i < n; ++i) {
        if (!KvIsRaw(kInfo, last[i], known[i]) && KvHasPlace(kInfo, last[i], q, magnitude[i]))
          sink.Put(magnitude[i] >> q & 1, 1);
      }
    }
    for (size_t i = 0; i < n; ++i) {
      if (KvIsRaw(kInfo, last[i], known[i])) sink.Put(magnitude[i], kInfo.exponent_bits + kMantissaBits);
    }
  }

  static void DecodeGroup(const int16_t* steps, unsigned refinements, size_t n, KvBitSource& source,
                          uint16_t* prefixes) {
    const auto magnitude = [&](size_t i) { return KvMagnitude(kInfo, prefixes[i]); };
    const auto last = [&](size_t i) { return steps[i] - static_cast<int>(refinements); };
    for (unsigned k = 0; k < kKvZeroBits; ++k) {
      for (size_t i = 0; i < n; ++i) {
        if (!KvIsHalved(last(i), k, magnitude(i)) || source.Take(1) == 0) continue;
        prefixes[i] |= static_cast<uint16_t>((last(i) - 1 - static_cast<int>(k)) << kMantissaBits);
      }
    }
    bool raw[kKvGroup];
    for (size_t i = 0; i < n; ++i) raw[i] = KvIsRaw(kInfo, last(i), magnitude(i));
    for (unsigned q = kMantissaBits; q-- > 0;) {
      for (size_t i = 0; i < n; ++i) {
        if (raw[i] || !KvHasPlace(kInfo, last(i), q, magnitude(i))) continue;
        prefixes[i] |= static_cast<uint16_t>(source.Take(1) << q);
      }
    }
    for (size_t i = 0; i < n; ++i) {
      if (!raw[i]) continue;
      const unsigned sign = prefixes[i] & kInfo.sign_bit();
      prefixes[i] = static_cast<uint16_t>(sign | source.Take(kInfo.exponent_bits + kMantissaBits));
    }
  }

  static void ExactEncode(const int16_t* steps, unsigned refinements, const uint16_t* x, size_t n, KvBitSink& sink) {
    for (size_t i = 0; i < n; i += kKvGroup) {
      EncodeGroup(steps + i, refinements, x + i, std::min(kKvGroup, n - i), sink);
    }
  }
  static void ExactDecode(const int16_t* steps, unsigned refinements, size_t n, KvBitSource& source,
                          uint16_t* prefixes) {
    for (size_t i = 0; i < n; i += kKvGroup) {
      DecodeGroup(steps + i, refinements, std::min(kKvGroup, n - i), source, prefixes + i);
    }
  }

  static void ValuesOfIndices(const int16_t* steps, const int16_t* indices, size_t n, uint16_t* values) {
    for (size_t i = 0; i < n; ++i) values[i] = KvValueOfIndex(kInfo, steps[i], indices[i]);
  }
  static void ValuesOfPrefixes(const int16_t* steps, unsigned p, const uint16_t* prefixes, size_t n, uint16_t* values) {
    for (size_t i = 0; i < n; ++i) {
      values[i] = KvValueOfPrefix(kInfo, steps[i], steps[i] - static_cast<int>(p), prefixes[i]);
    }
  }

  static void PrefixesOf(const int16_t* steps, unsigned p, const uint16_t* x, size_t n, uint16_t* prefixes) {
    for (size_t i = 0; i < n; ++i) prefixes[i] = KvPrefixOf(kInfo, steps[i], steps[i] - static_cast<int>(p), x[i]);
  }

  static double SumOfSquares(const uint16_t* x, size_t n) {
    return SumOf(n, [&](size_t i) {
      const double value = IsKvFinite(kInfo, x[i]) ? KvValue(kInfo, x[i]) : 0.0;
      return value * value;
    });
  }
  static double SquaredError(const uint16_t* x, const uint16_t* values, size_t n) {
    return SumOf(n, [&](size_t i) {
      const bool finite = IsKvFinite(kInfo, x[i]) && IsKvFinite(kInfo, values[i]);
      const double error = finite ? double{KvValue(kInfo, values[i])} - double{KvValue(kInfo, x[i])} : 0.0;
      return error * error;
    });
  }

  static constexpr KvQualityKernels kKernels = {
      StepExponents, BaseIndices, FirstDecisions,  BitStates,        Prefixes,   RefinementEncode, RefinementDecode,
      ExactEncode,   ExactDecode, ValuesOfIndices, ValuesOfPrefixes, PrefixesOf, SumOfSquares,     SquaredError};
};

}  // namespace

constinit const KvQualityKernels kKvQualityScalar[kNumKvElements] = {
    Loops<KvElement::kBf16>::kKernels, Loops<KvElement::kF16>::kKernels, Loops<KvElement::kE4m3>::kKernels,
    Loops<KvElement::kE5m2>::kKernels};

}  // namespace plait
