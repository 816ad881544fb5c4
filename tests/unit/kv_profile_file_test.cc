// Profile files: what is written is read back, and what a reader must reject.
#include "formats/kv/kv_profile_file.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "codec/base/endian.h"
#include "formats/kv/kv_header.h"
#include "tests/registry/kv_caches.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

using absl::StatusCode;

KvCache SmallCache() { return MakeKvCache(KvElement::kBf16, 2, 20, 4, 7); }

MATCHER(IsRefused, "is rejected, or is no profile, or above a limit") {
  *result_listener << "which is " << StatusOf(arg).ToString();
  const StatusCode code = StatusOf(arg).code();
  return code == StatusCode::kOutOfRange || code == StatusCode::kDataLoss || code == StatusCode::kUnimplemented ||
         code == StatusCode::kFailedPrecondition || code == StatusCode::kResourceExhausted;
}

TEST(KvProfileFile, IsReadAsItWasWritten) {
  for (const bool quality_layers : {false, true}) {
    const auto made = MakeKvCacheProfile(SmallCache(), quality_layers);
    const auto read = ParseKvProfileFile(made->bytes);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ((*read)->name, made->name);
    EXPECT_EQ((*read)->name, Hash128Of(made->bytes));
    EXPECT_EQ((*read)->geometry.planes, made->geometry.planes);
    EXPECT_EQ((*read)->geometry.model, "a test");
    EXPECT_EQ((*read)->has_quality_layers(), quality_layers);
    EXPECT_EQ(KvProfileBody((*read)->geometry, (*read)->coder->profile()),
              KvProfileBody(made->geometry, made->coder->profile()));
    const KvPlaneProfile& plane = (*read)->coder->profile().planes[1];
    const KvPlaneProfile& expected = made->coder->profile().planes[1];
    EXPECT_EQ(plane.head_class, expected.head_class);
    EXPECT_EQ(plane.head_offset, expected.head_offset);
    EXPECT_EQ(plane.index_class, expected.index_class);
    EXPECT_EQ(plane.steps, expected.steps);
    EXPECT_EQ(plane.token_reference, expected.token_reference);
  }
}

TEST(KvProfileFile, TruncatedAtEveryByteIsOutOfRange) {
  const std::vector<uint8_t> bytes = MakeKvCacheProfile(SmallCache())->bytes;
  EXPECT_THAT(ParseKvProfileFile({}), StatusIs(StatusCode::kFailedPrecondition));
  for (size_t size = 1; size < bytes.size(); ++size) {
    const auto prefix = std::span(bytes).first(size);
    const GuardedBytes cut(prefix);
    ASSERT_THAT(ParseKvProfileFile(cut.span()), StatusIs(StatusCode::kOutOfRange)) << size << " bytes";
  }
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  EXPECT_THAT(ParseKvProfileFile(longer), StatusIs(StatusCode::kDataLoss));
}

TEST(KvProfileFile, EveryFlippedBitIsRejected) {
  std::vector<uint8_t> bytes = MakeKvCacheProfile(SmallCache())->bytes;
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    ASSERT_THAT(ParseKvProfileFile(bytes), IsRefused()) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
  }
}

// Whatever the body holds under a right hash: a status, or a profile that is written as the same body.
TEST(KvProfileFile, EverySealedByteIsRejectedOrKept) {
  const auto made = MakeKvCacheProfile(SmallCache());
  const std::vector<uint8_t> body = KvProfileBody(made->geometry, made->coder->profile());
  for (size_t at = 0; at < body.size(); ++at) {
    for (const uint8_t value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::vector<uint8_t> forged = body;
      forged[at] = value;
      const auto read = ParseKvProfileFile(SealKvProfileBody(forged));
      if (read.ok()) {
        ASSERT_EQ(KvProfileBody((*read)->geometry, (*read)->coder->profile()), forged) << "byte " << at;
      } else {
        ASSERT_THAT(read, IsRejected()) << "byte " << at;
      }
    }
    const auto cut = ParseKvProfileFile(SealKvProfileBody(std::span(body).first(at)));
    ASSERT_THAT(cut, IsRejected()) << at << " bytes";
  }
  std::vector<uint8_t> longer = body;
  longer.push_back(0);
  EXPECT_THAT(ParseKvProfileFile(SealKvProfileBody(longer)), StatusIs(StatusCode::kDataLoss));
}

TEST(KvProfileFile, EveryLieIsRejected) {
  const KvCache cache = SmallCache();
  const KvProfile profile = MakeKvCacheProfile(cache)->coder->profile();
  using Tell = std::function<void(KvProfile&)>;
  const std::vector<std::pair<std::string, Tell>> lies = {
      {"no refinements", [](KvProfile& p) { p.refinements = 0; }},
      {"nine refinements", [](KvProfile& p) { p.refinements = kKvMaxRefinements + 1; }},
      {"a frequency", [](KvProfile& p) { ++p.heads.frequencies[0][0]; }},
      {"no escape", [](KvProfile& p) { p.indices.frequencies[0] = {kKvSlots}; }},
      {"a context", [](KvProfile& p) { p.heads.contexts[0][0] = 2; }},
      {"a share of decisions", [](KvProfile& p) { p.bits[0][0] = 0; }},
      {"a class of heads", [](KvProfile& p) { p.planes[0].head_class[0] = 2; }},
      {"a class of indices", [](KvProfile& p) { p.planes[3].index_class[0] = 2; }},
      {"a shift", [](KvProfile& p) { p.planes[0].index_channels[0].shift = kKvMaxShift + 1; }},
      {"a reference that is no number", [](KvProfile& p) { p.planes[0].token_reference = std::nanf(""); }},
  };
  for (const auto& [what, tell] : lies) {
    KvProfile forged = profile;
    tell(forged);
    EXPECT_THAT(ParseKvProfileFile(SealKvProfileBody(KvProfileBody(cache.geometry, forged))),
                StatusIs(StatusCode::kDataLoss))
        << what;
    EXPECT_THAT(MakeKvProfileFile(cache.geometry, forged), StatusIs(StatusCode::kInvalidArgument)) << what;
  }
}

TEST(KvProfileFile, OfAnotherGeometryIsNotMade) {
  const KvCache cache = SmallCache();
  const KvProfile profile = MakeKvCacheProfile(cache)->coder->profile();
  KvGeometry geometry = cache.geometry;
  geometry.planes.pop_back();
  EXPECT_THAT(MakeKvProfileFile(geometry, profile), StatusIs(StatusCode::kInvalidArgument));
  geometry = cache.geometry;
  ++geometry.planes[0].head_dim;
  EXPECT_THAT(MakeKvProfileFile(geometry, profile), StatusIs(StatusCode::kInvalidArgument));
  geometry = cache.geometry;
  geometry.element = KvElement::kF16;
  EXPECT_THAT(MakeKvProfileFile(geometry, profile), StatusIs(StatusCode::kInvalidArgument));
}

// Zeros that zstd makes 10,000 times smaller.
TEST(KvProfileFile, BombsAreNotDecoded) {
  const std::vector<uint8_t> bomb = SealKvProfileBody(std::vector<uint8_t>(kMaxKvProfileBodyBytes + 1));
  ResetLargestAllocation();
  EXPECT_THAT(ParseKvProfileFile(bomb), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_LT(LargestAllocation(), size_t{1} << 16);
  std::vector<uint8_t> lying = SealKvProfileBody(std::vector<uint8_t>(1000));
  SealKvHeader(kKvProfileMagic, 100, lying);
  EXPECT_THAT(ParseKvProfileFile(lying), StatusIs(StatusCode::kDataLoss));
}

}  // namespace
}  // namespace plait
