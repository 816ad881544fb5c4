// KV objects: round trips, prefixes, and what a reader must reject.
#include <algorithm>
#include <bit>
#include <cmath>

#include "codec/base/status.h"
#include "codec/kv/kv_values.h"
#include "formats/kv/kv_decoding.h"
#include "formats/kv/kv_elements.h"
#include "formats/kv/kv_header.h"
#include "formats/kv/kv_manifest.h"
#include "formats/kv/kv_object_writer.h"
#include "tests/registry/kv_caches.h"
#include "tests/unit/testing.h"
#include "tools/pipeline/kv_coding.h"

namespace plait {
namespace {

using absl::StatusCode;

constexpr KvElement kElements[] = {KvElement::kBf16, KvElement::kF16, KvElement::kE4m3, KvElement::kE5m2};
constexpr KvForm kForms[] = {KvForm::kLayers, KvForm::kRans, KvForm::kTier, KvForm::kRange};

KvCache SmallCache(KvElement element = KvElement::kBf16) { return MakeKvCache(element, 2, 20, 8, 7); }

std::shared_ptr<const KvProfileFile> ProfileFor(KvForm form, const KvCache& cache) {
  return NeedsKvProfile(form) ? MakeKvCacheProfile(cache) : nullptr;
}

std::vector<uint8_t> ObjectOf(const KvCache& cache, KvForm form, bool inline_profile = true) {
  KvObjectSettings settings = {.form = form, .first_token = 512};
  if (form == KvForm::kLayers) {
    settings.exact_first = 2;
    settings.exact_last = 1;
  }
  settings.inline_profile = inline_profile;
  settings.key[3] = 0xab;
  return MakeKvObject(cache, settings, ProfileFor(form, cache));
}

// A prefix may be no object at all when not a byte is left.
MATCHER(IsRefused, "is rejected, or is no KV object, or above a limit") {
  *result_listener << "which is " << StatusOf(arg).ToString();
  const StatusCode code = StatusOf(arg).code();
  return code == StatusCode::kOutOfRange || code == StatusCode::kDataLoss || code == StatusCode::kUnimplemented ||
         code == StatusCode::kFailedPrecondition || code == StatusCode::kResourceExhausted;
}

TEST(KvObject, RoundTripOfEveryFormAndElement) {
  for (const KvElement element : kElements) {
    const KvCache cache = SmallCache(element);
    for (const KvForm form : kForms) {
      SCOPED_TRACE(absl::StrCat(std::string(KvElementName(element)), ", ", std::string(KvFormName(form))));
      const auto decoded = DecodeKvObject(ObjectOf(cache, form));
      ASSERT_THAT(decoded, IsOk());
      EXPECT_EQ(*decoded, cache.bytes());
    }
  }
}

TEST(KvObject, RoundTripOfRaggedPlanes) {
  KvCache cache = SmallCache();
  cache.geometry.planes[1].name = std::string("latent");
  cache.geometry.planes[1].heads = 1;
  cache.geometry.planes[1].head_dim = 3;
  cache.planes[1].resize(cache.rows * 3);
  cache.geometry.planes[3].model_layer = 9;
  for (const KvForm form : kForms) {
    const auto decoded = DecodeKvObject(ObjectOf(cache, form));
    ASSERT_THAT(decoded, IsOk());
    EXPECT_EQ(*decoded, cache.bytes());
  }
}

TEST(KvObject, ManifestSaysWhatTheWriterWasTold) {
  const KvCache cache = SmallCache();
  const std::vector<uint8_t> object = ObjectOf(cache, KvForm::kLayers);
  const auto manifest = ParseKvManifest(object);
  ASSERT_THAT(manifest, IsOk());
  EXPECT_EQ(manifest->key[3], 0xab);
  EXPECT_EQ(manifest->first_token, 512);
  EXPECT_EQ(manifest->rows, cache.rows);
  EXPECT_EQ(manifest->exact_first, 2);
  EXPECT_EQ(manifest->exact_last, 1);
  EXPECT_EQ(manifest->num_layers, 2);
  EXPECT_EQ(manifest->num_planes, 4);
  EXPECT_EQ(manifest->channels, 64);
  EXPECT_EQ(manifest->object_bytes, object.size());
  EXPECT_EQ(KvManifestBytes(std::span(object).first(kKvHeaderBytes)).value(), manifest->manifest_bytes);
}

double MeanSquare(const KvCache& cache, size_t plane, std::span<const uint8_t> decoded) {
  const KvElementInfo info = GetKvElementInfo(cache.geometry.element);
  const std::vector<uint16_t>& x = cache.planes[plane];
  std::vector<uint16_t> y(x.size());
  KvElementsFromBytes(cache.geometry.element, decoded.subspan(plane * x.size() * info.bytes(), x.size() * info.bytes()),
                      y);
  double sum = 0;
  size_t count = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!IsKvFinite(info, x[i])) continue;
    const double error = double{KvValue(info, x[i])} - double{KvValue(info, y[i])};
    sum += error * error;
    ++count;
  }
  return sum / static_cast<double>(count);
}

TEST(KvObject, CutAtEachQualityDecodesAtItWithTheErrorThatIsSaid) {
  for (const KvElement element : {KvElement::kBf16, KvElement::kF16}) {
    const KvCache cache = MakeKvCache(element, 2, 20, 8, 7, /*odd=*/false);
    const std::vector<uint8_t> object = ObjectOf(cache, KvForm::kLayers);
    const KvManifest manifest = ParseKvManifest(object).value();
    double before = std::numeric_limits<double>::infinity();
    for (unsigned quality = 0; quality + 1 < manifest.num_qualities; ++quality) {
      const auto prefix = std::span(object).first(manifest.quality_end(quality));
      EXPECT_EQ(manifest.qualities_in(prefix.size()), quality + 1);
      EXPECT_EQ(manifest.qualities_in(prefix.size() - 1), quality);
      const auto decoded = DecodeKvObject(prefix, nullptr, /*cut=*/true);
      ASSERT_THAT(decoded, IsOk());
      double sum = 0;
      for (size_t plane = 0; plane < manifest.num_planes; ++plane) {
        const double error = MeanSquare(cache, plane, *decoded);
        EXPECT_NEAR(manifest.error(quality, plane), error, error / 16) << "quality " << quality << ", plane " << plane;
        sum += error;
      }
      EXPECT_LT(sum, before) << "quality " << quality;
      before = sum;
    }
    EXPECT_EQ(manifest.error(manifest.num_qualities - 1, 0), 0);
  }
}

TEST(KvObject, UpgradedInPlaceIsWhatDecodingAtOnceGives) {
  const KvCache cache = SmallCache();
  const std::vector<uint8_t> object = ObjectOf(cache, KvForm::kLayers);
  const KvManifest manifest = ParseKvManifest(object).value();
  const auto decoding = KvDecoding::Create(manifest, nullptr).value();
  std::vector<std::vector<uint16_t>> planes = cache.planes;
  for (unsigned quality = 0; quality < manifest.num_qualities; ++quality) {
    std::vector<uint8_t> bytes;
    for (size_t layer = 0; layer < manifest.num_layers; ++layer) {
      EXPECT_EQ(decoding->qualities(layer), quality);
      const std::vector<std::span<const uint8_t>> segment = {KvSegmentBytes(manifest, object, quality, layer).value()};
      const std::vector<std::span<uint16_t>> spans = {planes[2 * layer], planes[2 * layer + 1]};
      ASSERT_THAT(decoding->Add(layer, segment, spans), IsOk());
    }
    for (const std::vector<uint16_t>& plane : planes) {
      const auto raw = std::span(reinterpret_cast<const uint8_t*>(plane.data()), 2 * plane.size());
      bytes.insert(bytes.end(), raw.begin(), raw.end());
    }
    const auto prefix = std::span(object).first(manifest.quality_end(quality));
    EXPECT_EQ(bytes, DecodeKvObject(prefix, nullptr, /*cut=*/true).value()) << "quality " << quality;
  }
  const std::vector<std::span<const uint8_t>> again = {KvSegmentBytes(manifest, object, 0, 0).value()};
  EXPECT_THAT(decoding->Add(0, again, std::vector<std::span<uint16_t>>{planes[0], planes[1]}),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(KvObject, BytesDoNotDependOnTheNumberOfThreads) {
  const KvCache cache = MakeKvCache(KvElement::kBf16, 6, 12, 4, 3);
  const auto profile = MakeKvCacheProfile(cache);
  const KvPlaneReader read = [&](size_t plane, std::span<uint16_t> x) {
    std::ranges::copy(cache.planes[plane], x.begin());
    return absl::OkStatus();
  };
  std::vector<uint8_t> one;
  std::vector<uint8_t> four;
  KvObjectParts parts;
  const KvObjectSettings settings = {.rows = cache.rows};
  ASSERT_THAT(EncodeKvChunk(settings, cache.geometry, profile, read, 1, &one, &parts), IsOk());
  ASSERT_THAT(EncodeKvChunk(settings, cache.geometry, profile, read, 4, &four, &parts), IsOk());
  EXPECT_EQ(one, four);
  EXPECT_THAT(CompareKvChunk(one, profile, read, 4), IsOk());
  const KvPlaneReader other = [&](size_t, std::span<uint16_t> x) {
    std::ranges::fill(x, uint16_t{1});
    return absl::OkStatus();
  };
  EXPECT_THAT(CompareKvChunk(one, profile, other, 1), StatusIs(StatusCode::kInternal));
}

TEST(KvObject, NamesTheProfileThatIsMissing) {
  const KvCache cache = SmallCache();
  const auto profile = MakeKvCacheProfile(cache);
  const std::vector<uint8_t> object = ObjectOf(cache, KvForm::kLayers, /*inline_profile=*/false);
  const absl::Status missing = DecodeKvObject(object).status();
  EXPECT_THAT(missing, StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(std::string(missing.message()), testing::HasSubstr(HexDigits(profile->name)));
  const auto other = MakeKvCacheProfile(MakeKvCache(KvElement::kBf16, 2, 20, 8, 8));
  EXPECT_THAT(DecodeKvObject(object, other), StatusIs(StatusCode::kNotFound));
  EXPECT_EQ(DecodeKvObject(object, profile).value(), cache.bytes());
}

TEST(KvObject, TruncatedAtEveryByteIsRejected) {
  for (const KvForm form : kForms) {
    const std::vector<uint8_t> object = ObjectOf(SmallCache(), form);
    for (size_t bytes = 0; bytes < object.size(); ++bytes) {
      const auto prefix = std::span(object).first(bytes);
      const GuardedBytes cut(prefix);
      ASSERT_THAT(DecodeKvObject(cut.span()),
                  bytes == 0 ? StatusIs(StatusCode::kFailedPrecondition) : StatusIs(StatusCode::kOutOfRange))
          << std::string(KvFormName(form)) << ", " << bytes << " bytes";
    }
    std::vector<uint8_t> longer = object;
    longer.push_back(0);
    EXPECT_THAT(DecodeKvObject(longer), StatusIs(StatusCode::kDataLoss));
  }
}

TEST(KvObject, EveryFlippedBitIsRejected) {
  for (const KvForm form : kForms) {
    std::vector<uint8_t> object = ObjectOf(MakeKvCache(KvElement::kBf16, 1, 9, 2, 5), form);
    for (size_t bit = 0; bit < 8 * object.size(); ++bit) {
      object[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
      ASSERT_THAT(DecodeKvObject(object), IsRefused()) << std::string(KvFormName(form)) << ", bit " << bit;
      object[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    }
  }
}

// A segment that is damaged under a right hash is the codec's to find; it may be another valid one, but never a crash.
TEST(KvObject, SealedFlipsInSegmentsGiveAStatus) {
  for (const KvForm form : kForms) {
    const std::vector<uint8_t> object = ObjectOf(SmallCache(), form);
    const KvManifest manifest = ParseKvManifest(object).value();
    for (size_t at = manifest.manifest_bytes; at < object.size(); at += 3) {
      std::vector<uint8_t> forged = object;
      forged[at] ^= static_cast<uint8_t>(1 + at % 255);
      KvManifest lying = manifest;
      for (KvSegment& segment : lying.segments)
        segment.hash = Hash64(std::span(forged).subspan(segment.offset, segment.bytes));
      std::vector<uint8_t> sealed;
      AppendKvManifest(&lying, &sealed);
      sealed.insert(sealed.end(), forged.begin() + static_cast<ptrdiff_t>(manifest.manifest_bytes), forged.end());
      const auto decoded = DecodeKvObject(sealed);
      if (decoded.ok()) continue;
      EXPECT_THAT(decoded, IsRejected()) << "byte " << at;
    }
  }
}

struct Lie {
  std::string field;
  StatusCode code;
  std::function<void(KvManifest&)> tell;
};

const Lie kLies[] = {
    {"form", StatusCode::kUnimplemented, [](KvManifest& m) { m.form = static_cast<KvForm>(4); }},
    {"form range", StatusCode::kDataLoss, [](KvManifest& m) { m.form = KvForm::kRange; }},
    {"form that needs no profile", StatusCode::kDataLoss, [](KvManifest& m) { m.form = KvForm::kTier; }},
    {"form of one quality", StatusCode::kDataLoss, [](KvManifest& m) { m.form = KvForm::kRans; }},
    {"two qualities", StatusCode::kDataLoss, [](KvManifest& m) { m.num_qualities = 2; }},
    {"eleven qualities", StatusCode::kDataLoss, [](KvManifest& m) { m.num_qualities = 11; }},
    {"one quality less", StatusCode::kDataLoss,
     [](KvManifest& m) {
       m.num_qualities = 5;
       m.segments.resize(10);
       m.errors.resize(16);
     }},
    {"place of the profile", StatusCode::kUnimplemented,
     [](KvManifest& m) { m.profile_place = static_cast<KvProfilePlace>(3); }},
    {"no profile", StatusCode::kDataLoss, [](KvManifest& m) { m.profile_place = KvProfilePlace::kNone; }},
    {"an empty profile", StatusCode::kDataLoss, [](KvManifest& m) { m.inline_profile.clear(); }},
    {"a damaged profile", StatusCode::kDataLoss, [](KvManifest& m) { m.inline_profile.back() ^= 1; }},
    {"first token", StatusCode::kDataLoss, [](KvManifest& m) { m.first_token = ~uint64_t{0} >> 1; }},
    {"no tokens", StatusCode::kDataLoss, [](KvManifest& m) { m.rows = 0; }},
    {"too many tokens", StatusCode::kDataLoss, [](KvManifest& m) { m.rows = kKvMaxRows + 1; }},
    {"a token less", StatusCode::kOutOfRange, [](KvManifest& m) { --m.rows; }},
    {"more exact tokens than tokens", StatusCode::kDataLoss, [](KvManifest& m) { m.exact_first = m.rows + 1; }},
    {"exact tokens that overlap", StatusCode::kDataLoss, [](KvManifest& m) { m.exact_last = m.rows - 1; }},
    {"no planes", StatusCode::kDataLoss, [](KvManifest& m) { m.num_planes = 0; }},
    {"too many planes", StatusCode::kDataLoss, [](KvManifest& m) { m.num_planes = kMaxKvPlanes + 1; }},
    {"no model layers", StatusCode::kDataLoss, [](KvManifest& m) { m.num_layers = 0; }},
    {"more model layers than planes", StatusCode::kDataLoss, [](KvManifest& m) { m.num_layers = 5; }},
    {"fewer channels than planes", StatusCode::kDataLoss, [](KvManifest& m) { m.channels = 3; }},
    {"one channel more", StatusCode::kDataLoss, [](KvManifest& m) { ++m.channels; }},
    {"an error that is infinite", StatusCode::kDataLoss, [](KvManifest& m) { m.errors[0] = kMaxKvErrorCode + 1; }},
    {"a segment's bytes", StatusCode::kDataLoss, [](KvManifest& m) { --m.segments[0].bytes; }},
    {"a segment's hash", StatusCode::kDataLoss, [](KvManifest& m) { m.segments[5].hash ^= 1; }},
    {"a section that must be understood", StatusCode::kUnimplemented,
     [](KvManifest& m) { m.sections = {{.type = 9, .flags = kSectionMustUnderstand, .bytes = {}}}; }},
};

// `object` with another manifest, whose object bytes are those that are there.
std::vector<uint8_t> Forge(std::span<const uint8_t> object, const std::function<void(KvManifest&)>& tell) {
  KvManifest manifest = ParseKvManifest(object).value();
  const auto segments = object.subspan(manifest.manifest_bytes);
  tell(manifest);
  if (manifest.profile_place == KvProfilePlace::kNone && !manifest.geometry) {
    manifest.geometry.emplace().planes.emplace_back();
  }
  std::vector<uint8_t> forged;
  AppendKvManifest(&manifest, &forged);
  SealKvHeader(kKvObjectMagic, forged.size() + segments.size(), forged);
  forged.insert(forged.end(), segments.begin(), segments.end());
  return forged;
}

TEST(KvManifest, EveryLieIsRejected) {
  const std::vector<uint8_t> object = ObjectOf(SmallCache(), KvForm::kLayers);
  EXPECT_EQ(Forge(object, [](KvManifest&) {}), object);
  for (const Lie& lie : kLies) {
    EXPECT_THAT(DecodeKvObject(Forge(object, lie.tell)), StatusIs(lie.code)) << lie.field;
  }
}

TEST(KvManifest, LiesAboutTheGeometryInsideAreRejected) {
  const std::vector<uint8_t> object = ObjectOf(SmallCache(), KvForm::kTier);
  using Tell = std::function<void(KvGeometry&)>;
  const std::vector<std::pair<std::string, Tell>> lies = {
      {"no planes", [](KvGeometry& g) { g.planes.clear(); }},
      {"a plane less", [](KvGeometry& g) { g.planes.pop_back(); }},
      {"no name", [](KvGeometry& g) { g.planes[0].name.clear(); }},
      {"a long name", [](KvGeometry& g) { g.planes[0].name.assign(kMaxKvNameBytes + 1, 'k'); }},
      {"one name twice", [](KvGeometry& g) { g.planes[1].name = std::string("k"); }},
      {"no heads", [](KvGeometry& g) { g.planes[0].heads = 0; }},
      {"too many channels", [](KvGeometry& g) { g.planes[0].heads = g.planes[0].head_dim = 300; }},
      {"another number of channels", [](KvGeometry& g) { ++g.planes[0].head_dim; }},
      {"another number of model layers",
       [](KvGeometry& g) {
         g.planes[1].model_layer = 1, g.planes[1].name = std::string("w");
         g.planes[2].model_layer = 2;
         g.planes[3].model_layer = 3;
       }},
      {"a model layer beyond the limit",
       [](KvGeometry& g) { g.planes[2].model_layer = g.planes[3].model_layer = kMaxKvModelLayer + 1; }},
      {"a model's long name", [](KvGeometry& g) { g.model.assign(kMaxKvModelNameBytes + 1, 'm'); }},
  };
  for (const auto& [what, tell] : lies) {
    const auto forged = Forge(object, [&](KvManifest& m) {
      tell(*m.geometry);
      m.profile_place = KvProfilePlace::kNone;
    });
    EXPECT_THAT(DecodeKvObject(forged), StatusIs(StatusCode::kDataLoss)) << what;
  }
}

TEST(KvManifest, HeaderFieldsAreChecked) {
  const std::vector<uint8_t> object = ObjectOf(SmallCache(), KvForm::kTier);
  const auto with = [&](size_t at, uint8_t value) {
    std::vector<uint8_t> forged = object;
    forged[at] = value;
    return DecodeKvObject(forged).status();
  };
  EXPECT_THAT(with(0, 'Q'), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(with(8, 1), StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(with(10, 1), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(with(15, 0xff), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(with(23, 1), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(with(24, static_cast<uint8_t>(object[24] ^ 1)), StatusIs(StatusCode::kDataLoss));
}

// 65,536 tokens of 65,536 channels out of a few hundred bytes.
TEST(KvManifest, MemoryThatNoByteHasEarnedIsNotAllocated) {
  const std::vector<uint8_t> object = ObjectOf(SmallCache(), KvForm::kTier);
  const auto forged = Forge(object, [](KvManifest& m) {
    m.rows = kKvMaxRows;
    for (KvPlaneInfo& plane : m.geometry->planes) plane.heads = 256, plane.head_dim = 256;
    m.channels = m.geometry->channels();
  });
  ResetLargestAllocation();
  EXPECT_THAT(DecodeKvObject(forged), StatusIs(StatusCode::kDataLoss));
  EXPECT_LT(LargestAllocation(), size_t{1} << 16);
  const auto large = DecodeKvObject(object, nullptr, false, {.max_layer_elements = 100});
  EXPECT_THAT(large, StatusIs(StatusCode::kResourceExhausted));
}

// What the side information of a small model with a profile may take: 30 model layers, 6 qualities.
TEST(KvManifest, OfThirtyModelLayersAndSixQualitiesTakesTwoAndAHalfKiB) {
  KvManifest manifest;
  manifest.rows = 256;
  manifest.profile_place = KvProfilePlace::kNamed;
  manifest.num_layers = 30;
  manifest.num_planes = 60;
  manifest.channels = 60 * 192;
  manifest.num_qualities = 6;
  for (unsigned i = 0; i < 180; ++i) manifest.segments.push_back({.bytes = 23000 + 7 * i, .hash = ~uint64_t{i}});
  for (unsigned quality = 0; quality < 5; ++quality) {
    for (unsigned plane = 0; plane < 60; ++plane) {
      manifest.errors.push_back(KvErrorCode((1 + plane % 7 * 0.1) * std::pow(0.25, quality)));
    }
  }
  std::vector<uint8_t> bytes;
  AppendKvManifest(&manifest, &bytes);
  EXPECT_LE(bytes.size(), 2560);
}

TEST(KvErrorCode, IsNearAndOrdered) {
  EXPECT_EQ(KvErrorOfCode(KvErrorCode(0)), 0);
  double before = 0;
  for (double error = 1e-30; error < 1e30; error *= 1.1) {
    const double code = KvErrorOfCode(KvErrorCode(error));
    EXPECT_NEAR(code, error, error / 32);
    EXPECT_GE(code, before);
    before = code;
  }
  EXPECT_EQ(KvErrorCode(std::numeric_limits<double>::max()), kMaxKvErrorCode);
}

TEST(KvObjectWriter, RefusesWhatContradictsItself) {
  const KvCache cache = SmallCache();
  const auto profile = MakeKvCacheProfile(cache);
  const auto create = [&](const KvObjectSettings& settings, const KvGeometry& geometry,
                          std::shared_ptr<const KvProfileFile> with) {
    return KvObjectWriter::Create(settings, geometry, std::move(with)).status();
  };
  const KvGeometry& geometry = cache.geometry;
  EXPECT_THAT(create({.rows = 20}, geometry, profile), IsOk());
  EXPECT_THAT(create({.rows = 0}, geometry, profile), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(create({.rows = kKvMaxRows + 1}, geometry, profile), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(create({.rows = 20, .exact_first = 15, .exact_last = 6}, geometry, profile),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(create({.form = KvForm::kRans, .rows = 20, .exact_first = 1}, geometry, profile),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(create({.rows = 20}, geometry, nullptr), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(create({.form = KvForm::kTier, .rows = 20}, geometry, profile), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(create({.form = KvForm::kRange, .rows = 20}, geometry, profile), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(create({.rows = 20}, geometry, MakeKvCacheProfile(cache, /*quality_layers=*/false)),
              StatusIs(StatusCode::kInvalidArgument));
  KvGeometry other = geometry;
  other.rope = KvRope::kPre;
  EXPECT_THAT(create({.rows = 20}, other, profile), StatusIs(StatusCode::kInvalidArgument));
  other = geometry;
  other.planes[1].name = std::string("w");
  EXPECT_THAT(create({.rows = 20}, other, profile), StatusIs(StatusCode::kInvalidArgument));
  other.planes.clear();
  EXPECT_THAT(create({.form = KvForm::kTier, .rows = 20}, other, nullptr), StatusIs(StatusCode::kInvalidArgument));
}

TEST(KvObjectWriter, MissingModelLayersAndWrongSizesAreRefused) {
  const KvCache cache = SmallCache();
  const KvObjectWriter writer =
      KvObjectWriter::Create({.form = KvForm::kTier, .rows = 20}, cache.geometry, nullptr).value();
  std::vector<uint8_t> object;
  KvObjectParts parts;
  EXPECT_THAT(writer.Finish(&object, &parts), StatusIs(StatusCode::kFailedPrecondition));
  KvWorkspace workspace;
  const std::vector<KvElements> one = {cache.planes[0]};
  EXPECT_THAT(writer.Encode(0, one, workspace), StatusIs(StatusCode::kInvalidArgument));
  const std::vector<KvElements> shorter = {cache.planes[0], std::span(cache.planes[1]).subspan(1)};
  EXPECT_THAT(writer.Encode(0, shorter, workspace), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace plait
