// Properties of every codec on every input of the registry, and of the block around them.
#include <algorithm>
#include <numeric>

#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "codec/block/plane_payload.h"
#include "tests/registry/files.h"
#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr uint64_t kSeed = 0x1234567890abcdef;
// Inputs whose blocks are at most this long are cut and flipped at every byte, longer ones at this many.
constexpr size_t kEveryByteUpTo = 2000;

struct Case {
  const CodecEntry* codec;
  Input input;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.codec->name() << ", " << test.input.name; }

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const CodecEntry& codec : CodecRegistry()) {
    for (Input& input : codec.edge_inputs()) cases.push_back({&codec, std::move(input)});
    for (uint32_t elements : {10u, 1000u, 20000u}) cases.push_back({&codec, codec.generate(elements, elements)});
  }
  return cases;
}

std::vector<uint8_t> EncodeWith(const Case& test, uint64_t seed = kSeed) {
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  EXPECT_THAT(test.codec->Encode(test.input, seed, workspace, &coded), IsOk());
  return coded;
}

std::vector<uint8_t> EncodeBest(const Input& input, const EncodeSettings& settings = {}) {
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  EncodeBlock(input.spec(kSeed), input.raw, workspace, &coded, settings);
  return coded;
}

constexpr EncodeSettings kWithRans = {.rans = kFastRans};
constexpr EncodeSettings kWithWideRans = {.rans = kFastRans, .wide_symbols = true};

absl::StatusOr<std::vector<uint8_t>> Decode(const BlockSpec& spec, std::span<const uint8_t> coded) {
  BlockWorkspace workspace;
  const GuardedBytes in(coded);
  const GuardedBytes raw(BlockRawBytes(spec));
  if (absl::Status status = DecodeBlock(spec, in.span(), workspace, raw.span()); !status.ok()) return status;
  return std::vector<uint8_t>(raw.span().begin(), raw.span().end());
}

// Places to damage in `bytes`: all of the header, and all or evenly many of the rest.
std::vector<size_t> PlacesIn(std::span<const uint8_t> bytes) {
  std::vector<size_t> places;
  const size_t step = std::max<size_t>(1, bytes.size() / kEveryByteUpTo);
  for (size_t at = 0; at < bytes.size(); at += at < kBlockHeaderBytes ? 1 : step) places.push_back(at);
  return places;
}

class EveryCodecAndInput : public testing::TestWithParam<Case> {};

std::string CaseName(const testing::TestParamInfo<Case>& test) {
  return test.param.codec->name() + "_" + test.param.input.name;
}
INSTANTIATE_TEST_SUITE_P(Registry, EveryCodecAndInput, testing::ValuesIn(AllCases()), CaseName);

TEST_P(EveryCodecAndInput, RoundTripsThroughEveryPairOfVariants) {
  const Input& input = GetParam().input;
  std::vector<uint8_t> coded;
  ForEachCpu([&] {
    const std::vector<uint8_t> again = EncodeWith(GetParam());
    if (coded.empty()) coded = again;
    ASSERT_EQ(again, coded) << "the bytes depend on the CPU variant";
  });
  EXPECT_EQ(ParseBlockHeader(coded)->codec, static_cast<uint8_t>(GetParam().codec->id));
  ForEachCpu([&] { ASSERT_EQ(Decode(input.spec(kSeed), coded).value(), input.raw); });
}

TEST_P(EveryCodecAndInput, TheChosenBlockRoundTripsAndIsNeverLargerThanStored) {
  const Input& input = GetParam().input;
  std::vector<uint8_t> coded;
  ForEachCpu([&] {
    const std::vector<uint8_t> again = EncodeBest(input);
    if (coded.empty()) coded = again;
    ASSERT_EQ(again, coded) << "the bytes depend on the CPU variant";
  });
  EXPECT_LE(coded.size(), kBlockHeaderBytes + input.raw.size());
  ForEachCpu([&] { ASSERT_EQ(Decode(input.spec(kSeed), coded).value(), input.raw); });
}

TEST_P(EveryCodecAndInput, TheBlockChosenWithRansRoundTripsAndIsNeverLargerThanStored) {
  const Input& input = GetParam().input;
  std::vector<uint8_t> coded;
  ForEachCpu([&] {
    const std::vector<uint8_t> again = EncodeBest(input, kWithWideRans);
    if (coded.empty()) coded = again;
    ASSERT_EQ(again, coded) << "the bytes depend on the CPU variant";
  });
  EXPECT_LE(coded.size(), kBlockHeaderBytes + input.raw.size());
  ForEachCpu([&] { ASSERT_EQ(Decode(input.spec(kSeed), coded).value(), input.raw); });
}

TEST_P(EveryCodecAndInput, TruncatedAtEveryByteIsOutOfRange) {
  const std::vector<uint8_t> coded = EncodeWith(GetParam());
  for (size_t size : PlacesIn(coded)) {
    ASSERT_THAT(Decode(GetParam().input.spec(kSeed), std::span(coded).first(size)),
                StatusIs(absl::StatusCode::kOutOfRange))
        << size << " of " << coded.size();
  }
}

TEST_P(EveryCodecAndInput, AByteBehindThePayloadIsDataLoss) {
  const std::vector<uint8_t> coded = Concat({EncodeWith(GetParam()), FromHex("00")});
  EXPECT_THAT(Decode(GetParam().input.spec(kSeed), coded), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(EveryCodecAndInput, AnyFlippedByteIsRejected) {
  const BlockSpec spec = GetParam().input.spec(kSeed);
  BlockWorkspace workspace;
  const GuardedBytes coded(EncodeWith(GetParam()));
  const GuardedBytes raw(BlockRawBytes(spec));
  for (size_t at : PlacesIn(coded.span())) {
    const auto flip = static_cast<uint8_t>(1 << at % 8);
    coded.span()[at] ^= flip;
    ASSERT_THAT(DecodeBlock(spec, coded.span(), workspace, raw.span()), IsRejected()) << "byte " << at;
    coded.span()[at] ^= flip;
  }
}

TEST_P(EveryCodecAndInput, AnotherSeedIsDataLoss) {
  const Input& input = GetParam().input;
  const std::vector<uint8_t> coded = EncodeWith(GetParam());
  EXPECT_THAT(Decode(input.spec(kSeed + 1), coded), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_NE(EncodeWith(GetParam(), kSeed + 1), coded);
}

TEST_P(EveryCodecAndInput, AnOutputOfAnotherSizeIsInvalidArgument) {
  const Input& input = GetParam().input;
  const std::vector<uint8_t> coded = EncodeWith(GetParam());
  BlockWorkspace workspace;
  std::vector<uint8_t> raw(input.raw.size() + 1);
  EXPECT_THAT(DecodeBlock(input.spec(kSeed), coded, workspace, raw), StatusIs(absl::StatusCode::kInvalidArgument));
  if (input.raw.empty()) return;
  raw.resize(input.raw.size() - 1);
  EXPECT_THAT(DecodeBlock(input.spec(kSeed), coded, workspace, raw), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(EveryCodecAndInput, OtherElementsThanTheFrameSaysAreDataLoss) {
  BlockSpec spec = GetParam().input.spec(kSeed);
  const std::vector<uint8_t> coded = EncodeWith(GetParam());
  spec.elements += 8;  // whole bytes for every dtype
  EXPECT_THAT(Decode(spec, coded), StatusIs(absl::StatusCode::kDataLoss));
}

// --- one block and its fields

struct FieldCase {
  const char* name;
  BlockHeader header;
  std::string_view payload;
  Dtype dtype;
  uint32_t elements;
  absl::StatusCode code;
};

// Codec, plane, elements, payload bytes; with a right hash, only a field or the payload can be what is wrong.
const FieldCase kFieldCases[] = {
    {"Stored", {0, 0, 2, 2}, "2A 2B", Dtype::kU8, 2, absl::StatusCode::kOk},
    {"UnknownCodec", {200, 0, 2, 2}, "2A 2B", Dtype::kU8, 2, absl::StatusCode::kUnimplemented},
    {"ReservedCodec", {3, 0, 2, 2}, "2A 2B", Dtype::kU8, 2, absl::StatusCode::kUnimplemented},
    {"UnknownPlane", {0, 200, 2, 2}, "2A 2B", Dtype::kU8, 2, absl::StatusCode::kUnimplemented},
    {"StoredTooShort", {0, 0, 2, 1}, "2A", Dtype::kU8, 2, absl::StatusCode::kDataLoss},
    {"StoredTooLong", {0, 0, 2, 3}, "2A 2B 2C", Dtype::kU8, 2, absl::StatusCode::kDataLoss},
    {"OtherElements", {0, 0, 3, 2}, "2A 2B", Dtype::kU8, 2, absl::StatusCode::kDataLoss},
    {"ZstdOfNoFrame", {1, 0, 2, 9}, "00 00 00 00 00 00 00 00 00", Dtype::kU8, 2, absl::StatusCode::kDataLoss},
    {"Constant", {6, 0, 2, 1}, "2A", Dtype::kU8, 2, absl::StatusCode::kOk},
    {"ConstantTooLong", {6, 0, 2, 2}, "2A 2A", Dtype::kU8, 2, absl::StatusCode::kDataLoss},
    {"TierOfNoStream", {2, 0, 1, 2}, "2A 2B", Dtype::kBf16, 1, absl::StatusCode::kOutOfRange},
    {"RansOfNoStream", {4, 0, 1, 2}, "2A 2B", Dtype::kU8, 1, absl::StatusCode::kOutOfRange},
    // bf16 planes of 1.0: directory (constant 7F of 1 byte, store of 1 byte), 7F, zeros to 32, 00
    {"Planes",
     {6, 1, 1, 33},
     "06 00 0000 01000000 00 00 0000 01000000 7F 000000000000000000000000000000 00",
     Dtype::kBf16,
     1,
     absl::StatusCode::kOk},
    {"PlanesCut",
     {6, 1, 1, 32},
     "06 00 0000 01000000 00 00 0000 01000000 7F 000000000000000000000000000000",
     Dtype::kBf16,
     1,
     absl::StatusCode::kOutOfRange},
    {"PlanesAndMore",
     {6, 1, 1, 34},
     "06 00 0000 01000000 00 00 0000 01000000 7F 000000000000000000000000000000 00 00",
     Dtype::kBf16,
     1,
     absl::StatusCode::kDataLoss},
    {"PlanesOfAnotherCodec",
     {2, 1, 1, 33},
     "06 00 0000 01000000 00 00 0000 01000000 7F 000000000000000000000000000000 00",
     Dtype::kBf16,
     1,
     absl::StatusCode::kDataLoss},
    {"PlanesPadded",
     {6, 1, 1, 33},
     "06 00 0000 01000000 00 00 0000 01000000 7F 000000000000000000000000000001 00",
     Dtype::kBf16,
     1,
     absl::StatusCode::kDataLoss},
    {"PlaneOfUnknownCodec",
     {6, 1, 1, 33},
     "06 00 0000 01000000 09 00 0000 01000000 7F 000000000000000000000000000000 00",
     Dtype::kBf16,
     1,
     absl::StatusCode::kUnimplemented},
    {"PlanesAtPhase1",
     {6, 1, 3, 34},
     "06 01 0000 01000000 00 00 0000 01000000 7F 000000000000000000000000000000 00 2A",
     Dtype::kU8,
     3,
     absl::StatusCode::kOk},
    {"PlanesAtPhase2",
     {6, 1, 3, 34},
     "06 02 0000 01000000 00 00 0000 01000000 7F 000000000000000000000000000000 00 2A",
     Dtype::kU8,
     3,
     absl::StatusCode::kDataLoss},
    {"PhaseOfPlane1",
     {6, 1, 1, 33},
     "06 00 0000 01000000 00 01 0000 01000000 7F 000000000000000000000000000000 00",
     Dtype::kBf16,
     1,
     absl::StatusCode::kDataLoss},
    // one e4m3 element: exponent 7, then sign and mantissa in 4 bits, of which the second nibble must be zero
    {"PackedPlane",
     {6, 5, 1, 33},
     "06 00 0000 01000000 00 00 0000 01000000 07 000000000000000000000000000000 0F",
     Dtype::kF8E4m3,
     1,
     absl::StatusCode::kOk},
    {"PackedPlanePadded",
     {6, 5, 1, 33},
     "06 00 0000 01000000 00 00 0000 01000000 07 000000000000000000000000000000 1F",
     Dtype::kF8E4m3,
     1,
     absl::StatusCode::kDataLoss},
};

TEST(DecodeBlock, FieldsAreCheckedEvenUnderARightHash) {
  for (const FieldCase& test : kFieldCases) {
    const BlockSpec spec{.dtype = test.dtype, .elements = test.elements, .seed = kSeed};
    EXPECT_THAT(Decode(spec, SealedBlock(test.header, FromHex(test.payload), kSeed)), StatusIs(test.code)) << test.name;
  }
}

TEST(DecodeBlock, SyncAndReservedBytesAreDataLoss) {
  const std::vector<uint8_t> good = SealedBlock({0, 0, 1, 1}, FromHex("2A"), 0);
  for (size_t at : {0, 1, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31}) {
    std::vector<uint8_t> coded = good;
    coded[at] ^= 0x40;
    EXPECT_THAT(ParseBlockHeader(coded), StatusIs(absl::StatusCode::kDataLoss)) << at;
  }
}

TEST(EncodeBlockWith, WhatACodecCannotCarryIsInvalidArgument) {
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  const std::vector<uint8_t> odd(3);
  EXPECT_THAT(EncodeBlockWith(PlaneKind::kBytes, CodecId::kConstant, {.dtype = Dtype::kU8, .elements = 2},
                              FromHex("00 01"), workspace, &coded),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      EncodeBlockWith(PlaneKind::kBytes, CodecId::kStore, {.dtype = Dtype::kU8, .elements = 4}, odd, workspace, &coded),
      StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(EncodeBlock, AUsedWorkspaceChangesNothing) {
  BlockWorkspace used;
  for (const Case& test : AllCases()) {
    std::vector<uint8_t> coded = FromHex("DE AD");
    EncodeBlock(test.input.spec(kSeed), test.input.raw, used, &coded);
    ASSERT_EQ(coded, EncodeBest(test.input)) << test.input.name;
  }
}

// Bytes with a flat histogram that repeat.
std::vector<uint8_t> Ramps(size_t n) {
  std::vector<uint8_t> bytes(n);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  return bytes;
}

// fp32 widened from fp16: of its lower planes one has eight values, the last is zero.
TEST(EncodeBlock, FewValuedMantissasAreNotLeftToZstd) {
  Random random(10);
  std::vector<uint8_t> raw(4 * 20000);
  for (size_t i = 0; i < raw.size(); i += 4) {
    // Random sign and 10 bits of mantissa.
    const auto bits = static_cast<uint32_t>(random());
    StoreLe(uint32_t{0x3c000000} | (bits & 0x807fe000), &raw[i]);
  }
  const absl::StatusOr<BlockAnatomy> anatomy = DescribeBlock(EncodeBest({"widened", Dtype::kF32, raw}));
  ASSERT_THAT(anatomy, IsOk());
  ASSERT_EQ(anatomy->kind, PlaneKind::kF32);
  EXPECT_EQ(anatomy->planes[1].codec, CodecId::kStore);
  EXPECT_EQ(anatomy->planes[2].codec, CodecId::kRans);
  EXPECT_EQ(anatomy->planes[3].codec, CodecId::kConstant);
}

PlaneKind KindOf(const Input& input, const EncodeSettings& settings) {
  const std::vector<uint8_t> coded = EncodeBest(input, settings);
  EXPECT_EQ(Decode(input.spec(kSeed), coded).value(), input.raw);
  return static_cast<PlaneKind>(ParseBlockHeader(coded)->plane);
}

TEST(EncodeBlock, SymbolsAreWideWhereTheFirstMantissaBitDependsOnTheExponent) {
  const std::pair<Dtype, PlaneKind> kKinds[] = {{Dtype::kBf16, PlaneKind::kBf16},
                                                {Dtype::kF32, PlaneKind::kF32},
                                                {Dtype::kF16, PlaneKind::kF16},
                                                {Dtype::kF8E4m3, PlaneKind::kE4m3}};
  Random random(11);
  for (const auto& [dtype, narrow] : kKinds) {
    const Input thinning = {"thinning", dtype, ThinningFloats(dtype, 40000, 0, random)};
    EXPECT_EQ(KindOf(thinning, kWithWideRans), WideKindOf(narrow)) << GetDtypeInfo(dtype).name;
    EXPECT_EQ(KindOf(thinning, kWithRans), narrow) << GetDtypeInfo(dtype).name;
    const Input even = {"even", dtype, WeightLikeFloats(dtype, 40000, random)};
    EXPECT_EQ(KindOf(even, kWithWideRans), narrow) << GetDtypeInfo(dtype).name;
  }
}

// Half of the values are 2 or more: a plane of their exponents' top bits would cost more than wide symbols save.
TEST(EncodeBlock, SymbolsAreNarrowWhereTheTopExponentBitVaries) {
  Random random(12);
  const Input large = {"large", Dtype::kBf16, ThinningFloats(Dtype::kBf16, 40000, 3, random)};
  EXPECT_EQ(KindOf(large, kWithWideRans), PlaneKind::kBf16);
}

// Bytes that nobody parsed, at an odd phase.
TEST(EncodeBlock, SymbolsOfUnparsedBytesAreWideToo) {
  Random random(13);
  const Input bytes = {"bytes", Dtype::kU8, Concat({FromHex("00"), ThinningFloats(Dtype::kBf16, 40000, 0, random)})};
  EXPECT_EQ(KindOf(bytes, kWithWideRans), PlaneKind::kBf16Wide);
}

// Symbol coders see no repeats: half of the mantissas are zero, which gives the block away.
TEST(EncodeBlock, AFloatTensorThatRepeatsIsBytes) {
  Random random(11);
  std::vector<uint8_t> row = WeightLikeBf16(1000, random);
  for (size_t i = 0; i < row.size(); i += 4) std::ranges::fill(std::span(row).subspan(i, 2), uint8_t{0});
  std::vector<uint8_t> raw;
  for (int i = 0; i < 100; ++i) raw.insert(raw.end(), row.begin(), row.end());
  const absl::StatusOr<BlockAnatomy> anatomy = DescribeBlock(EncodeBest({"repeats", Dtype::kBf16, raw}));
  ASSERT_THAT(anatomy, IsOk());
  EXPECT_EQ(anatomy->kind, PlaneKind::kBytes);
  EXPECT_EQ(anatomy->planes[0].codec, CodecId::kZstd);
}

TEST(EncodeBlock, PicksTheCodecThatFits) {
  const auto codec_of = [](const Input& input) {
    return static_cast<CodecId>(ParseBlockHeader(EncodeBest(input))->codec);
  };
  Random random(9);
  EXPECT_EQ(codec_of({"weights", Dtype::kBf16, WeightLikeBf16(20000, random)}), CodecId::kTier);
  EXPECT_EQ(codec_of({"bf16 in bytes", Dtype::kU8, WeightLikeBf16(20000, random)}), CodecId::kTier);
  EXPECT_EQ(codec_of({"skewed", Dtype::kF8E4m3, WeightLikeFloats(Dtype::kF8E4m3, 20000, random)}), CodecId::kTier);
  EXPECT_EQ(codec_of({"noise", Dtype::kU8, RandomBytes(20000, random)}), CodecId::kStore);
  EXPECT_EQ(codec_of({"noise", Dtype::kBf16, RandomBytes(20000, random)}), CodecId::kStore);
  EXPECT_EQ(codec_of({"skewed", Dtype::kI8, GeometricBytes(20000, random)}), CodecId::kTier);
  EXPECT_EQ(codec_of({"ramps", Dtype::kI8, Ramps(20000)}), CodecId::kZstd);
  EXPECT_EQ(codec_of({"zeros", Dtype::kF32, std::vector<uint8_t>(20000)}), CodecId::kConstant);
}

TEST(EncodeBlock, WithRansPicksItWhereItIsSmaller) {
  const auto codec_of = [](const Input& input) {
    return static_cast<CodecId>(ParseBlockHeader(EncodeBest(input, kWithRans))->codec);
  };
  Random random(9);
  for (size_t n : {20000, 100000}) {
    const Input weights = {"weights", Dtype::kBf16, WeightLikeBf16(n, random)};
    EXPECT_EQ(codec_of(weights), CodecId::kRans);
    EXPECT_LT(EncodeBest(weights, kWithRans).size(), EncodeBest(weights).size());
    EXPECT_EQ(codec_of({"noise", Dtype::kBf16, RandomBytes(n, random)}), CodecId::kStore);
    EXPECT_EQ(codec_of({"skewed", Dtype::kI8, GeometricBytes(n, random)}), CodecId::kRans);
    EXPECT_EQ(codec_of({"ramps", Dtype::kI8, Ramps(n)}), CodecId::kZstd);
    EXPECT_EQ(codec_of({"zeros", Dtype::kF32, std::vector<uint8_t>(n)}), CodecId::kConstant);
  }
  // 64 states are more than tier's two bits for each of few symbols.
  EXPECT_EQ(codec_of({"few", Dtype::kBf16, WeightLikeBf16(300, random)}), CodecId::kTier);
}

}  // namespace
}  // namespace plait
