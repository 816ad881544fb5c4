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
#include "tests/unit/kv_planes.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

class KvCoderTest : public testing::TestWithParam<KvPlaneSizes> {};

TEST_P(KvCoderTest, EveryQualityIsBetterThanTheOneBeforeAndTheLastIsExact) {
  // The largest element is saturated until it is exact, and its error is above all others.
  const auto planes = MakeKvPlanes(GetParam(), 2, /*with_largest=*/false);
  const auto coder = MakeKvCoder(GetParam(), SmallKvSettings());
  const KvLayerShape shape = {0, planes.size(), GetParam().rows, 2, 1};
  KvScratch scratch, other_scratch;
  auto encoder = KvLayerEncoder::Create(*coder, shape, KvViews(planes), scratch);
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
  auto planes = MakeKvPlanes(GetParam(), 3);
  const auto coder = MakeKvCoder(GetParam(), SmallKvSettings());
  const KvLayerShape shape = {0, planes.size(), GetParam().rows, 2, 1};
  for (unsigned quality = 0; quality < coder->num_qualities(); ++quality) {
    std::vector<std::vector<uint16_t>> once, twice;
    std::vector<std::vector<int8_t>> row_steps(planes.size());
    for (auto* out : {&once, &twice}) {
      KvScratch scratch, other_scratch;
      const auto views = KvViews(out == &once ? planes : once);
      auto encoder = KvLayerEncoder::Create(*coder, shape, views, scratch);
      ASSERT_THAT(encoder.status(), IsOk());
      auto decoder = KvLayerDecoder::Create(*coder, shape, other_scratch);
      ASSERT_THAT(decoder.status(), IsOk());
      for (size_t p = 0; out == &twice && p < planes.size(); ++p) {
        ASSERT_THAT(encoder->UseRowSteps(p, row_steps[p]), IsOk());
      }
      for (unsigned q = 0; q <= quality; ++q) {
        std::vector<uint8_t> segment;
        encoder->EncodeNext(&segment);
        ASSERT_THAT(decoder->Add(segment), IsOk());
      }
      for (size_t p = 0; p < planes.size(); ++p) {
        decoder->Values(p, out->emplace_back(planes[p].size()));
        row_steps[p] = decoder->RowSteps(p);
      }
    }
    EXPECT_EQ(once, twice) << quality;
  }
}

TEST_P(KvCoderTest, LosslessFormIsExact) {
  const auto planes = MakeKvPlanes(GetParam(), 4);
  const auto coder = MakeKvCoder(GetParam(), SmallKvSettings());
  const KvLayerShape shape = {0, planes.size(), GetParam().rows, 0, 0};
  KvScratch scratch;
  auto encoder = KvLayerEncoder::Create(*coder, shape, KvViews(planes), scratch);
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
  const auto planes = MakeKvPlanes(GetParam(), 5);
  const auto coder = MakeKvCoder(GetParam(), SmallKvSettings());
  const KvLayerShape shape = {0, planes.size(), GetParam().rows, 2, 1};
  const auto expected = EncodeKvLayer(*coder, shape, planes);
  const CpuVariant active = ActiveCpu();
  for (const CpuVariant variant : {CpuVariant::kScalar, CpuVariant::kAvx2}) {
    if (!ForceCpu(variant).ok()) continue;
    EXPECT_EQ(EncodeKvLayer(*coder, shape, planes), expected) << CpuVariantName(variant);
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

INSTANTIATE_TEST_SUITE_P(
    Geometries, KvCoderTest,
    testing::Values(KvPlaneSizes{KvElement::kBf16, 256, {192, 192}}, KvPlaneSizes{KvElement::kBf16, 0, {64, 64}},
                    KvPlaneSizes{KvElement::kBf16, 1, {3}}, KvPlaneSizes{KvElement::kBf16, 3, {7, 1}},
                    KvPlaneSizes{KvElement::kBf16, 70, {33, 17, 100}}, KvPlaneSizes{KvElement::kF16, 130, {64, 48}},
                    KvPlaneSizes{KvElement::kE4m3, 130, {64, 48}}, KvPlaneSizes{KvElement::kE5m2, 130, {64, 48}}),
    KvPlaneSizesName);

constexpr auto kSmall = [] { return KvPlaneSizes{KvElement::kBf16, 20, {20, 9}}; };

TEST(KvCoderDamageTest, ASegmentCutAnywhereIsRefused) {
  const KvPlaneSizes geometry = kSmall();
  const auto planes = MakeKvPlanes(geometry, 6);
  const auto coder = MakeKvCoder(geometry, SmallKvSettings());
  const KvLayerShape shape = {0, planes.size(), geometry.rows, 2, 0};
  const auto segments = EncodeKvLayer(*coder, shape, planes);
  for (unsigned quality = 0; quality < segments.size(); ++quality) {
    for (size_t cut = 0; cut < segments[quality].size(); ++cut) {
      KvScratch scratch;
      auto decoder = KvLayerDecoder::Create(*coder, shape, scratch);
      ASSERT_THAT(decoder.status(), IsOk());
      for (unsigned q = 0; q < quality; ++q) ASSERT_THAT(decoder->Add(segments[q]), IsOk());
      const std::vector<uint8_t> shorter(segments[quality].begin(),
                                         segments[quality].begin() + static_cast<std::ptrdiff_t>(cut));
      EXPECT_FALSE(decoder->Add(shorter).ok()) << quality << " cut at " << cut;
    }
  }
}

TEST(KvCoderDamageTest, FlippedBitsGiveAStatusOrElements) {
  const KvPlaneSizes geometry = kSmall();
  const auto planes = MakeKvPlanes(geometry, 7);
  const auto coder = MakeKvCoder(geometry, SmallKvSettings());
  const KvLayerShape shape = {0, planes.size(), geometry.rows, 2, 0};
  const auto segments = EncodeKvLayer(*coder, shape, planes);
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
  const KvPlaneSizes geometry = {KvElement::kBf16, 64, {128}};
  const std::vector<uint16_t> row = MakeKvPlanes({KvElement::kBf16, 1, {128}}, 8)[0];
  std::vector<std::vector<uint16_t>> planes(1);
  for (size_t r = 0; r < geometry.rows; ++r) planes[0].insert(planes[0].end(), row.begin(), row.end());
  const auto coder = MakeKvCoder(geometry, SmallKvSettings());
  KvScratch scratch;
  auto encoder = KvLayerEncoder::Create(*coder, {0, 1, geometry.rows, 0, 0}, KvViews(planes), scratch);
  ASSERT_THAT(encoder.status(), IsOk());
  std::vector<uint8_t> segment;
  encoder->EncodeLossless(&segment);
  EXPECT_LT(segment.size(), 2 * 128 + 4 * 64 + 3 * geometry.rows);
}

TEST(KvCoderTest, RowStepsThatASegmentCannotSayAreRefused) {
  const KvPlaneSizes geometry = kSmall();
  const auto coder = MakeKvCoder(geometry, SmallKvSettings());
  const auto planes = MakeKvPlanes(geometry, 9);
  KvScratch scratch;
  auto encoder = KvLayerEncoder::Create(*coder, {0, 2, geometry.rows, 0, 0}, KvViews(planes), scratch);
  ASSERT_THAT(encoder.status(), IsOk());
  std::vector<int8_t> steps(geometry.rows, 1);
  EXPECT_THAT(encoder->UseRowSteps(0, std::span(steps).first(geometry.rows - 1)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  steps[3] = -2;
  EXPECT_THAT(encoder->UseRowSteps(0, steps), IsOk());
  steps[3] = -3;
  EXPECT_THAT(encoder->UseRowSteps(0, steps), StatusIs(absl::StatusCode::kInvalidArgument));
  steps.assign(geometry.rows, 9);
  EXPECT_THAT(encoder->UseRowSteps(0, steps), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(KvCoderTest, ShapesThatDoNotFitAreRefused) {
  const KvPlaneSizes geometry = kSmall();
  const auto coder = MakeKvCoder(geometry, SmallKvSettings());
  const auto planes = MakeKvPlanes(geometry, 9);
  KvScratch scratch;
  const auto status_of = [&](const KvLayerShape& shape) {
    return KvLayerEncoder::Create(*coder, shape, KvViews(planes), scratch).status().code();
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
