// The KV kernels on the host executor: what they write into a paged cache is what the CPU decoder gives, for every
// quality, element type and order of warps; what that one rejects is refused by the plan or becomes a status word, and
// no fault.
#include <cstdio>
#include <map>

#include "tests/gpu/kv_device.h"
#include "tests/unit/kv_planes.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

using Segments = std::vector<std::vector<uint8_t>>;

absl::StatusOr<KvPlanes> CpuDecode(const KvCoder& coder, const KvLayerShape& shape,
                                   std::span<const std::vector<uint8_t>> segments) {
  KvScratch scratch;
  auto decoder = KvLayerDecoder::Create(coder, shape, scratch);
  if (!decoder.ok()) return decoder.status();
  for (const auto& segment : segments) {
    if (const absl::Status status = decoder->Add(segment); !status.ok()) return status;
  }
  KvPlanes planes(shape.num_planes);
  for (size_t p = 0; p < shape.num_planes; ++p) {
    planes[p].resize(shape.rows * coder.profile().planes[shape.first_plane + p].channels());
    decoder->Values(p, planes[p]);
  }
  return planes;
}

absl::StatusOr<KvPlanes> CpuDecodeLossless(const KvCoder& coder, const KvLayerShape& shape,
                                           std::span<const uint8_t> segment) {
  KvScratch scratch;
  KvPlanes planes(shape.num_planes);
  for (size_t p = 0; p < shape.num_planes; ++p) {
    planes[p].resize(shape.rows * coder.profile().planes[shape.first_plane + p].channels());
  }
  const std::vector<std::span<uint16_t>> views(planes.begin(), planes.end());
  const absl::Status status = KvLayerDecoder::DecodeLossless(coder, shape, segment, scratch, views);
  if (!status.ok()) return status;
  return planes;
}

// One model layer was added to a device; `expected` is what the CPU makes of it.
void ExpectSameAsCpu(KvDevice& device, const absl::Status& added, const absl::StatusOr<KvPlanes>& expected,
                     uint64_t seed) {
  if (!added.ok()) {  // of several things that are wrong, the plan may find another one first
    ASSERT_THAT(added, IsRejected());
    ASSERT_THAT(expected, IsRejected()) << added;
    return;
  }
  ASSERT_THAT(device.Decode(seed), IsOk());
  ASSERT_EQ(device.status(0) == kKvOk, expected.ok()) << device.status(0) << " " << expected.status();
  if (!expected.ok()) {
    EXPECT_FALSE(device.touched(0));
    return;
  }
  for (size_t p = 0; p < expected->size(); ++p) ASSERT_EQ(device.Plane(0, p), (*expected)[p]) << p;
}
void ExpectSameAsCpu(const KvCoder& coder, const KvLayerShape& shape, std::span<const std::vector<uint8_t>> segments,
                     uint64_t seed) {
  KvDevice device(coder);
  const absl::Status added = device.Add(shape, segments);
  ExpectSameAsCpu(device, added, CpuDecode(coder, shape, segments), seed);
}
void ExpectLosslessSameAsCpu(const KvCoder& coder, const KvLayerShape& shape, std::span<const uint8_t> segment,
                             uint64_t seed) {
  KvDevice device(coder);
  const absl::Status added = device.AddLossless(shape, segment);
  ExpectSameAsCpu(device, added, CpuDecodeLossless(coder, shape, segment), seed);
}

class KvKernelsTest : public testing::TestWithParam<KvPlaneSizes> {};

TEST_P(KvKernelsTest, EveryQualityIsWhatTheCpuGives) {
  const KvPlanes planes = MakeKvPlanes(GetParam(), 2);
  const auto coder = MakeKvCoder(GetParam(), SmallKvSettings());
  const KvLayerShape shape = {0, planes.size(), GetParam().rows, 2, 1};
  const Segments segments = EncodeKvLayer(*coder, shape, planes);
  ASSERT_EQ(CpuDecode(*coder, shape, segments).value(), planes);
  for (size_t qualities = 1; qualities <= segments.size(); ++qualities) {
    SCOPED_TRACE(qualities);
    ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(*coder, shape, std::span(segments).first(qualities), qualities));
  }
}

TEST_P(KvKernelsTest, TheLosslessFormIsExact) {
  const KvPlanes planes = MakeKvPlanes(GetParam(), 3);
  const auto coder = MakeKvCoder(GetParam(), SmallKvSettings());
  const KvLayerShape shape = {0, planes.size(), GetParam().rows, 0, 0};
  const std::vector<uint8_t> segment = EncodeKvLossless(*coder, shape, planes);
  ASSERT_EQ(CpuDecodeLossless(*coder, shape, segment).value(), planes);
  for (const uint64_t seed : {1, 2}) ASSERT_NO_FATAL_FAILURE(ExpectLosslessSameAsCpu(*coder, shape, segment, seed));
}

INSTANTIATE_TEST_SUITE_P(
    Geometries, KvKernelsTest,
    testing::Values(KvPlaneSizes{KvElement::kBf16, 64, {192, 192}}, KvPlaneSizes{KvElement::kBf16, 0, {64, 64}},
                    KvPlaneSizes{KvElement::kBf16, 1, {3}}, KvPlaneSizes{KvElement::kBf16, 3, {7, 1}},
                    KvPlaneSizes{KvElement::kBf16, 70, {33, 17, 100}}, KvPlaneSizes{KvElement::kF16, 60, {64, 48}},
                    KvPlaneSizes{KvElement::kE4m3, 60, {64, 48}}, KvPlaneSizes{KvElement::kE5m2, 60, {64, 48}}),
    KvPlaneSizesName);

KvPlaneSizes Small() { return {KvElement::kBf16, 20, {40, 9}}; }

TEST(KvKernelsTest, EveryNumberOfRefinements) {
  const KvPlanes planes = MakeKvPlanes(Small(), 4);
  for (unsigned refinements = 1; refinements <= kKvMaxRefinements; ++refinements) {
    const auto coder = MakeKvCoder(Small(), SmallKvSettings(refinements));
    const KvLayerShape shape = {0, planes.size(), Small().rows, 1, 0};
    const Segments segments = EncodeKvLayer(*coder, shape, planes);
    for (size_t qualities = 1; qualities <= segments.size(); ++qualities) {
      ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(*coder, shape, std::span(segments).first(qualities), refinements));
    }
  }
}

// Steps so coarse that most elements are zero to the end, and so fine that indices saturate.
TEST(KvKernelsTest, StepsFarFromTheElements) {
  const KvPlanes planes = MakeKvPlanes(Small(), 5);
  const auto coder = MakeKvCoder(Small(), SmallKvSettings());
  const KvLayerShape shape = {0, planes.size(), Small().rows, 0, 0};
  for (const int shift : {-20, -9, -3, 3, 9, 20}) {
    KvProfile profile = coder->profile();
    for (KvPlaneProfile& plane : profile.planes) {
      for (int16_t& step : plane.steps) step = static_cast<int16_t>(step + shift);
    }
    const auto shifted = KvCoder::Create(std::move(profile)).value();
    const Segments segments = EncodeKvLayer(*shifted, shape, planes);
    for (size_t qualities = 1; qualities <= segments.size(); ++qualities) {
      SCOPED_TRACE(absl::StrCat(shift, " ", qualities));
      ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(*shifted, shape, std::span(segments).first(qualities), qualities));
    }
  }
}

// Channels whose indices have low bits, and many escapes.
TEST(KvKernelsTest, LowBitsAndEscapesOfIndices) {
  const KvPlaneSizes geometry = {KvElement::kBf16, 30, {150}};
  const KvPlanes planes = MakeKvPlanes(geometry, 6);
  KvProfile profile = MakeKvCoder(geometry, SmallKvSettings())->profile();
  for (size_t c = 0; c < 150; ++c) {
    profile.planes[0].index_channels[c].shift = static_cast<uint8_t>(c % (kKvMaxShift + 1));
    profile.planes[0].steps[c] = static_cast<int16_t>(profile.planes[0].steps[c] - static_cast<int>(c % 11));
  }
  const auto coder = KvCoder::Create(std::move(profile)).value();
  const KvLayerShape shape = {0, 1, geometry.rows, 0, 0};
  const Segments segments = EncodeKvLayer(*coder, shape, planes);
  for (const size_t qualities : {size_t{1}, segments.size()}) {
    ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(*coder, shape, std::span(segments).first(qualities), 1));
  }
}

TEST(KvKernelsTest, LayersOfOneBatchAreIndependent) {
  const auto coder = MakeKvCoder(Small(), SmallKvSettings());
  KvDevice device(*coder);
  std::vector<KvPlanes> expected;
  const auto add = [&](const KvLayerShape& shape, size_t qualities, bool damaged) {
    const KvPlanes planes = MakeKvPlanes({KvElement::kBf16, shape.rows, {40, 9}}, static_cast<unsigned>(qualities));
    const KvPlanes own(planes.begin() + static_cast<std::ptrdiff_t>(shape.first_plane),
                       planes.begin() + static_cast<std::ptrdiff_t>(shape.first_plane + shape.num_planes));
    Segments segments = EncodeKvLayer(*coder, shape, own);
    segments.resize(qualities);
    expected.push_back(CpuDecode(*coder, shape, segments).value());
    if (damaged) segments.back().back() ^= 0x80;
    ASSERT_THAT(device.Add(shape, segments), IsOk());
  };
  add({0, 2, 40, 2, 1}, 5, false);
  add({1, 1, 7, 0, 0}, 1, false);
  add({0, 2, 33, 0, 3}, 2, true);
  add({0, 1, 50, 60, 0}, 3, false);
  add({0, 2, 21, 1, 0}, 4, false);
  ASSERT_THAT(device.Decode(3, 3), IsOk());
  for (size_t layer = 0; layer < expected.size(); ++layer) {
    EXPECT_EQ(device.status(layer) != kKvOk, layer == 2) << layer;
    EXPECT_EQ(device.touched(layer), layer != 2) << layer;
    for (size_t p = 0; p < expected[layer].size() && layer != 2; ++p) {
      EXPECT_EQ(device.Plane(layer, p), expected[layer][p]) << layer << " " << p;
    }
  }
}

// What kernels ask of the pipe that global loads and shuffles go through, stores left out, for 2048 elements.
TEST(KvKernelsTest, AskForNoMoreWavefrontsThanTheirBudget) {
  const KvPlaneSizes geometry = {KvElement::kBf16, 64, {256, 256}};
  const auto coder = MakeKvCoder(geometry, SmallKvSettings());
  const KvLayerShape shape = {0, 2, geometry.rows, 0, 0};
  const KvPlanes planes = MakeKvPlanes(geometry, 10);
  KvDevice device(*coder);
  ASSERT_THAT(device.Add(shape, EncodeKvLayer(*coder, shape, planes)), IsOk());
  ASSERT_THAT(device.AddLossless(shape, EncodeKvLossless(*coder, shape, planes)), IsOk());
  const auto launched = device.Decode(1, 1).value();
  const std::map<std::string, double> most = {{"KvExactSymbols", 0}, {"KvBaseSymbols", 900}, {"KvLosslessSymbols", 900},
                                              {"KvJoinHeads", 360},  {"KvJoinIndices", 230}, {"KvDecisions", 360},
                                              {"KvMerge", 1000},     {"KvDequantize", 240}};
  for (const auto& [name, counters] : launched) {
    const auto wavefronts = counters.pipe_wavefronts() - counters.global_stores.wavefronts;
    const double per_unit = static_cast<double>(wavefronts) * 4096 / static_cast<double>(device.num_elements());
    std::printf("%-18s %5.0f wavefronts for 2048 elements\n", name.c_str(), per_unit);
    EXPECT_LE(per_unit, most.at(name)) << name;
  }
}

// --- damage ---

struct Damaged {
  KvLayerShape shape;
  std::shared_ptr<const KvCoder> coder;
  Segments segments;
};
Damaged MakeDamaged() {
  const KvPlaneSizes geometry = {KvElement::kBf16, 9, {20, 9}};
  Damaged damaged{
      .shape = {0, 2, geometry.rows, 1, 0}, .coder = MakeKvCoder(geometry, SmallKvSettings()), .segments = {}};
  damaged.segments = EncodeKvLayer(*damaged.coder, damaged.shape, MakeKvPlanes(geometry, 8));
  return damaged;
}

TEST(KvKernelsDamageTest, SegmentsCutAtAnyByteAreRefused) {
  Damaged damaged = MakeDamaged();
  for (size_t quality = 0; quality < damaged.segments.size(); ++quality) {
    Segments segments(damaged.segments.begin(), damaged.segments.begin() + static_cast<std::ptrdiff_t>(quality + 1));
    while (!segments.back().empty()) {
      segments.back().pop_back();
      SCOPED_TRACE(absl::StrCat(quality, " cut at ", segments.back().size()));
      ASSERT_FALSE(CpuDecode(*damaged.coder, damaged.shape, segments).ok());
      ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(*damaged.coder, damaged.shape, segments, quality));
    }
  }
}

TEST(KvKernelsDamageTest, EveryFlippedBitGivesWhatTheCpuMakesOfIt) {
  Damaged damaged = MakeDamaged();
  for (size_t quality = 0; quality < damaged.segments.size(); ++quality) {
    Segments segments(damaged.segments.begin(), damaged.segments.begin() + static_cast<std::ptrdiff_t>(quality + 1));
    const size_t bits = 8 * segments.back().size();
    for (size_t bit = 0; bit < bits; bit += bits / 300 + 1) {
      SCOPED_TRACE(absl::StrCat(quality, " bit ", bit));
      segments.back()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(*damaged.coder, damaged.shape, segments, bit));
      segments.back()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(KvKernelsDamageTest, LosslessSegmentsCutOrFlippedGiveWhatTheCpuMakesOfThem) {
  const KvPlaneSizes geometry = {KvElement::kF16, 6, {70, 9}};
  const auto coder = MakeKvCoder(geometry, SmallKvSettings());
  const KvLayerShape shape = {0, 2, geometry.rows, 0, 0};
  std::vector<uint8_t> segment = EncodeKvLossless(*coder, shape, MakeKvPlanes(geometry, 9));
  for (size_t bit = 0; bit < 8 * segment.size(); bit += 13) {
    SCOPED_TRACE(bit);
    segment[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ASSERT_NO_FATAL_FAILURE(ExpectLosslessSameAsCpu(*coder, shape, segment, bit));
    segment[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  while (!segment.empty()) {
    segment.pop_back();
    ASSERT_NO_FATAL_FAILURE(ExpectLosslessSameAsCpu(*coder, shape, segment, 1)) << segment.size();
  }
}

// What a device says of one damaged layer, which the plan accepts.
uint32_t StatusOf(const Damaged& damaged, const Segments& segments) {
  KvDevice device(*damaged.coder);
  EXPECT_THAT(device.Add(damaged.shape, segments), IsOk());
  EXPECT_THAT(device.Decode(1), IsOk());
  EXPECT_EQ(device.touched(0), device.status(0) == kKvOk);
  return device.status(0);
}

TEST(KvKernelsDamageTest, StatusWordsSayWhatIsWrong) {
  Damaged damaged = MakeDamaged();
  damaged.segments.resize(2);
  EXPECT_EQ(StatusOf(damaged, damaged.segments), kKvOk);
  Segments bad = damaged.segments;
  bad[1][3] |= 0x80;  // the highest bit of a state
  EXPECT_TRUE(StatusOf(damaged, bad) & kKvBadState);
  bad = damaged.segments;
  std::fill_n(bad[1].begin(), 4, uint8_t{0});
  EXPECT_TRUE(StatusOf(damaged, bad) & kKvBadState);
  bad = damaged.segments;
  bad[1].resize(bad[1].size() - 2);
  EXPECT_TRUE(StatusOf(damaged, bad) & kKvEndsEarly);
  bad = damaged.segments;
  bad[1].insert(bad[1].end(), 2, uint8_t{0});
  EXPECT_EQ(StatusOf(damaged, bad), kKvLeftOver);
  bad = damaged.segments;
  bad[1].back() ^= 1;
  EXPECT_TRUE(StatusOf(damaged, bad) & kKvWrongEnd);
}

// Where there is nothing left of a run, but much is wanted of it: more than what stands behind it in the buffer.
TEST(KvKernelsDamageTest, WhatIsCutToNothingStaysInItsBuffer) {
  const KvPlaneSizes geometry = {KvElement::kBf16, 64, {200}};
  KvProfile profile = MakeKvCoder(geometry, SmallKvSettings())->profile();
  // Coarse, so that there is next to nothing behind the decisions.
  std::fill(profile.planes[0].index_channels.begin(), profile.planes[0].index_channels.end(), KvIndexChannel{});
  for (int16_t& step : profile.planes[0].steps) step = static_cast<int16_t>(step + 3);
  Damaged damaged{
      .shape = {0, 1, geometry.rows, 0, 0}, .coder = KvCoder::Create(std::move(profile)).value(), .segments = {}};
  damaged.segments = EncodeKvLayer(*damaged.coder, damaged.shape, MakeKvPlanes(geometry, 11));
  Segments cut = damaged.segments;
  cut.back() = {0};  // a run of no bytes
  EXPECT_TRUE(StatusOf(damaged, cut) & kKvEndsEarly);
  cut.resize(2);
  cut[1].resize(sizeof(uint32_t) << kKvDecisionLanesLog2);  // states alone
  EXPECT_TRUE(StatusOf(damaged, cut) & kKvEndsEarly);
}

// Bits of a refinement, which stand alone in their segment: a run for each plane, of less than 128 bytes.
TEST(KvKernelsDamageTest, RunsOfBitsEndWhereTheirElementsDo) {
  Damaged damaged = MakeDamaged();
  for (const size_t quality : {size_t{2}, damaged.segments.size() - 1}) {
    Segments good(damaged.segments.begin(), damaged.segments.begin() + static_cast<std::ptrdiff_t>(quality + 1));
    const std::vector<uint8_t> last = good.back();
    const auto second = static_cast<size_t>(last[0]) + 1;  // run, which has its length in front
    ASSERT_TRUE(last[0] < 0x80 && last[second] < 0x7f);
    EXPECT_EQ(StatusOf(damaged, good), kKvOk);
    good.back()[second] += 1;
    good.back().push_back(0);
    EXPECT_EQ(StatusOf(damaged, good), kKvLeftOver) << quality;
    good.back() = last;
    good.back()[second] -= 1;
    good.back().pop_back();
    EXPECT_EQ(StatusOf(damaged, good), kKvEndsEarly) << quality;
  }
}

// --- what callers may not ask for ---

TEST(KvPlanTest, WhatDoesNotFitIsRefused) {
  const Damaged good = MakeDamaged();
  const KvProfileImage image(*good.coder);
  std::vector<std::span<const uint8_t>> segments(good.segments.begin(), good.segments.end());
  const std::vector<KvPages> pages(2, {reinterpret_cast<uint8_t*>(256), 4 * 29, 3, 4});
  std::vector<uint32_t> slots = {0, 1, 2, 3, 4, 5, 6, 7, 11};
  KvDevicePlan plan;
  const auto status_of = [&](const KvLayerShape& shape, const KvDestination& to) {
    return AddKvLayer(*good.coder, image, shape, segments, to, &plan).code();
  };
  constexpr auto kRefused = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(status_of({0, 2, 8, 1, 0}, {pages, slots}), kRefused);
  EXPECT_EQ(status_of({0, 3, 9, 1, 0}, {pages, slots}), kRefused);
  EXPECT_EQ(status_of(good.shape, {std::span(pages).first(1), slots}), kRefused);
  slots[8] = 12;
  EXPECT_EQ(status_of(good.shape, {pages, slots}), kRefused);
  slots[8] = 11;
  const std::vector<KvPages> odd(2, {reinterpret_cast<uint8_t*>(257), 4 * 29, 3, 4});
  EXPECT_EQ(status_of(good.shape, {odd, slots}), kRefused);
  segments.push_back(segments.back());
  EXPECT_EQ(status_of(good.shape, {pages, slots}), kRefused);
  segments.clear();
  EXPECT_EQ(status_of(good.shape, {pages, slots}), kRefused);
  EXPECT_EQ(plan.num_layers, 0);
  EXPECT_TRUE(plan.coded.empty() && plan.rows.empty());
  segments.assign(good.segments.begin(), good.segments.end());
  EXPECT_EQ(status_of(good.shape, {pages, slots}), absl::StatusCode::kOk);
  EXPECT_EQ(plan.num_layers, 1);
}

}  // namespace
}  // namespace plait::gpu
