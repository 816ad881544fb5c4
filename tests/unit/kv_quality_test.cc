// The quality layers of KV planes: what kv_quality.h promises, for every value of every element type and for every CPU
// variant, against arithmetic on doubles.
#include "codec/kv/kv_quality.h"

#include <bit>
#include <cmath>
#include <numeric>
#include <tuple>

#include "codec/kv/kv_rans.h"
#include "codec/kv/kv_values.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr KvElement kElements[] = {KvElement::kBf16, KvElement::kF16, KvElement::kE4m3, KvElement::kE5m2};

// Of the definition in kv_element.h.
double ValueOf(KvElementInfo info, uint16_t x) {
  const int exponent = (x & info.magnitude_mask()) >> info.mantissa_bits;
  const double mantissa = (x & info.mantissa_mask()) / static_cast<double>(1 << info.mantissa_bits);
  const double magnitude = std::ldexp((exponent > 0) + mantissa, std::max(exponent, 1) - info.bias);
  return (x & info.sign_bit()) != 0 ? -magnitude : magnitude;
}

bool IsFinite(KvElementInfo info, uint16_t x) { return (x & info.magnitude_mask()) <= info.max_finite; }

double Power(KvElementInfo info, int exponent) { return std::ldexp(1, exponent - info.bias); }

// Every value that the type has.
std::vector<uint16_t> AllValues(KvElementInfo info) {
  std::vector<uint16_t> values(size_t{2} * info.sign_bit());
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i);
  return values;
}

// A plane with everything that its object holds.
struct Layers {
  std::vector<int16_t> indices;
  std::vector<uint8_t> states;
  std::vector<uint8_t> bits;
  std::vector<std::vector<uint8_t>> refinements;  // from the second on
  std::vector<uint8_t> exact;

  bool operator==(const Layers&) const = default;
};

Layers Encode(KvElement element, const KvSteps& steps, std::span<const uint16_t> x) {
  Layers layers;
  layers.indices.resize(x.size());
  layers.states.resize(x.size());
  layers.bits.resize(x.size());
  KvBaseIndices(element, steps, x, layers.indices);
  KvFirstDecisions(element, steps, x, layers.indices, layers.states, layers.bits);
  for (unsigned p = 2; p <= steps.refinements; ++p)
    KvRefinementEncode(element, steps, p, x, &layers.refinements.emplace_back());
  KvExactEncode(element, steps, x, &layers.exact);
  return layers;
}

// With `quality` refinements, at least one.
std::vector<uint16_t> Prefixes(KvElement element, const KvSteps& steps, const Layers& layers, unsigned quality) {
  std::vector<uint16_t> prefixes(layers.indices.size());
  KvPrefixes(element, steps, layers.indices, layers.bits, prefixes);
  for (unsigned p = 2; p <= quality; ++p) {
    EXPECT_THAT(KvRefinementDecode(element, steps, p, layers.refinements[p - 2], prefixes), IsOk());
  }
  return prefixes;
}

// What quality 0 (base) to steps.refinements give.
std::vector<uint16_t> Values(KvElement element, const KvSteps& steps, const Layers& layers, unsigned quality) {
  std::vector<uint16_t> values(layers.indices.size());
  if (quality == 0) {
    KvValuesOfIndices(element, steps, layers.indices, values);
  } else {
    KvValuesOfPrefixes(element, steps, quality, Prefixes(element, steps, layers, quality), values);
  }
  return values;
}

std::vector<uint16_t> Exact(KvElement element, const KvSteps& steps, const Layers& layers) {
  std::vector<uint16_t> x = Prefixes(element, steps, layers, steps.refinements);
  EXPECT_THAT(KvExactDecode(element, steps, layers.exact, x), IsOk());
  return x;
}

// One plane with one step everywhere, and a view of it.
struct Case {
  KvElement element;
  int step;  // as it comes out of the clamp
  std::vector<int16_t> channel;
  KvSteps steps;

  Case(KvElement e, int d, unsigned refinements, size_t channels)
      : element(e), channel(channels, static_cast<int16_t>(d)) {
    steps = {.channel = channel, .token = {}, .refinements = refinements};
    step = KvStepExponent(info(), refinements, d, 0);
  }
  KvElementInfo info() const { return GetKvElementInfo(element); }
  bool IsSaturated(uint16_t x) const {
    return !IsFinite(info(), x) || std::abs(ValueOf(info(), x)) >= Power(info(), step + 15);
  }
};

// Step exponents at both ends of the range and past them, and between: all of them where the type has few values.
std::vector<int> StepExponents(KvElementInfo info, unsigned refinements) {
  const int min = static_cast<int>(refinements) + 1;
  const int max = static_cast<int>(info.max_exponent());
  if (info.bytes() == 2)
    return {min - 5, min, min + 1, info.bias - 14, info.bias - 2, info.bias, max - 16, max, max + 2};
  std::vector<int> exponents;
  for (int d = min - 1; d <= max + 1; ++d) exponents.push_back(d);
  return exponents;
}

// body(case, every value).
void ForEachCase(const std::function<void(const Case&, std::span<const uint16_t>)>& body) {
  for (KvElement element : kElements) {
    const KvElementInfo info = GetKvElementInfo(element);
    const std::vector<uint16_t> x = AllValues(info);
    for (unsigned refinements = 1; refinements <= (info.bytes() == 2 ? 5 : kKvMaxRefinements); ++refinements) {
      for (int d : StepExponents(info, refinements)) {
        SCOPED_TRACE(testing::Message() << "element " << static_cast<int>(element) << ", step exponent " << d << ", "
                                        << refinements << " refinements");
        body(Case(element, d, refinements, x.size() / 4), x);
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

TEST(KvQuality, BaseIndicesAreRoundedMagnitudes) {
  ForEachCase([](const Case& c, std::span<const uint16_t> x) {
    std::vector<int16_t> indices(x.size());
    KvBaseIndices(c.element, c.steps, x, indices);
    for (size_t i = 0; i < x.size(); ++i) {
      const double value = ValueOf(c.info(), x[i]);
      const double rounded = std::floor(std::abs(value) / Power(c.info(), c.step) + 0.5);
      const double expected = c.IsSaturated(x[i]) ? kKvSaturated : rounded;
      ASSERT_EQ(indices[i], value < 0 ? -expected : expected) << x[i];
      ASSERT_TRUE(c.IsSaturated(x[i]) || rounded < kKvSaturated) << x[i];
    }
  });
}

TEST(KvQuality, PrefixesAreWhatAWholeNumberOfIntervalsLeaves) {
  ForEachCase([](const Case& c, std::span<const uint16_t> x) {
    const Layers layers = Encode(c.element, c.steps, x);
    for (unsigned p = 1; p <= c.steps.refinements; ++p) {
      const std::vector<uint16_t> prefixes = Prefixes(c.element, c.steps, layers, p);
      ForEachCpu([&] {
        std::vector<uint16_t> told(x.size());
        KvPrefixesOf(c.element, c.steps, p, x, told);
        ASSERT_EQ(told, prefixes) << "after " << p;
      });
      const double interval = Power(c.info(), c.step - static_cast<int>(p));
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_EQ(prefixes[i] & c.info().sign_bit(), x[i] & c.info().sign_bit()) << x[i];
        const auto magnitude = static_cast<uint16_t>(prefixes[i] & c.info().magnitude_mask());
        if (c.IsSaturated(x[i])) {
          ASSERT_EQ(magnitude, KvSaturatedPrefix(c.info())) << x[i];
        } else {
          const double expected = std::floor(std::abs(ValueOf(c.info(), x[i])) / interval) * interval;
          ASSERT_EQ(ValueOf(c.info(), magnitude), expected) << x[i] << " after " << p;
        }
      }
    }
  });
}

// How far apart values are at x: weighted with it, all values together are uniformly distributed numbers.
double SpacingAt(KvElementInfo info, uint16_t x) {
  const int exponent = (x & info.magnitude_mask()) >> info.mantissa_bits;
  return Power(info, std::max(exponent, 1) - static_cast<int>(info.mantissa_bits));
}

TEST(KvQuality, ValuesAreWithinHalfAnIntervalAndTheErrorOfUniformNumbersFalls) {
  ForEachCase([](const Case& c, std::span<const uint16_t> x) {
    const Layers layers = Encode(c.element, c.steps, x);
    double last_error = INFINITY;
    for (unsigned p = 0; p <= c.steps.refinements; ++p) {
      const std::vector<uint16_t> values = Values(c.element, c.steps, layers, p);
      const double half = Power(c.info(), c.step - static_cast<int>(p)) / 2;
      double error = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_TRUE(IsFinite(c.info(), values[i])) << x[i] << " after " << p;
        if (c.IsSaturated(x[i])) continue;
        const double difference = std::abs(ValueOf(c.info(), values[i]) - ValueOf(c.info(), x[i]));
        ASSERT_LE(difference, half) << x[i] << " after " << p;
        error += difference * SpacingAt(c.info(), x[i]);
      }
      ASSERT_LT(error, last_error) << "after " << p;
      last_error = error;
    }
    ASSERT_EQ(Exact(c.element, c.steps, layers), std::vector<uint16_t>(x.begin(), x.end()));
  });
}

TEST(KvQuality, ValuesCodedAgainAreTheSameAtTheSameQuality) {
  ForEachCase([](const Case& c, std::span<const uint16_t> x) {
    const Layers layers = Encode(c.element, c.steps, x);
    for (unsigned p = 0; p <= c.steps.refinements; ++p) {
      const std::vector<uint16_t> values = Values(c.element, c.steps, layers, p);
      const Layers again = Encode(c.element, c.steps, values);
      ASSERT_EQ(Values(c.element, c.steps, again, p), values) << "after " << p;
      if (p == 0) {
        for (size_t i = 0; i < x.size(); ++i)
          ASSERT_TRUE(!IsFinite(c.info(), x[i]) || again.indices[i] == layers.indices[i]) << x[i];
        continue;
      }
      const std::vector<uint16_t> prefixes = Prefixes(c.element, c.steps, layers, p);
      const std::vector<uint16_t> prefixes_again = Prefixes(c.element, c.steps, again, p);
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_TRUE(!IsFinite(c.info(), x[i]) || prefixes_again[i] == prefixes[i]) << x[i] << " after " << p;
      }
    }
  });
}

// Everything that there is at every quality.
struct Everything {
  Layers layers;
  std::vector<std::vector<uint16_t>> qualities;  // prefixes and values of each, then the exact elements

  bool operator==(const Everything&) const = default;
};

Everything CodeAll(KvElement element, const KvSteps& steps, std::span<const uint16_t> x) {
  Everything all{Encode(element, steps, x), {}};
  for (unsigned p = 0; p <= steps.refinements; ++p) {
    if (p > 0) all.qualities.push_back(Prefixes(element, steps, all.layers, p));
    all.qualities.push_back(Values(element, steps, all.layers, p));
  }
  all.qualities.push_back(Exact(element, steps, all.layers));
  return all;
}

// Whether every CPU variant makes the same of `make` as the scalar one.
template <class Make>
void ExpectSameOnEachCpu(Make make) {
  ASSERT_THAT(ForceCpu(CpuVariant::kScalar), IsOk());
  const auto expected = make();
  ForEachCpu([&] { ASSERT_TRUE(make() == expected); });
}

TEST(KvQuality, EveryVariantCodesEveryValueAlike) {
  ForEachCase([](const Case& c, std::span<const uint16_t> x) {
    ExpectSameOnEachCpu([&] { return CodeAll(c.element, c.steps, x); });
  });
}

// A plane of numbers about as large as its steps, which differ from channel to channel and row to row, with some of
// every kind among them.
struct Plane {
  std::vector<int16_t> channel;
  std::vector<int8_t> token;
  std::vector<uint16_t> x;
  KvSteps steps;

  Plane(KvElement element, size_t rows, size_t channels, unsigned refinements, Random& random) {
    const KvElementInfo info = GetKvElementInfo(element);
    for (size_t c = 0; c < channels; ++c) channel.push_back(static_cast<int16_t>(info.bias - 4 + random() % 7));
    for (size_t r = 0; r < rows; ++r) token.push_back(static_cast<int8_t>(random() % 5 - 2));
    for (size_t i = 0; i < rows * channels; ++i) x.push_back(static_cast<uint16_t>(Element(info, random)));
    steps = {.channel = channel, .token = token, .refinements = refinements};
  }
  Plane(const Plane&) = delete;
  Plane& operator=(const Plane&) = delete;

  static unsigned Element(KvElementInfo info, Random& random) {
    const unsigned any = static_cast<unsigned>(random()) % (2u * info.sign_bit());
    if (random() % 16 == 0) return any;
    const unsigned exponent = static_cast<unsigned>(info.bias - std::countr_zero(random() | 32) + random() % 3);
    return (any & (info.sign_bit() | info.mantissa_mask())) | exponent << info.mantissa_bits;
  }
};

constexpr size_t kChannelCounts[] = {1, 7, 31, 32, 33, 63, 64, 65, 80, 96, 127, 128, 129, 192};

TEST(KvQuality, EveryVariantCodesEveryNumberOfChannelsAlike) {
  Random random(7);
  for (KvElement element : kElements) {
    for (size_t channels : kChannelCounts) {
      const Plane plane(element, 5, channels, 3, random);
      ExpectSameOnEachCpu([&] { return CodeAll(element, plane.steps, plane.x); });
      ASSERT_EQ(Exact(element, plane.steps, Encode(element, plane.steps, plane.x)), plane.x);
    }
  }
}

// The layers' bits with no memory behind them that can be touched.
absl::Status DecodeGuarded(KvElement element, const KvSteps& steps, unsigned p, std::span<const uint8_t> bits,
                           std::vector<uint16_t> prefixes) {
  const GuardedBytes guarded(bits);
  return p > steps.refinements ? KvExactDecode(element, steps, guarded.span(), prefixes)
                               : KvRefinementDecode(element, steps, p, guarded.span(), prefixes);
}

// body(steps, p, bits, prefixes with p - 1) for a refinement and the exact layer of a plane of each type.
void ForEachBitLayer(const std::function<void(KvElement, const KvSteps&, unsigned, const std::vector<uint8_t>&,
                                              const std::vector<uint16_t>&)>& body) {
  Random random(11);
  for (KvElement element : kElements) {
    const Plane plane(element, 3, 71, 2, random);
    const Layers layers = Encode(element, plane.steps, plane.x);
    body(element, plane.steps, 2, layers.refinements[0], Prefixes(element, plane.steps, layers, 1));
    body(element, plane.steps, 3, layers.exact, Prefixes(element, plane.steps, layers, 2));
  }
}

TEST(KvQuality, TruncatedAtEveryByteIsOutOfRange) {
  ForEachBitLayer([](KvElement element, const KvSteps& steps, unsigned p, const auto& bits, const auto& prefixes) {
    ForEachCpu([&] {
      for (size_t size = 0; size < bits.size(); ++size) {
        ASSERT_THAT(DecodeGuarded(element, steps, p, std::span(bits).first(size), prefixes),
                    StatusIs(absl::StatusCode::kOutOfRange))
            << size;
      }
      ASSERT_THAT(DecodeGuarded(element, steps, p, bits, prefixes), IsOk());
    });
  });
}

TEST(KvQuality, BytesLeftOverAndFillingsAreDataLoss) {
  size_t fillings = 0;
  ForEachBitLayer(
      [&](KvElement element, const KvSteps& steps, unsigned p, std::vector<uint8_t> bits, const auto& prefixes) {
        ForEachCpu([&] {
          // The highest bit of the last byte is a filling if what was decoded with it set is refused.
          std::vector<uint8_t> filled = bits;
          filled.back() |= 0x80;
          const absl::Status status = DecodeGuarded(element, steps, p, filled, prefixes);
          if (!status.ok()) {
            ASSERT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
            ++fillings;
          }
          std::vector<uint8_t> longer = bits;
          longer.push_back(0);
          ASSERT_THAT(DecodeGuarded(element, steps, p, longer, prefixes), StatusIs(absl::StatusCode::kDataLoss));
        });
      });
  EXPECT_GE(fillings, 4);
}

// What decoding made of them, whether or not it failed.
std::tuple<absl::StatusCode, std::vector<uint16_t>> DecodeAnything(KvElement element, const KvSteps& steps, unsigned p,
                                                                   std::span<const uint8_t> bits,
                                                                   std::vector<uint16_t> prefixes) {
  const absl::Status status = p > steps.refinements ? KvExactDecode(element, steps, bits, prefixes)
                                                    : KvRefinementDecode(element, steps, p, bits, prefixes);
  if (!status.ok()) prefixes.clear();
  return {status.code(), prefixes};
}

TEST(KvQuality, EveryVariantMakesTheSameOfFlippedBits) {
  ForEachBitLayer(
      [](KvElement element, const KvSteps& steps, unsigned p, std::vector<uint8_t> bits, const auto& prefixes) {
        for (size_t bit = 0; bit < 8 * bits.size(); bit += 3) {
          bits[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
          ExpectSameOnEachCpu([&] { return DecodeAnything(element, steps, p, bits, prefixes); });
          bits[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
        }
      });
}

TEST(KvQuality, EveryVariantMakesTheSameOfAnyIndices) {
  std::vector<int16_t> indices;
  for (int i = -kKvSaturated; i <= kKvSaturated; ++i) indices.push_back(static_cast<int16_t>(i));
  const std::vector<uint8_t> bits(indices.size(), 1);
  for (KvElement element : kElements) {
    for (int d : StepExponents(GetKvElementInfo(element), 2)) {
      const Case c(element, d, 2, indices.size());
      ExpectSameOnEachCpu([&] {
        std::vector<uint8_t> states(indices.size());
        std::vector<uint16_t> results[4];
        for (auto& result : results) result.resize(indices.size());
        KvBitStates(element, indices, states);
        KvValuesOfIndices(element, c.steps, indices, results[0]);
        KvPrefixes(element, c.steps, indices, std::vector<uint8_t>(indices.size()), results[1]);
        KvPrefixes(element, c.steps, indices, bits, results[2]);
        KvValuesOfPrefixes(element, c.steps, 1, results[2], results[3]);
        return std::tuple(states, results[0], results[1], results[2], results[3]);
      });
    }
  }
}

TEST(KvQuality, EveryVariantMakesTheSameSumsOfAnyElements) {
  for (KvElement element : kElements) {
    const KvElementInfo info = GetKvElementInfo(element);
    std::vector<uint16_t> x(2 * info.sign_bit() - 5);  // all but a few of the type's, so that the last sums get less
    std::iota(x.begin(), x.end(), uint16_t{3});
    std::vector<uint16_t> values(x.rbegin(), x.rend());
    ExpectSameOnEachCpu([&] {
      return std::tuple(KvSumOfSquares(element, x), KvSquaredError(element, x, values), KvSquaredError(element, x, x));
    });
    EXPECT_EQ(KvSquaredError(element, x, x), 0);
    EXPECT_GT(KvSumOfSquares(element, x), 0);
  }
}

TEST(KvQuality, TheExampleOfItsFormat) {
  constexpr KvElement kElement = KvElement::kBf16;
  const int16_t channel[] = {127};
  const KvSteps steps = {.channel = channel, .token = {}, .refinements = 2};
  const std::vector<uint16_t> x = {0x4050, 0xbd80};
  ForEachCpu([&] {
    const Layers layers = Encode(kElement, steps, x);
    EXPECT_THAT(layers.indices, testing::ElementsAre(3, 0));
    EXPECT_THAT(layers.states, testing::ElementsAre(kKvBitMore, kKvBitZero));
    EXPECT_THAT(layers.bits, testing::ElementsAre(1, 1));
    EXPECT_THAT(layers.refinements[0], testing::ElementsAre(0x01));
    EXPECT_THAT(layers.exact, testing::ElementsAre(0x20, 0x00));
    EXPECT_THAT(Prefixes(kElement, steps, layers, 1), testing::ElementsAre(0x4040, 0x8000));
    EXPECT_THAT(Values(kElement, steps, layers, 0), testing::ElementsAre(0x4040, 0));
    EXPECT_THAT(Values(kElement, steps, layers, 1), testing::ElementsAre(0x4050, 0xbe80));
    EXPECT_EQ(Exact(kElement, steps, layers), x);
  });
}

TEST(KvQuality, StepsAreOfChannelAndTokenAndStayInRange) {
  const KvElementInfo info = GetKvElementInfo(KvElement::kBf16);
  EXPECT_EQ(KvStepExponent(info, 3, 120, -5), 115);
  EXPECT_EQ(KvStepExponent(info, 3, 0, 0), 4);
  EXPECT_EQ(KvStepExponent(info, 3, 32767, 127), 255);
  // 1.0 in units of 2^-2 and, one row later, of 2^-1.
  const int16_t channel[] = {125};
  const int8_t token[] = {0, 1};
  const std::vector<uint16_t> x = {0x3f80, 0x3f80};
  std::vector<int16_t> indices(2);
  KvBaseIndices(KvElement::kBf16, {.channel = channel, .token = token}, x, indices);
  EXPECT_THAT(indices, testing::ElementsAre(4, 2));
}

}  // namespace
}  // namespace plait
