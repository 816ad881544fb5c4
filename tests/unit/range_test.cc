// The arithmetic coder, its loops and its model: planes come back bit by bit, and nothing else comes of damaged ones.
#include <algorithm>
#include <bit>
#include <cmath>

#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "codec/range/range_coder.h"
#include "codec/range/range_float.h"
#include "codec/range/range_forecast.h"
#include "codec/range/range_kernel.h"
#include "codec/range/range_kv.h"
#include "codec/range/range_mix.h"
#include "codec/range/range_select.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr Dtype kDtypes[] = {Dtype::kBf16, Dtype::kF16, Dtype::kF8E4m3, Dtype::kF8E5m2};

size_t ElementBytes(Dtype dtype) { return GetDtypeInfo(dtype).bits / 8; }

// About a turn in 6 tokens, and in 36.
constexpr uint32_t kRotation[] = {700'000'000, 120'000'000};

struct TestPlane {
  std::string name;
  RangePlane shape;
  std::vector<uint8_t> elements;
};

absl::StatusOr<std::vector<uint8_t>> Encode(const TestPlane& plane, std::span<const RangeRows* const> known = {},
                                            RangeRows* rows = nullptr) {
  RangeModel model;
  std::vector<uint8_t> coded;
  const absl::Status status = EncodeRangePlane(plane.shape, plane.elements, known, model, rows, &coded);
  if (!status.ok()) return status;
  return coded;
}

absl::StatusOr<std::vector<uint8_t>> Decode(const RangePlane& shape, std::span<const uint8_t> coded,
                                            std::span<const RangeRows* const> known = {}, RangeRows* rows = nullptr) {
  RangeModel model;
  const GuardedBytes input(coded);
  const GuardedBytes elements(size_t{shape.tokens} * shape.channels * ElementBytes(shape.dtype));
  const absl::Status status = DecodeRangePlane(shape, input.span(), known, model, rows, elements.span());
  if (!status.ok()) return status;
  return std::vector<uint8_t>(elements.span().begin(), elements.span().end());
}

// Values that are sums of a few hidden ones of their token, beside a mean: what the prediction is for. Whole numbers in
// 1/1024, rounded towards zero to the dtype, so that they are the same everywhere.
TestPlane KvLike(Dtype dtype, uint32_t tokens, uint32_t channels, uint64_t seed) {
  constexpr uint32_t kHidden = 5;
  Random random(seed);
  const auto draw = [&random] { return static_cast<int32_t>(random() % 2001 + random() % 2001) - 2000; };
  std::vector<int32_t> weights(channels * kHidden);
  std::vector<int32_t> means(channels);
  for (int32_t& weight : weights) weight = draw();
  for (int32_t& mean : means) mean = draw() / 2;
  const RangeFloat type = *RangeFloatOf(dtype);
  TestPlane plane = {.name = "like KV", .shape = {dtype, tokens, channels, {}}, .elements = {}};
  for (uint32_t t = 0; t < tokens; ++t) {
    int32_t hidden[kHidden];
    for (int32_t& value : hidden) value = draw();
    for (uint32_t c = 0; c < channels; ++c) {
      int32_t sum = means[c] + draw() / 16;
      for (uint32_t i = 0; i < kHidden; ++i) sum += weights[c * kHidden + i] * hidden[i] / 2048;
      const auto single = std::bit_cast<uint32_t>(static_cast<float>(sum) / 1024);
      const int32_t bias = (1 << (type.exponent_bits - 1)) - 1;
      const int32_t exponent = std::clamp(static_cast<int32_t>(single >> 23 & 255) - 127 + bias, 0, 2 * bias);
      const uint32_t element = (single >> 31) << (type.bits() - 1) |
                               static_cast<uint32_t>(exponent) << type.mantissa_bits |
                               (single & 0x7fffff) >> (23 - type.mantissa_bits);
      plane.elements.push_back(static_cast<uint8_t>(element));
      if (type.bits() == 16) plane.elements.push_back(static_cast<uint8_t>(element >> 8));
    }
  }
  return plane;
}

// Every value of the dtype in an order that no model likes; NaNs, infinities, zeros and subnormals are among them.
TestPlane EveryValue(Dtype dtype) {
  const bool wide = ElementBytes(dtype) == 2;
  TestPlane plane = {.name = "every value", .shape = {dtype, wide ? 1024U : 32U, wide ? 64U : 8U, {}}, .elements = {}};
  const uint32_t values = wide ? 1 << 16 : 1 << 8;
  for (uint32_t i = 0; i < values; ++i) {
    const uint32_t value = i * 40503U;
    plane.elements.push_back(static_cast<uint8_t>(value));
    if (wide) plane.elements.push_back(static_cast<uint8_t>(value >> 8));
  }
  return plane;
}

// One value everywhere: zero, -0, the least subnormal, the largest number, infinity (or the largest), a NaN.
std::vector<TestPlane> Constants(Dtype dtype) {
  const RangeFloat type = *RangeFloatOf(dtype);
  const uint32_t sign = 1U << (type.bits() - 1);
  const uint32_t top = static_cast<uint32_t>(type.max_exponent()) << type.mantissa_bits;
  std::vector<TestPlane> planes;
  for (uint32_t value : {0U, sign, 1U, top - 1, top, sign | (top + 1), 2 * sign - 1}) {
    TestPlane plane = {.name = "constant", .shape = {dtype, 40, 3, {}}, .elements = {}};
    for (uint32_t i = 0; i < 40 * 3; ++i) {
      plane.elements.push_back(static_cast<uint8_t>(value));
      if (type.bits() == 16) plane.elements.push_back(static_cast<uint8_t>(value >> 8));
    }
    planes.push_back(std::move(plane));
  }
  return planes;
}

// Values far beyond what fixed point holds beside ones far below it, which the escapes of exponents are for.
TestPlane Jumps(Dtype dtype) {
  TestPlane plane = KvLike(dtype, 50, 4, 9);
  plane.name = "jumps";
  const size_t bytes = ElementBytes(dtype);
  for (size_t i = 0; i < plane.elements.size() / bytes; i += 7) {
    std::fill_n(plane.elements.begin() + static_cast<ptrdiff_t>(i * bytes), bytes, i % 2 == 0 ? 0x7a : 0x00);
  }
  return plane;
}

std::vector<TestPlane> Planes(Dtype dtype) {
  std::vector<TestPlane> planes = Constants(dtype);
  for (const auto& [tokens, channels] : {std::pair{0U, 0U},
                                         {0U, 5U},
                                         {3U, 0U},
                                         {1U, 1U},
                                         {1U, 70U},
                                         {90U, 1U},
                                         {11U, 4U},
                                         {12U, 4U},
                                         {13U, 4U},
                                         {130U, 24U}}) {
    planes.push_back(KvLike(dtype, tokens, channels, tokens + channels));
  }
  planes.push_back(EveryValue(dtype));
  planes.push_back(Jumps(dtype));
  Random random(3);
  planes.push_back(
      {.name = "random", .shape = {dtype, 40, 8, {}}, .elements = RandomBytes(320 * ElementBytes(dtype), random)});
  const size_t without_rotation = planes.size();
  for (size_t i = 0; i < without_rotation; ++i) {
    if (planes[i].shape.channels % 4 != 0) continue;
    planes.push_back(planes[i]);
    planes.back().name += ", rotated";
    planes.back().shape.rotation = kRotation;
  }
  return planes;
}

// ---- The coder ----

TEST(RangeCoder, BitsOfAnyProbabilityComeBack) {
  Random random(1);
  std::vector<std::pair<bool, uint32_t>> bits;
  for (int i = 0; i < 20000; ++i) {
    const uint32_t one = i % 3 == 0 ? 1 + random() % 65535 : (i % 3 == 1 ? 1 : 65535);
    bits.emplace_back(random() % 65536 < one ? 1 : 0, one);
  }
  // The least likely ones too, in a row: carries run through many words.
  for (int i = 0; i < 200; ++i) bits.emplace_back(i % 2, i % 2 ? 1 : 65535);
  std::vector<uint8_t> coded = {0xAB};
  RangeEncoder encoder(&coded);
  for (const auto& [bit, one] : bits) encoder.Bit(bit, one);
  encoder.Finish();
  EXPECT_EQ(coded[0], 0xAB) << "a carry left the stream";
  const std::span<const uint8_t> stream(coded);
  RangeDecoder decoder(stream.subspan(1));
  for (const auto& [bit, one] : bits) ASSERT_EQ(decoder.Bit(false, one), bit);
  EXPECT_THAT(decoder.Finish(), IsOk());
}

TEST(RangeCoder, RawBitsOfEveryWidthComeBack) {
  Random random(2);
  std::vector<std::pair<uint32_t, uint32_t>> values;
  for (uint32_t i = 0; i < 5000; ++i) {
    const uint32_t bits = 1 + i % 16;
    values.emplace_back(i % 5 == 0 ? (1U << bits) - 1 : random() % (1U << bits), bits);
  }
  std::vector<uint8_t> coded;
  RangeEncoder encoder(&coded);
  for (const auto& [value, bits] : values) encoder.Raw(value, bits);
  encoder.Finish();
  RangeDecoder decoder(coded);
  for (const auto& [value, bits] : values) ASSERT_EQ(decoder.Raw(0, bits), value);
  EXPECT_THAT(decoder.Finish(), IsOk());
}

TEST(RangeCoder, BitsCostWhatTheirProbabilitySays) {
  std::vector<uint8_t> coded;
  RangeEncoder encoder(&coded);
  for (int i = 0; i < 80000; ++i) encoder.Bit(i % 16 == 0, 4096);  // 1 in 16: 0.3373 bits each
  encoder.Finish();
  EXPECT_NEAR(static_cast<double>(coded.size()), 80000 * 0.33729 / 8, 10);
}

// ---- Probabilities ----

TEST(RangeMix, StretchIsTheInverseOfSquash) {
  for (int32_t logit = -kRangeLogitMax; logit < kRangeLogitMax; ++logit) {
    ASSERT_LE(RangeSquash(logit), RangeSquash(logit + 1)) << logit;
    ASSERT_EQ(RangeSquash(-logit), 65536 - RangeSquash(logit)) << logit;
  }
  for (uint32_t one = 32; one <= 65504; one += 16) {
    const int32_t logit = RangeStretch(one);
    ASSERT_GE(RangeSquash(logit), static_cast<int32_t>(one / 16 * 16)) << one;
    const bool least = logit == -kRangeLogitMax || RangeSquash(logit - 1) < static_cast<int32_t>(one / 16 * 16);
    ASSERT_TRUE(least) << one;
  }
}

TEST(RangeMix, ACounterIsTheMeanOfWhatItSaw) {
  RangeCounter counter;
  for (int i = 0; i < 300; ++i) counter.Update(i % 4 == 0, kRangeSharedLimit);
  EXPECT_NEAR(counter.one, 16384, 300);
  for (int i = 0; i < 20000; ++i) counter.Update(true, kRangeSharedLimit);
  EXPECT_LE(counter.one, 65504);
  EXPECT_GE(counter.one, 64000);
}

TEST(RangeForecast, SinesAreSines) {
  for (uint32_t step = 0; step < 4096; ++step) {
    const uint32_t angle = step << 20;
    ASSERT_NEAR(RangeSine(angle), 16384 * std::sin(step * 2 * M_PI / 4096), 4) << step;
  }
}

// ---- Loops ----

TEST(RangeKernels, EveryVariantGivesTheScalarBits) {
  Random random(4);
  ForEachCpu([&random] {
    for (size_t count : {0, 1, 7, 8, 15, 16, 17, 33, 100}) {
      std::vector<int32_t> factors(count);
      std::vector<int32_t> values(count);
      for (size_t i = 0; i < count; ++i) {
        factors[i] = static_cast<int32_t>(random()) >> (random() % 20);
        values[i] = static_cast<int32_t>(random()) >> (random() % 20);
      }
      const auto by = static_cast<int32_t>(random() % 32769) - 16384;
      const auto gain = static_cast<int32_t>(random() % 131073) - 65536;
      std::vector<int32_t> scalar_factors = factors;
      std::vector<int32_t> scalar_values = values;
      const RangeKernels& kernels = ActiveRangeKernels();
      kernels.predict(by, factors.data(), values.data(), count);
      RangePredictScalar(by, scalar_factors.data(), scalar_values.data(), count);
      ASSERT_EQ(values, scalar_values) << count;
      kernels.learn(by, gain, values.data(), factors.data(), count);
      RangeLearnScalar(by, gain, scalar_values.data(), scalar_factors.data(), count);
      ASSERT_EQ(values, scalar_values) << count;
      ASSERT_EQ(factors, scalar_factors) << count;
    }
  });
}

// ---- Planes ----

TEST(RangePlanes, EveryPlaneOfEveryDtypeComesBack) {
  for (Dtype dtype : kDtypes) {
    for (const TestPlane& plane : Planes(dtype)) {
      SCOPED_TRACE(absl::StrCat(plane.name, " ", Absl(GetDtypeInfo(dtype).name), " ", plane.shape.tokens, " x ",
                                plane.shape.channels));
      const auto coded = Encode(plane);
      ASSERT_THAT(coded, IsOk());
      EXPECT_EQ(Decode(plane.shape, *coded).value(), plane.elements);
    }
  }
}

TEST(RangePlanes, EveryVariantWritesTheSameBytes) {
  const TestPlane plane = KvLike(Dtype::kBf16, 60, 40, 5);
  const std::vector<uint8_t> expected = Encode(plane).value();
  ForEachCpu([&] { EXPECT_EQ(Encode(plane).value(), expected); });
}

TEST(RangePlanes, ThePredictionPays) {
  // Five hidden values explain all but a sixteenth of each: more than 2 bits of 12 or so.
  const TestPlane plane = KvLike(Dtype::kBf16, 256, 64, 6);
  EXPECT_LT(Encode(plane)->size(), plane.elements.size() * 10 / 16);
}

TEST(RangePlanes, KnownRowsPay) {
  // The same hidden values make both halves.
  const TestPlane both = KvLike(Dtype::kBf16, 200, 32, 7);
  TestPlane halves[2];
  for (int half = 0; half < 2; ++half) {
    halves[half].shape = {Dtype::kBf16, 200, 16, {}};
    for (size_t t = 0; t < 200; ++t) {
      const auto row = both.elements.begin() + static_cast<ptrdiff_t>(t * 64 + static_cast<size_t>(half) * 32);
      halves[half].elements.insert(halves[half].elements.end(), row, row + 32);
    }
  }
  RangeRows rows;
  ASSERT_THAT(Encode(halves[0], {}, &rows), IsOk());
  const RangeRows* known[] = {&rows};
  const std::vector<uint8_t> alone = Encode(halves[1]).value();
  const std::vector<uint8_t> given = Encode(halves[1], known).value();
  EXPECT_LT(given.size() * 100, alone.size() * 95);
  EXPECT_EQ(Decode(halves[1].shape, given, known).value(), halves[1].elements);
}

TEST(RangePlanes, TheDecoderGivesTheEncodersRows) {
  for (const TestPlane& plane : Planes(Dtype::kF16)) {
    RangeRows encoded;
    RangeRows decoded;
    const std::vector<uint8_t> coded = Encode(plane, {}, &encoded).value();
    ASSERT_THAT(Decode(plane.shape, coded, {}, &decoded), IsOk());
    EXPECT_EQ(encoded.values, decoded.values) << plane.name;
    EXPECT_EQ(encoded.tokens, plane.shape.tokens);
    EXPECT_EQ(encoded.channels, plane.shape.channels);
  }
}

// Keys that turn by position, as these angles say, are predicted as if they stood still.
TEST(RangePlanes, TrueAnglesPay) {
  TestPlane plane = {.name = "turning", .shape = {Dtype::kBf16, 200, 4, {}}, .elements = {}};
  Random random(8);
  for (uint32_t t = 0; t < 200; ++t) {
    for (uint32_t c = 0; c < 4; ++c) {
      const uint32_t angle = kRotation[c % 2] * t + (c < 2 ? 1U << 30 : 0U);
      const int32_t noise = static_cast<int32_t>(random() % 257) - 128;
      const auto single = std::bit_cast<uint32_t>(static_cast<float>(RangeSine(angle) + noise) / 4096);
      plane.elements.push_back(static_cast<uint8_t>(single >> 16));
      plane.elements.push_back(static_cast<uint8_t>(single >> 24));
    }
  }
  const size_t still = Encode(plane)->size();
  plane.shape.rotation = kRotation;
  const std::vector<uint8_t> coded = Encode(plane).value();
  EXPECT_LT(coded.size() * 10, still * 7);
  EXPECT_EQ(Decode(plane.shape, coded).value(), plane.elements);
}

TEST(RangePlanes, OneModelCarriesOverToTheNextPlane) {
  RangeModel encoding;
  RangeModel decoding;
  std::vector<size_t> sizes;
  for (int i = 0; i < 3; ++i) {
    const TestPlane plane = KvLike(Dtype::kBf16, 64, 16, 11);
    std::vector<uint8_t> coded;
    ASSERT_THAT(EncodeRangePlane(plane.shape, plane.elements, {}, encoding, nullptr, &coded), IsOk());
    std::vector<uint8_t> elements(plane.elements.size());
    ASSERT_THAT(DecodeRangePlane(plane.shape, coded, {}, decoding, nullptr, elements), IsOk());
    EXPECT_EQ(elements, plane.elements);
    sizes.push_back(coded.size());
  }
  EXPECT_LT(sizes[1], sizes[0]);
}

// A change of the model changes the format: these bytes are those of FORMAT.md, and change with it alone.
TEST(RangePlanes, TheModelIsThatOfTheFormat) {
  std::vector<uint8_t> all;
  for (Dtype dtype : kDtypes) {
    TestPlane plane = KvLike(dtype, 100, 24, 12);
    RangeRows rows;
    RangeModel model;
    ASSERT_THAT(EncodeRangePlane(plane.shape, plane.elements, {}, model, &rows, &all), IsOk());
    const RangeRows* known[] = {&rows};
    plane = KvLike(dtype, 100, 16, 13);
    plane.shape.rotation = kRotation;
    ASSERT_THAT(EncodeRangePlane(plane.shape, plane.elements, known, model, nullptr, &all), IsOk());
  }
  EXPECT_EQ(HexDigits(Hash64(all)), "4e10655413a0e0cb");
}

// ---- Damage ----

TEST(RangePlanes, TruncatedAtEveryByteIsOutOfRange) {
  const TestPlane plane = KvLike(Dtype::kBf16, 30, 8, 14);
  const std::vector<uint8_t> coded = Encode(plane).value();
  for (size_t bytes = 0; bytes < coded.size(); ++bytes) {
    ASSERT_THAT(Decode(plane.shape, std::span(coded).first(bytes)), StatusIs(absl::StatusCode::kOutOfRange)) << bytes;
  }
}

TEST(RangePlanes, BytesBehindTheEndAreDataLoss) {
  const TestPlane plane = KvLike(Dtype::kBf16, 30, 8, 14);
  std::vector<uint8_t> coded = Encode(plane).value();
  for (int i = 0; i < 9; ++i) {
    coded.push_back(0);
    ASSERT_THAT(Decode(plane.shape, coded), StatusIs(absl::StatusCode::kDataLoss)) << i;
  }
}

// Nothing hashes a plane, so a flip may decode to other values; it may not touch what is not its own.
TEST(RangePlanes, EveryFlippedBitIsDecodedOrRejected) {
  for (Dtype dtype : kDtypes) {
    const TestPlane plane = KvLike(dtype, 20, 4, 15);
    std::vector<uint8_t> coded = Encode(plane).value();
    size_t rejected = 0;
    for (size_t bit = 0; bit < 8 * coded.size(); ++bit) {
      coded[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      const auto decoded = Decode(plane.shape, coded);
      ASSERT_THAT(decoded, testing::AnyOf(IsOk(), IsRejected()));
      ASSERT_FALSE(decoded.ok() && *decoded == plane.elements) << "two codes of one plane";
      rejected += !decoded.ok();
      coded[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
    EXPECT_GT(rejected * 2, 8 * coded.size()) << "most flips end elsewhere";
  }
}

TEST(RangePlanes, AUsedUpInputEndsTheWork) {
  std::vector<uint8_t> elements(size_t{64} * 8, 0xEE);
  RangeModel model;
  const RangePlane plane = {Dtype::kF8E5m2, 64, 8, {}};
  EXPECT_THAT(DecodeRangePlane(plane, FromHex("0102030405060708"), {}, model, nullptr, elements), IsRejected());
  EXPECT_EQ(std::ranges::count(elements.end() - 8, elements.end(), 0xEE), 8)
      << "the last token was decoded from nothing";
}

TEST(RangePlanes, ShapesThatAreNotSoAreInvalid) {
  const auto expect_invalid = [](const RangePlane& shape, size_t bytes, std::span<const RangeRows* const> known = {}) {
    std::vector<uint8_t> elements(bytes);
    RangeModel model;
    EXPECT_THAT(DecodeRangePlane(shape, elements, known, model, nullptr, elements),
                StatusIs(absl::StatusCode::kInvalidArgument));
    std::vector<uint8_t> coded;
    EXPECT_THAT(EncodeRangePlane(shape, elements, known, model, nullptr, &coded),
                StatusIs(absl::StatusCode::kInvalidArgument));
  };
  expect_invalid({Dtype::kF32, 2, 2, {}}, 16);
  expect_invalid({Dtype::kBf16, 2, 2, {}}, 7);
  expect_invalid({Dtype::kBf16, 2, 2, {}}, 9);
  expect_invalid({Dtype::kBf16, 0xffffffff, 0xffffffff, {}}, 2);
  expect_invalid({Dtype::kBf16, 1, kRangeMaxRegressors, {}}, 2 * kRangeMaxRegressors);
  expect_invalid({Dtype::kBf16, 2, 6, kRotation}, 24);
  const RangeRows rows = {.tokens = 3, .channels = 1, .values = {1, 2, 3}};
  const RangeRows torn = {.tokens = 2, .channels = 2, .values = {1, 2, 3}};
  const RangeRows wide = {.tokens = 2, .channels = 1023, .values = std::vector<int32_t>(2046)};
  for (const RangeRows* other : {&rows, &torn, &wide}) {
    const RangeRows* known[] = {other};
    expect_invalid({Dtype::kBf16, 2, 2, {}}, 8, known);
  }
}

}  // namespace
}  // namespace plait
