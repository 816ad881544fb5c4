// The quality layers of KV planes: what kv_quality.h promises, for every value of every element type and for every CPU
// variant, against arithmetic on doubles.
#include "codec/kv/kv_quality.h"

#include <cmath>
#include <tuple>

#include "codec/kv/kv_rans.h"
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

// body(case, every value) for step exponents over the whole range and past its ends.
void ForEachCase(const std::function<void(const Case&, std::span<const uint16_t>)>& body) {
  for (KvElement element : kElements) {
    const KvElementInfo info = GetKvElementInfo(element);
    const std::vector<uint16_t> x = AllValues(info);
    const int max = static_cast<int>(info.max_exponent());
    std::vector<int> exponents = {-3, max + 2};
    for (int d = 1; d <= max; d += max > 100 && d > 8 && d < max - 8 ? 29 : 1) exponents.push_back(d);
    for (unsigned refinements : {1u, 2u, 3u, 5u, kKvMaxRefinements}) {
      for (int d : exponents) {
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

}  // namespace
}  // namespace plait
