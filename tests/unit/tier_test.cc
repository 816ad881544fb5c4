// The tier stream: plans, bytes, and what a decoder makes of bytes that no encoder wrote.
#include "codec/tier/tier.h"

#include <algorithm>
#include <cstdlib>

#include "codec/histogram/histogram.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

// Nine symbols   7E 7D 7E 7C | 7E 10 7D 7E | FF        table: level 1  0 7E, 1 7D, 2 7C; level 2  0 7B, 1 10, 2 00
// level-1 digits  0  1  0  2 |  0  3  1  0 |  3        four to a byte, the first lowest: 84 1C 03
// level-2 digits of 10, FF: 1 3                        0D
// raw: FF
constexpr std::string_view kHandSymbols = "7E 7D 7E 7C 7E 10 7D 7E FF";
constexpr std::string_view kHandStream =
    "02 7E 7D 7C 7B 10 00 00 00 00 00 00 00 00 00 00"
    "84 1C 03"
    "0D"
    "FF";
constexpr size_t kHandLevel1LastByte = 18;
constexpr size_t kHandLevel2Byte = 19;

std::vector<uint8_t> Encode(std::span<const uint8_t> symbols, const TierPlan& plan) {
  const GuardedBytes in(symbols);
  const GuardedBytes stream(TierMaxBytes(symbols.size()));
  const size_t bytes = TierEncode(in.span(), plan, stream.span());
  return {stream.span().begin(), stream.span().begin() + static_cast<ptrdiff_t>(bytes)};
}

std::vector<uint8_t> Encode(std::span<const uint8_t> symbols) { return Encode(symbols, PlanTier(CountBytes(symbols))); }

absl::StatusOr<std::vector<uint8_t>> Decode(std::span<const uint8_t> stream, size_t n) {
  const GuardedBytes in(stream);
  const GuardedBytes symbols(n);
  if (absl::Status status = TierDecode(in.span(), symbols.span()); !status.ok()) return status;
  return std::vector<uint8_t>(symbols.span().begin(), symbols.span().end());
}

std::vector<uint8_t> SymbolsInTurn(size_t n, size_t distinct) {
  std::vector<uint8_t> symbols(n);
  for (size_t i = 0; i < n; ++i) symbols[i] = static_cast<uint8_t>(100 + i % distinct);
  return symbols;
}

// Planes that reach every level count, with sizes around the group's.
std::vector<std::vector<uint8_t>> Planes() {
  Random random(4);
  std::vector<std::vector<uint8_t>> planes;
  for (size_t n : {0, 1, 2, 3, 4, 5, 63, 64, 65, 2047, 2048, 2049, 6151}) {
    planes.push_back(GeometricBytes(n, random));
    planes.push_back(RandomBytes(n, random));
    for (size_t distinct : {1, 3, 4, 6, 7, 15, 16}) planes.push_back(SymbolsInTurn(n, distinct));
  }
  return planes;
}

TierPlan HandPlan() {
  TierPlan plan{.num_levels = 2};
  std::ranges::copy(FromHex("7E 7D 7C 7B 10 00"), plan.table.begin());
  return plan;
}

TEST(TierDecode, HandAssembledStreamGivesItsSymbols) {
  ForEachCpu([] { EXPECT_EQ(Decode(FromHex(kHandStream), 9).value(), FromHex(kHandSymbols)); });
}

TEST(TierEncode, HandAssembledStreamIsWhatItsPlanGives) {
  ForEachCpu([] { EXPECT_EQ(Encode(FromHex(kHandSymbols), HandPlan()), FromHex(kHandStream)); });
}

TEST(TierEncode, EveryVariantWritesTheSameBytesAndReadsThemBack) {
  for (const auto& symbols : Planes()) {
    std::vector<uint8_t> stream;
    ForEachCpu([&] {
      const std::vector<uint8_t> again = Encode(symbols);
      if (stream.empty()) stream = again;
      ASSERT_EQ(again, stream);
      ASSERT_EQ(Decode(stream, symbols.size()).value(), symbols);
    });
  }
}

TEST(TierEncode, AnyPlanRoundTripsAnySymbols) {
  Random random(5);
  for (size_t trial = 0; trial < 200; ++trial) {
    TierPlan plan{.num_levels = 1 + trial % kTierMaxLevels};
    // Few values, so that tables hold the same symbol more than once and miss others.
    for (size_t i = 0; i < plan.num_levels * kTierSymbolsPerLevel; ++i) plan.table[i] = random() % 20;
    const std::vector<uint8_t> symbols = GeometricBytes(random() % 3000, random);
    ForEachCpu([&] { ASSERT_EQ(Decode(Encode(symbols, plan), symbols.size()).value(), symbols); });
  }
}

TEST(TierMaxBytes, HoldsWhenEverySymbolEscapesEveryLevel) {
  for (size_t levels = 1; levels <= kTierMaxLevels; ++levels) {
    const TierPlan plan{.num_levels = levels};  // knows only the symbol 0
    for (size_t n : {0, 1, 2, 3, 4, 5, 2047, 2048, 2049, 6145}) {
      const std::vector<uint8_t> symbols(n, 0xee);
      EXPECT_LE(Encode(symbols, plan).size(), TierMaxBytes(n)) << n;  // the guard page would have faulted before
    }
  }
}

TEST(PlanTier, SymbolsAreSortedByCountAndTiesGoToTheSmaller) {
  ByteHistogram counts{};
  counts[200] = 9;
  counts[7] = 5;
  counts[90] = 5;
  counts[91] = 5;
  counts[3] = 1;
  const TierPlan plan = PlanTier(counts);
  ASSERT_EQ(plan.num_levels, 2);
  EXPECT_EQ((std::vector<uint8_t>{plan.table.begin(), plan.table.begin() + 6}), FromHex("C8 07 5A 5B 03 00"));
}

TEST(PlanTier, AnEmptyPlaneHasOneLevel) { EXPECT_EQ(PlanTier(ByteHistogram{}).num_levels, 1); }

TEST(PlanTier, UnusedTableEntriesAreZero) {
  for (const auto& symbols : Planes()) {
    const TierPlan plan = PlanTier(CountBytes(symbols));
    const auto unused = std::span(plan.table).subspan(plan.num_levels * kTierSymbolsPerLevel);
    EXPECT_TRUE(std::ranges::all_of(unused, [](uint8_t symbol) { return symbol == 0; }));
  }
}

// Bits of digits and raw symbols with that many levels of the commonest symbols.
uint64_t BitsWithLevels(const ByteHistogram& counts, size_t levels) {
  ByteHistogram sorted = counts;
  std::ranges::sort(sorted, std::greater());
  uint64_t bits = 0;
  for (size_t s = 0; s < sorted.size(); ++s) {
    const size_t level = std::min(s / kTierSymbolsPerLevel, levels);
    bits += uint64_t{sorted[s]} * (level == levels ? 2 * levels + 8 : 2 * (level + 1));
  }
  return bits;
}

TEST(PlanTier, LevelsAreTheFewestOfTheCheapest) {
  Random random(6);
  for (int trial = 0; trial < 2000; ++trial) {
    ByteHistogram counts{};
    const int spread = trial % 24;
    for (int s = 0; s < 256; ++s)
      counts[s] = static_cast<uint32_t>(random() % 1000000 >> std::min(31, s * spread / 16));
    size_t best = 1;
    for (size_t levels = 2; levels <= kTierMaxLevels; ++levels) {
      if (BitsWithLevels(counts, levels) < BitsWithLevels(counts, best)) best = levels;
    }
    EXPECT_EQ(PlanTier(counts).num_levels, best) << trial;
  }
}

TEST(PlanTier, EstimateIsWithinAByteOfEveryPart) {
  for (const auto& symbols : Planes()) {
    const TierPlan plan = PlanTier(CountBytes(symbols));
    const auto bytes = static_cast<int64_t>(Encode(symbols).size());
    const auto groups = static_cast<int64_t>((symbols.size() + kTierGroupSymbols - 1) / kTierGroupSymbols);
    const int64_t parts = 1 + groups * static_cast<int64_t>(plan.num_levels);
    EXPECT_LE(std::abs(static_cast<int64_t>(plan.estimated_bytes) - bytes), parts) << symbols.size();
  }
}

TEST(TierDecode, TruncatedAtEveryByteIsOutOfRange) {
  for (const auto& symbols : Planes()) {
    const std::vector<uint8_t> stream = Encode(symbols);
    if (stream.size() > 1500) continue;
    for (size_t size = 0; size < stream.size(); ++size) {
      ASSERT_THAT(Decode(std::span(stream).first(size), symbols.size()), StatusIs(absl::StatusCode::kOutOfRange))
          << size << " of " << stream.size();
    }
  }
}

TEST(TierDecode, BytesBehindTheStreamAreDataLoss) {
  for (const auto& symbols : Planes()) {
    const std::vector<uint8_t> stream = Concat({Encode(symbols), FromHex("00")});
    EXPECT_THAT(Decode(stream, symbols.size()), StatusIs(absl::StatusCode::kDataLoss)) << symbols.size();
  }
}

TEST(TierDecode, ALevelCountOutsideOneToFiveIsDataLoss) {
  std::vector<uint8_t> stream = FromHex(kHandStream);
  for (int levels = 0; levels < 256; ++levels) {
    if (levels >= 1 && levels <= 5) continue;
    stream[0] = static_cast<uint8_t>(levels);
    EXPECT_THAT(Decode(stream, 9), StatusIs(absl::StatusCode::kDataLoss)) << levels;
  }
}

TEST(TierDecode, EveryUnusedTableEntryThatIsNotZeroIsDataLoss) {
  for (size_t at = 7; at < kTierHeaderBytes; ++at) {
    std::vector<uint8_t> stream = FromHex(kHandStream);
    stream[at] = 1;
    EXPECT_THAT(Decode(stream, 9), StatusIs(absl::StatusCode::kDataLoss)) << at;
  }
}

TEST(TierDecode, EveryPaddingBitThatIsNotZeroIsDataLoss) {
  for (auto [at, first_bit] : {std::pair{kHandLevel1LastByte, 2}, std::pair{kHandLevel2Byte, 4}}) {
    for (int bit = first_bit; bit < 8; ++bit) {
      std::vector<uint8_t> stream = FromHex(kHandStream);
      stream[at] |= static_cast<uint8_t>(1 << bit);
      EXPECT_THAT(Decode(stream, 9), StatusIs(absl::StatusCode::kDataLoss)) << at << ", bit " << bit;
    }
  }
}

// Nothing hashes a raw stream, so a flip may decode to other symbols; it may not touch what is not its own.
TEST(TierDecode, EveryFlippedBitIsDecodedOrRejectedAlikeByEveryVariant) {
  Random random(7);
  for (size_t n : {1, 9, 65, 300}) {
    const std::vector<uint8_t> symbols = GeometricBytes(n, random);
    const GuardedBytes stream(Encode(symbols));
    const GuardedBytes decoded(n);
    for (size_t bit = 0; bit < 8 * stream.span().size(); ++bit) {
      stream.span()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      std::vector<absl::StatusCode> codes;
      ForEachCpu([&] { codes.push_back(TierDecode(stream.span(), decoded.span()).code()); });
      ASSERT_EQ(std::ranges::count(codes, codes[0]), static_cast<ptrdiff_t>(codes.size())) << bit;
      stream.span()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(TierDecode, RandomBytesNeverLeaveTheirBuffers) {
  Random random(8);
  for (int trial = 0; trial < 3000; ++trial) {
    std::vector<uint8_t> stream = RandomBytes(16 + random() % 900, random);
    stream[0] = static_cast<uint8_t>(1 + random() % kTierMaxLevels);
    std::fill(stream.begin() + 1 + 3 * stream[0], stream.begin() + kTierHeaderBytes, uint8_t{0});
    ASSERT_THAT(Decode(stream, random() % 3000), testing::AnyOf(IsOk(), IsRejected()));
  }
}

}  // namespace
}  // namespace plait
