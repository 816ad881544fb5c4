#include "codec/kv/kv_coder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "codec/base/cpu.h"
#include "codec/kv/kv_train.h"
#include "codec/kv/kv_values.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

struct Geometry {
  KvElement element;
  size_t rows;
  std::vector<size_t> channels;  // of each plane
};

// Rounds to the element type, towards zero.
uint16_t ElementOf(const KvElementInfo& info, float value) {
  uint16_t magnitude = 0;
  for (uint16_t bit = info.sign_bit() >> 1; bit != 0; bit >>= 1) {
    const auto with = static_cast<uint16_t>(magnitude | bit);
    if (IsKvFinite(info, with) && KvValue(info, with) <= std::fabs(value)) magnitude = with;
  }
  return value < 0 ? static_cast<uint16_t>(magnitude | info.sign_bit()) : magnitude;
}

// Channels of different means and widths, rows that resemble the row before; some rows repeat, some elements are odd:
// the largest finite one too if `with_largest`.
std::vector<std::vector<uint16_t>> MakePlanes(const Geometry& geometry, unsigned seed, bool with_largest = true) {
  const KvElementInfo info = GetKvElementInfo(geometry.element);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<std::vector<uint16_t>> planes;
  for (const size_t channels : geometry.channels) {
    std::vector<float> mean(channels), width(channels), state(channels);
    for (size_t c = 0; c < channels; ++c) {
      width[c] = std::exp2(normal(random));
      mean[c] = width[c] * normal(random);
    }
    std::vector<uint16_t> plane;
    for (size_t row = 0; row < geometry.rows; ++row) {
      if (row > 4 && row % 7 == 0) {
        for (size_t c = 0; c < channels; ++c) plane.push_back(plane[(row - 3) * channels + c]);
        continue;
      }
      for (size_t c = 0; c < channels; ++c) {
        state[c] = 0.8f * state[c] + 0.6f * normal(random);
        plane.push_back(ElementOf(info, mean[c] + width[c] * state[c]));
      }
    }
    std::vector<uint16_t> odd = {0, info.sign_bit(), 1, info.magnitude_mask(),
                                 static_cast<uint16_t>(info.max_finite + 1)};
    if (with_largest) odd.push_back(static_cast<uint16_t>(info.max_finite | info.sign_bit()));
    for (size_t i = 0; i < odd.size() && !plane.empty(); ++i) plane[(i * 37 + 5) % plane.size()] = odd[i];
    planes.push_back(plane);
  }
  return planes;
}

std::vector<KvElements> Views(const std::vector<std::vector<uint16_t>>& planes) { return {planes.begin(), planes.end()}; }

std::shared_ptr<const KvCoder> MakeCoder(const Geometry& geometry, const KvTrainSettings& settings) {
  const auto samples = MakePlanes({geometry.element, 300, geometry.channels}, 1, /*with_largest=*/false);
  std::vector<KvTrainPlane> planes;
  for (size_t p = 0; p < samples.size(); ++p) {
    KvTrainPlane& plane = planes.emplace_back();
    plane.channels = geometry.channels[p];
    plane.log2_steps = UniformKvLog2Steps(geometry.element, samples[p], plane.channels, 1.3f);
    plane.token_steps = p % 2 == 1;
    plane.samples = {samples[p]};
  }
  auto profile = TrainKvProfile(geometry.element, planes, settings);
  EXPECT_THAT(profile.status(), IsOk());
  auto coder = KvCoder::Create(*std::move(profile));
  EXPECT_THAT(coder.status(), IsOk());
  return *std::move(coder);
}

KvTrainSettings SmallSettings(unsigned refinements = 3) {
  KvTrainSettings settings;
  settings.head_classes = settings.index_classes = 3;
  settings.head_contexts = settings.index_contexts = 4;
  settings.refinements = refinements;
  return settings;
}

std::vector<std::vector<uint8_t>> EncodeAll(const KvCoder& coder, const KvLayerShape& shape,
                                            const std::vector<std::vector<uint16_t>>& planes) {
  KvScratch scratch;
  auto encoder = KvLayerEncoder::Create(coder, shape, Views(planes), scratch);
  EXPECT_THAT(encoder.status(), IsOk());
  std::vector<std::vector<uint8_t>> segments(coder.num_qualities());
  for (auto& segment : segments) encoder->EncodeNext(&segment);
  return segments;
}

class KvCoderTest : public testing::TestWithParam<Geometry> {};

std::string NameOf(const testing::TestParamInfo<Geometry>& info) {
  constexpr const char* kNames[] = {"Bf16", "F16", "E4m3", "E5m2"};
  std::string name = absl::StrCat(kNames[static_cast<int>(info.param.element)], "Rows", info.param.rows);
  for (const size_t channels : info.param.channels) absl::StrAppend(&name, "x", channels);
  return name;
}

TEST_P(KvCoderTest, EveryQualityIsBetterThanTheOneBeforeAndTheLastIsExact) {
  // The largest element is saturated until it is exact, and its error is above all others.
  const auto planes = MakePlanes(GetParam(), 2, /*with_largest=*/false);
  const auto coder = MakeCoder(GetParam(), SmallSettings());
  const KvLayerShape shape = {0, planes.size(), GetParam().rows, 2, 1};
  KvScratch scratch, other_scratch;
  auto encoder = KvLayerEncoder::Create(*coder, shape, Views(planes), scratch);
  ASSERT_THAT(encoder.status(), IsOk());
  auto decoder = KvLayerDecoder::Create(*coder, shape, other_scratch);
  ASSERT_THAT(decoder.status(), IsOk());
  std::vector<double> errors(planes.size(), std::numeric_limits<double>::infinity());
  for (unsigned quality = 0; quality < coder->num_qualities(); ++quality) {
    std::vector<uint8_t> segment;
    encoder->EncodeNext(&segment);
    ASSERT_THAT(decoder->Add(segment), IsOk()) << quality;
    for (size_t p = 0; p < planes.size(); ++p) {
      std::vector<uint16_t> values(planes[p].size());
      decoder->Values(p, values);
      if (quality + 1 == coder->num_qualities()) {
        EXPECT_EQ(values, planes[p]) << p;
        continue;
      }
      const double error = KvSquaredError(GetParam().element, planes[p], values);
      if (planes[p].size() >= 1000) {
        EXPECT_LT(error, errors[p]) << quality;
        const double told = encoder->MeanSquaredError(p) * static_cast<double>(planes[p].size());
        EXPECT_NEAR(told / error, 1, 0.1) << quality;
      }
      errors[p] = error;
    }
  }
}

TEST_P(KvCoderTest, ValuesOfAQualityEncodeToThemselves) {
  auto planes = MakePlanes(GetParam(), 3);
  const auto coder = MakeCoder(GetParam(), SmallSettings());
  // Row steps follow the rows, which change with the quality: steps of channels alone are the same steps again.
  KvProfile profile = coder->profile();
  for (KvPlaneProfile& plane : profile.planes) plane.token_reference = 0;
  const auto fixed = KvCoder::Create(std::move(profile));
  ASSERT_THAT(fixed.status(), IsOk());
  const KvLayerShape shape = {0, planes.size(), GetParam().rows, 2, 1};
  for (unsigned quality = 0; quality < coder->num_qualities(); ++quality) {
    std::vector<std::vector<uint16_t>> once, twice;
    for (auto* out : {&once, &twice}) {
      const auto segments = EncodeAll(**fixed, shape, out == &once ? planes : once);
      KvScratch scratch;
      auto decoder = KvLayerDecoder::Create(**fixed, shape, scratch);
      ASSERT_THAT(decoder.status(), IsOk());
      for (unsigned q = 0; q <= quality; ++q) ASSERT_THAT(decoder->Add(segments[q]), IsOk());
      for (size_t p = 0; p < planes.size(); ++p) decoder->Values(p, out->emplace_back(planes[p].size()));
    }
    EXPECT_EQ(once, twice) << quality;
  }
}

TEST_P(KvCoderTest, LosslessFormIsExact) {
  const auto planes = MakePlanes(GetParam(), 4);
  const auto coder = MakeCoder(GetParam(), SmallSettings());
  const KvLayerShape shape = {0, planes.size(), GetParam().rows, 0, 0};
  KvScratch scratch;
  auto encoder = KvLayerEncoder::Create(*coder, shape, Views(planes), scratch);
  ASSERT_THAT(encoder.status(), IsOk());
  std::vector<uint8_t> segment;
  encoder->EncodeLossless(&segment);
  std::vector<std::vector<uint16_t>> decoded;
  for (const auto& plane : planes) decoded.emplace_back(plane.size(), uint16_t{0xabcd});
  const std::vector<std::span<uint16_t>> out(decoded.begin(), decoded.end());
  ASSERT_THAT(KvLayerDecoder::DecodeLossless(*coder, shape, segment, scratch, out), IsOk());
  EXPECT_EQ(decoded, planes);
}

TEST_P(KvCoderTest, BytesDoNotDependOnTheVariant) {
  const auto planes = MakePlanes(GetParam(), 5);
  const auto coder = MakeCoder(GetParam(), SmallSettings());
  const KvLayerShape shape = {0, planes.size(), GetParam().rows, 2, 1};
  const auto expected = EncodeAll(*coder, shape, planes);
  const CpuVariant active = ActiveCpu();
  for (const CpuVariant variant : {CpuVariant::kScalar, CpuVariant::kAvx2}) {
    if (!ForceCpu(variant).ok()) continue;
    EXPECT_EQ(EncodeAll(*coder, shape, planes), expected) << CpuVariantName(variant);
    KvScratch scratch;
    auto decoder = KvLayerDecoder::Create(*coder, shape, scratch);
    ASSERT_THAT(decoder.status(), IsOk());
    for (const auto& segment : expected) ASSERT_THAT(decoder->Add(segment), IsOk());
    for (size_t p = 0; p < planes.size(); ++p) {
      std::vector<uint16_t> values(planes[p].size());
      decoder->Values(p, values);
      EXPECT_EQ(values, planes[p]) << CpuVariantName(variant);
    }
  }
  ASSERT_THAT(ForceCpu(active), IsOk());
}

INSTANTIATE_TEST_SUITE_P(Geometries, KvCoderTest,
                         testing::Values(Geometry{KvElement::kBf16, 256, {192, 192}},
                                         Geometry{KvElement::kBf16, 0, {64, 64}}, Geometry{KvElement::kBf16, 1, {3}},
                                         Geometry{KvElement::kBf16, 3, {7, 1}},
                                         Geometry{KvElement::kBf16, 70, {33, 17, 100}},
                                         Geometry{KvElement::kF16, 130, {64, 48}},
                                         Geometry{KvElement::kE4m3, 130, {64, 48}},
                                         Geometry{KvElement::kE5m2, 130, {64, 48}}),
                         NameOf);

constexpr auto kSmall = [] { return Geometry{KvElement::kBf16, 20, {20, 9}}; };

TEST(KvCoderDamageTest, ASegmentCutAnywhereIsRefused) {
  const Geometry geometry = kSmall();
  const auto planes = MakePlanes(geometry, 6);
  const auto coder = MakeCoder(geometry, SmallSettings());
  const KvLayerShape shape = {0, planes.size(), geometry.rows, 2, 0};
  const auto segments = EncodeAll(*coder, shape, planes);
  for (unsigned quality = 0; quality < segments.size(); ++quality) {
    for (size_t cut = 0; cut < segments[quality].size(); ++cut) {
      KvScratch scratch;
      auto decoder = KvLayerDecoder::Create(*coder, shape, scratch);
      ASSERT_THAT(decoder.status(), IsOk());
      for (unsigned q = 0; q < quality; ++q) ASSERT_THAT(decoder->Add(segments[q]), IsOk());
      const std::vector<uint8_t> shorter(segments[quality].begin(), segments[quality].begin() + static_cast<std::ptrdiff_t>(cut));
      EXPECT_FALSE(decoder->Add(shorter).ok()) << quality << " cut at " << cut;
    }
  }
}

TEST(KvCoderDamageTest, FlippedBitsGiveAStatusOrElements) {
  const Geometry geometry = kSmall();
  const auto planes = MakePlanes(geometry, 7);
  const auto coder = MakeCoder(geometry, SmallSettings());
  const KvLayerShape shape = {0, planes.size(), geometry.rows, 2, 0};
  const auto segments = EncodeAll(*coder, shape, planes);
  for (unsigned quality = 0; quality < segments.size(); ++quality) {
    for (size_t bit = 0; bit < segments[quality].size() * 8; ++bit) {
      KvScratch scratch;
      auto decoder = KvLayerDecoder::Create(*coder, shape, scratch);
      ASSERT_THAT(decoder.status(), IsOk());
      for (unsigned q = 0; q < quality; ++q) ASSERT_THAT(decoder->Add(segments[q]), IsOk());
      std::vector<uint8_t> flipped = segments[quality];
      flipped[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
      if (!decoder->Add(flipped).ok()) continue;
      std::vector<uint16_t> values(planes[0].size());
      decoder->Values(0, values);
    }
  }
}

TEST(KvCoderTest, RepeatedRowsCostNextToNothing) {
  const Geometry geometry = {KvElement::kBf16, 64, {128}};
  const std::vector<uint16_t> row = MakePlanes({KvElement::kBf16, 1, {128}}, 8)[0];
  std::vector<std::vector<uint16_t>> planes(1);
  for (size_t r = 0; r < geometry.rows; ++r) planes[0].insert(planes[0].end(), row.begin(), row.end());
  const auto coder = MakeCoder(geometry, SmallSettings());
  KvScratch scratch;
  auto encoder = KvLayerEncoder::Create(*coder, {0, 1, geometry.rows, 0, 0}, Views(planes), scratch);
  ASSERT_THAT(encoder.status(), IsOk());
  std::vector<uint8_t> segment;
  encoder->EncodeLossless(&segment);
  EXPECT_LT(segment.size(), 2 * 128 + 4 * 64 + 3 * geometry.rows);
}

TEST(KvCoderTest, ShapesThatDoNotFitAreRefused) {
  const Geometry geometry = kSmall();
  const auto coder = MakeCoder(geometry, SmallSettings());
  const auto planes = MakePlanes(geometry, 9);
  KvScratch scratch;
  const auto status_of = [&](const KvLayerShape& shape) {
    return KvLayerEncoder::Create(*coder, shape, Views(planes), scratch).status().code();
  };
  EXPECT_EQ(status_of({0, 2, 20, 0, 0}), absl::StatusCode::kOk);
  EXPECT_EQ(status_of({1, 2, 20, 0, 0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status_of({0, 1, 20, 0, 0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status_of({0, 2, 21, 0, 0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status_of({0, 2, kKvMaxRows + 1, 0, 0}), absl::StatusCode::kInvalidArgument);
  KvProfile lossless = coder->profile();
  for (KvPlaneProfile& plane : lossless.planes) plane.index_class.clear();
  const auto without_layers = KvCoder::Create(std::move(lossless));
  ASSERT_THAT(without_layers.status(), IsOk());
  EXPECT_EQ(KvLayerDecoder::Create(**without_layers, {0, 2, 20, 0, 0}, scratch).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace plait
