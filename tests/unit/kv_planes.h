// KV planes for tests of the KV codec, on the CPU and on the host executor: channels of different means and widths, a
// coder trained on them, all segments of a model layer.
#ifndef PLAIT_TESTS_UNIT_KV_PLANES_H_
#define PLAIT_TESTS_UNIT_KV_PLANES_H_

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "codec/kv/kv_coder.h"
#include "codec/kv/kv_train.h"
#include "codec/kv/kv_values.h"
#include "tests/unit/testing.h"

namespace plait {

struct KvPlaneSizes {
  KvElement element;
  size_t rows;
  std::vector<size_t> channels;  // of each plane
};

inline std::string KvPlaneSizesName(const testing::TestParamInfo<KvPlaneSizes>& info) {
  constexpr const char* kNames[] = {"Bf16", "F16", "E4m3", "E5m2"};
  std::string name = absl::StrCat(kNames[static_cast<int>(info.param.element)], "Rows", info.param.rows);
  for (const size_t channels : info.param.channels) absl::StrAppend(&name, "x", channels);
  return name;
}

using KvPlanes = std::vector<std::vector<uint16_t>>;

// Rounds to the element type, towards zero.
inline uint16_t KvElementOf(const KvElementInfo& info, float value) {
  uint16_t magnitude = 0;
  for (uint16_t bit = info.sign_bit() >> 1; bit != 0; bit >>= 1) {
    const auto with = static_cast<uint16_t>(magnitude | bit);
    if (IsKvFinite(info, with) && KvValue(info, with) <= std::fabs(value)) magnitude = with;
  }
  return value < 0 ? static_cast<uint16_t>(magnitude | info.sign_bit()) : magnitude;
}

// Channels of different means and widths, rows that resemble the row before; some rows repeat, some elements are odd:
// the largest finite one too if `with_largest`.
inline KvPlanes MakeKvPlanes(const KvPlaneSizes& geometry, unsigned seed, bool with_largest = true) {
  const KvElementInfo info = GetKvElementInfo(geometry.element);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  KvPlanes planes;
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
        plane.push_back(KvElementOf(info, mean[c] + width[c] * state[c]));
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

inline std::vector<KvElements> KvViews(const KvPlanes& planes) { return {planes.begin(), planes.end()}; }

inline KvTrainSettings SmallKvSettings(unsigned refinements = 3) {
  KvTrainSettings settings;
  settings.head_classes = settings.index_classes = 3;
  settings.head_contexts = settings.index_contexts = 4;
  settings.refinements = refinements;
  return settings;
}

// Trained on planes of seed 1. Every second plane has steps that follow the rows.
inline std::shared_ptr<const KvCoder> MakeKvCoder(const KvPlaneSizes& geometry, const KvTrainSettings& settings) {
  const KvPlanes samples = MakeKvPlanes({geometry.element, 300, geometry.channels}, 1, /*with_largest=*/false);
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

// Of every quality.
inline std::vector<std::vector<uint8_t>> EncodeKvLayer(const KvCoder& coder, const KvLayerShape& shape,
                                                       const KvPlanes& planes) {
  KvScratch scratch;
  auto encoder = KvLayerEncoder::Create(coder, shape, KvViews(planes), scratch);
  EXPECT_THAT(encoder.status(), IsOk());
  std::vector<std::vector<uint8_t>> segments(coder.num_qualities());
  for (auto& segment : segments) encoder->EncodeNext(&segment);
  return segments;
}

inline std::vector<uint8_t> EncodeKvLossless(const KvCoder& coder, const KvLayerShape& shape, const KvPlanes& planes) {
  KvScratch scratch;
  auto encoder = KvLayerEncoder::Create(coder, shape, KvViews(planes), scratch);
  EXPECT_THAT(encoder.status(), IsOk());
  std::vector<uint8_t> segment;
  encoder->EncodeLossless(&segment);
  return segment;
}

}  // namespace plait

#endif  // PLAIT_TESTS_UNIT_KV_PLANES_H_
