// The rans stream: plans, bytes, and what a decoder makes of bytes that no encoder wrote.
#include "codec/rans/rans.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "codec/base/endian.h"
#include "codec/rans/rans_plan.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

// The example of FORMAT.md: nine symbols in 64 lanes, two levels, one unit.
constexpr std::string_view kHandSymbols = "7E 7D 7E 7C 7E 10 7D 7E FF";
constexpr std::string_view kHandHeader = "02 06 00 00 02 00 00 00 00 00 00 00";
constexpr std::string_view kHandTables = "84 40 20 10 10 7E 7D 7C  02 01 7F 10 FF";
constexpr size_t kHandStatesAt = 25;
constexpr size_t kHandUnitAt = kHandStatesAt + 128;

// The states of 64 lanes, 256 but for those given.
std::vector<uint8_t> StatesBut(std::initializer_list<std::pair<size_t, uint16_t>> others) {
  std::vector<uint8_t> states(128);
  for (size_t lane = 0; lane < 64; ++lane) StoreLe(uint16_t{256}, &states[2 * lane]);
  for (const auto& [lane, state] : others) StoreLe(state, &states[2 * lane]);
  return states;
}

std::vector<uint8_t> HandStream() {
  const std::vector<uint8_t> states = StatesBut(
      {{1, 0x0200}, {2, 0x0200}, {3, 0x0440}, {4, 0x0870}, {32, 0x0449}, {33, 0x0860}, {34, 0x0870}, {35, 0x0200}});
  return Concat({FromHex(kHandHeader), FromHex(kHandTables), states, FromHex("00")});
}

RansPlan HandPlan() {
  RansPlan plan{.level = {.num_digits = 4, .has_escape = true}, .lanes_log2 = 6};
  std::ranges::copy(FromHex("40 20 10 10"), plan.level.frequency.begin());
  std::ranges::copy(FromHex("7E 7D 7C"), plan.level.symbol.begin());
  return plan;
}

std::vector<uint8_t> Encode(std::span<const uint8_t> symbols, const RansPlan& plan) {
  const GuardedBytes in(symbols);
  RansScratch scratch;
  std::vector<uint8_t> stream;
  RansEncode(in.span(), plan, scratch, &stream);
  return stream;
}

std::vector<uint8_t> Encode(std::span<const uint8_t> symbols, const RansSettings& settings) {
  return Encode(symbols, PlanRans(CountForRans(symbols, settings), symbols.size(), settings));
}

absl::StatusOr<std::vector<uint8_t>> Decode(std::span<const uint8_t> stream, size_t n) {
  const GuardedBytes in(stream);
  const GuardedBytes symbols(n);
  RansScratch scratch;
  if (absl::Status status = RansDecode(in.span(), scratch, symbols.span()); !status.ok()) return status;
  return std::vector<uint8_t>(symbols.span().begin(), symbols.span().end());
}

constexpr RansSettings kSettings[] = {{.lanes_log2 = 6, .sample_stride = 1},
                                      {.lanes_log2 = 7, .sample_stride = 1},
                                      {.lanes_log2 = 8, .sample_stride = 11}};

std::vector<uint8_t> SymbolsInTurn(size_t n, size_t distinct) {
  std::vector<uint8_t> symbols(n);
  for (size_t i = 0; i < n; ++i) symbols[i] = static_cast<uint8_t>(100 + i % distinct);
  return symbols;
}

// Planes that reach every level count, with sizes around a step's.
std::vector<std::vector<uint8_t>> Planes() {
  Random random(4);
  std::vector<std::vector<uint8_t>> planes;
  for (size_t n : {0, 1, 2, 63, 64, 65, 127, 128, 129, 255, 256, 257, 6151, 40000}) {
    planes.push_back(GeometricBytes(n, random));
    planes.push_back(RandomBytes(n, random));
    for (size_t distinct : {1, 2, 15, 16, 17, 47, 48}) planes.push_back(SymbolsInTurn(n, distinct));
  }
  return planes;
}

TEST(RansDecode, HandAssembledStreamGivesItsSymbols) {
  ForEachCpu([] { EXPECT_EQ(Decode(HandStream(), 9).value(), FromHex(kHandSymbols)); });
}

TEST(RansEncode, HandAssembledStreamIsWhatItsPlanGives) {
  // Two raw symbols are smaller than a second level; so no state has gone on to one.
  const std::vector<uint8_t> states = StatesBut({{0, 0x0200},
                                                 {1, 0x0200},
                                                 {2, 0x0200},
                                                 {3, 0x0440},
                                                 {4, 0x0870},
                                                 {32, 0x0440},
                                                 {33, 0x0860},
                                                 {34, 0x0870},
                                                 {35, 0x0200}});
  const std::vector<uint8_t> stream =
      Concat({FromHex("01 06 00 00 02 00 00 00  84 40 20 10 10 7E 7D 7C"), states, FromHex("10 FF")});
  ForEachCpu([&] { EXPECT_EQ(Encode(FromHex(kHandSymbols), HandPlan()), stream); });
}

TEST(RansEncode, EveryVariantWritesTheSameBytesAndReadsThemBack) {
  for (const RansSettings& settings : kSettings) {
    for (const auto& symbols : Planes()) {
      std::vector<uint8_t> stream;
      ForEachCpu([&] {
        const std::vector<uint8_t> again = Encode(symbols, settings);
        if (stream.empty()) stream = again;
        ASSERT_EQ(again, stream);
        ASSERT_EQ(Decode(stream, symbols.size()).value(), symbols);
      });
    }
  }
}

TEST(RansEncode, SymbolsThatTheSampleMissedEscape) {
  std::vector<uint8_t> symbols(50000, 7);
  symbols[1] = 8;  // no multiple of 11
  symbols[12] = 9;
  ForEachCpu([&] { EXPECT_EQ(Decode(Encode(symbols, kSettings[2]), symbols.size()).value(), symbols); });
}

TEST(RansEncode, AUsedScratchChangesNothing) {
  RansScratch used;
  for (const auto& symbols : Planes()) {
    const RansPlan plan = PlanRans(CountBytes(symbols), symbols.size(), kSettings[1]);
    std::vector<uint8_t> stream;
    RansEncode(symbols, plan, used, &stream);
    ASSERT_EQ(stream, Encode(symbols, plan));
    std::vector<uint8_t> decoded(symbols.size());
    ASSERT_THAT(RansDecode(stream, used, decoded), IsOk());
    ASSERT_EQ(decoded, symbols);
  }
}

TEST(RansEncode, IsWithinAFiftiethOfABitOfTheEntropy) {
  Random random(12);
  const std::vector<uint8_t> symbols = GeometricBytes(size_t{1} << 18, random);
  const double ideal = static_cast<double>(OrderZeroBits(CountBytes(symbols)));
  for (const RansSettings& settings : kSettings) {
    const double bits = 8.0 * static_cast<double>(Encode(symbols, settings).size());
    EXPECT_LT((bits - ideal) / static_cast<double>(symbols.size()), 0.02);
  }
}

TEST(PlanRans, EstimateIsWithinHalfAByteOfEveryLaneAndALittle) {
  for (const auto& symbols : Planes()) {
    const RansPlan plan = PlanRans(CountBytes(symbols), symbols.size(), kSettings[1]);
    const auto bytes = static_cast<int64_t>(Encode(symbols, plan).size());
    const int64_t slack = (int64_t{1} << plan.lanes_log2) / 2 + bytes / 100;
    EXPECT_LE(std::abs(static_cast<int64_t>(plan.estimated_bytes) - bytes), slack) << symbols.size();
  }
}

TEST(PlanRans, FrequenciesAddUpAndNoneIsZero) {
  Random random(6);
  for (int trial = 0; trial < 2000; ++trial) {
    ByteHistogram counts{};
    for (int s = 0; s < 256; ++s)
      counts[s] = static_cast<uint32_t>(random() % 1000000 >> std::min(31, s * (trial % 24) / 16));
    const size_t n = TotalCount(counts) + trial % 2;  // one more: a sample
    const RansLevel level = PlanRans(counts, n, {}).level;
    ASSERT_GE(level.num_digits, kRansMinDigits);
    ASSERT_LE(level.num_digits, kRansMaxDigits);
    const auto frequencies = std::span(level.frequency).first(level.num_digits);
    EXPECT_EQ(std::accumulate(frequencies.begin(), frequencies.end(), 0u), kRansSlots);
    EXPECT_EQ(std::ranges::find(frequencies, 0), frequencies.end());
    EXPECT_TRUE(level.has_escape || trial % 2 == 0) << "a sample may have missed a symbol";
  }
}

TEST(PlanRans, TiesGoToTheSmallerSymbol) {
  ByteHistogram counts{};
  for (uint8_t symbol : {90, 7, 91}) counts[symbol] = 5;
  counts[200] = 9;
  const RansLevel level = PlanRans(counts, 24, {}).level;
  EXPECT_EQ((std::vector<uint8_t>{level.symbol.begin(), level.symbol.begin() + 4}), FromHex("C8 07 5A 5B"));
}

// Cost of a level in bits, ideal for its frequencies.
double LevelBits(const ByteHistogram& counts, std::span<const uint8_t> symbols, std::span<const uint8_t> frequencies) {
  double bits = 0;
  for (size_t d = 0; d < symbols.size(); ++d) bits += counts[symbols[d]] * (7 - std::log2(frequencies[d]));
  return bits;
}

TEST(PlanRans, NoSlotIsBetterWithAnotherDigit) {
  Random random(7);
  for (int trial = 0; trial < 300; ++trial) {
    ByteHistogram counts{};
    for (int s = 0; s < 6; ++s) counts[s] = static_cast<uint32_t>(1 + (random() % 1000000 >> 2 * s));
    const RansLevel level = PlanRans(counts, TotalCount(counts), {}).level;
    if (level.has_escape) continue;
    const auto symbols = std::span(level.symbol).first(level.num_digits);
    const double bits = LevelBits(counts, symbols, level.frequency);
    for (size_t from = 0; from < level.num_digits; ++from) {
      for (size_t to = 0; to < level.num_digits; ++to) {
        auto moved = level.frequency;
        if (moved[from] == 1 || from == to) continue;
        --moved[from];
        ++moved[to];
        EXPECT_GE(LevelBits(counts, symbols, moved), bits * (1 - 1e-4)) << trial;
      }
    }
  }
}

TEST(PlanDeeperRansLevel, ThereAreNoMoreThanTheFormatAllows) {
  ByteHistogram counts{};
  counts[1] = 1000000;
  RansLevel level;
  EXPECT_TRUE(PlanDeeperRansLevel(counts, kRansMaxLevels - 1, &level));
  EXPECT_FALSE(PlanDeeperRansLevel(counts, kRansMaxLevels, &level));
  counts[1] = 3;
  EXPECT_FALSE(PlanDeeperRansLevel(counts, 1, &level)) << "three raw bytes are smaller than a table";
}

TEST(RansDecode, TruncatedAtEveryByteIsOutOfRange) {
  for (const auto& symbols : Planes()) {
    const std::vector<uint8_t> stream = Encode(symbols, kSettings[0]);
    if (stream.size() > 1500) continue;
    for (size_t size = 0; size < stream.size(); ++size) {
      ASSERT_THAT(Decode(std::span(stream).first(size), symbols.size()), StatusIs(absl::StatusCode::kOutOfRange))
          << size << " of " << stream.size();
    }
  }
}

TEST(RansDecode, BytesBehindTheStreamAreDataLoss) {
  for (const auto& symbols : Planes()) {
    const std::vector<uint8_t> stream = Concat({Encode(symbols, kSettings[1]), FromHex("00")});
    EXPECT_THAT(Decode(stream, symbols.size()), StatusIs(absl::StatusCode::kDataLoss)) << symbols.size();
  }
}

struct BrokenByte {
  const char* what;
  size_t at;
  uint8_t value;
};

// Each changes one byte of the hand-assembled stream.
constexpr BrokenByte kBrokenBytes[] = {
    {"no level", 0, 0},
    {"four levels", 0, 4},
    {"32 lanes", 1, 5},
    {"512 lanes", 1, 9},
    {"reserved byte", 2, 1},
    {"reserved byte", 3, 1},
    {"more escapes of level 1 than symbols", 4, 10},
    {"more escapes of level 2 than of level 1", 8, 3},
    {"one escape fewer than there are", 4, 1},
    {"reserved bit", 12, 0xa4},
    {"reserved bit", 12, 0xc4},
    {"no digit", 12, 0x80},
    {"one digit", 12, 0x81},
    {"17 digits", 12, 0x91},
    {"sum 127", 13, 0x3f},
    {"sum 129", 13, 0x41},
    {"frequency 0", 21, 0},
    {"a state below 256", kHandStatesAt + 1, 0},
    {"a lane that does not end at 256", kHandStatesAt + 2 * 63, 1},
};

TEST(RansDecode, EveryBrokenFieldIsDataLoss) {
  for (const BrokenByte& broken : kBrokenBytes) {
    std::vector<uint8_t> stream = HandStream();
    stream[broken.at] = broken.value;
    if (std::string_view(broken.what) == "frequency 0") stream[broken.at + 1] = 128;
    ForEachCpu([&] {
      EXPECT_THAT(Decode(stream, 9), StatusIs(absl::StatusCode::kDataLoss)) << broken.what << " at " << broken.at;
    });
  }
}

TEST(RansDecode, ARawSymbolThatNothingEscapesToIsDataLoss) {
  std::vector<uint8_t> stream = HandStream();
  stream[8] = 1;
  stream.insert(stream.begin() + kHandUnitAt, 0x33);
  ForEachCpu([&] { EXPECT_THAT(Decode(stream, 9), StatusIs(absl::StatusCode::kDataLoss)); });
}

TEST(RansDecode, AnotherUnitIsDataLoss) {
  std::vector<uint8_t> stream = HandStream();
  stream[kHandUnitAt] = 1;
  ForEachCpu([&] { EXPECT_THAT(Decode(stream, 9), StatusIs(absl::StatusCode::kDataLoss)); });
}

// Nothing hashes a raw stream, so a flip may decode to other symbols; it may not touch what is not its own.
TEST(RansDecode, EveryFlippedBitIsDecodedOrRejectedAlikeByEveryVariant) {
  Random random(7);
  for (size_t n : {1, 65, 700}) {
    for (const RansSettings& settings : kSettings) {
      const GuardedBytes stream(Encode(GeometricBytes(n, random), settings));
      const GuardedBytes decoded(n);
      RansScratch scratch;
      for (size_t bit = 0; bit < 8 * stream.span().size(); ++bit) {
        stream.span()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
        std::vector<absl::StatusCode> codes;
        ForEachCpu([&] { codes.push_back(RansDecode(stream.span(), scratch, decoded.span()).code()); });
        ASSERT_EQ(std::ranges::count(codes, codes[0]), static_cast<ptrdiff_t>(codes.size())) << bit;
        stream.span()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      }
    }
  }
}

TEST(RansDecode, RandomUnitsNeverLeaveTheirBuffers) {
  Random random(8);
  const std::vector<uint8_t> symbols = GeometricBytes(3000, random);
  const std::vector<uint8_t> good = Encode(symbols, kSettings[0]);
  for (int trial = 0; trial < 1000; ++trial) {
    std::vector<uint8_t> stream = good;
    const size_t from = 60 + random() % (stream.size() - 60);
    std::generate(stream.begin() + static_cast<ptrdiff_t>(from), stream.end(),
                  [&] { return static_cast<uint8_t>(random()); });
    stream.resize(from + random() % (stream.size() - from));
    ASSERT_THAT(Decode(stream, random() % 3000), testing::AnyOf(IsOk(), IsRejected()));
  }
}

TEST(RansReader, PartsAreTheWhole) {
  for (const RansSettings& settings : kSettings) {
    for (const auto& symbols : Planes()) {
      const std::vector<uint8_t> stream = Encode(symbols, settings);
      for (size_t part : {kRansMaxLanes, 5 * kRansMaxLanes}) {
        ForEachCpu([&] {
          RansScratch scratch;
          std::vector<uint8_t> decoded(symbols.size());
          absl::StatusOr<RansReader> reader = RansReader::Open(stream, symbols.size(), scratch);
          ASSERT_THAT(reader, IsOk());
          for (size_t i = 0; i < symbols.size(); i += part) {
            ASSERT_THAT(reader->Read(std::span(decoded).subspan(i, std::min(part, symbols.size() - i))), IsOk());
          }
          ASSERT_THAT(reader->Finish(), IsOk());
          ASSERT_EQ(decoded, symbols);
        });
      }
    }
  }
}

TEST(RansReader, AnUnfinishedStreamIsDataLoss) {
  Random random(9);
  const std::vector<uint8_t> symbols = GeometricBytes(5000, random);
  const std::vector<uint8_t> stream = Encode(symbols, kSettings[1]);
  RansScratch scratch;
  const absl::StatusOr<RansReader> reader = RansReader::Open(stream, symbols.size(), scratch);
  ASSERT_THAT(reader, IsOk());
  EXPECT_THAT(reader->Finish(), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace plait
