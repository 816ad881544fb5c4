// The tier stream: plans, bytes, and what a decoder makes of bytes that no encoder wrote.
#include "codec/tier/tier.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>

#include "codec/histogram/histogram.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

// Nine symbols   7E 7D 7E 7C 7E 10 7D 7E FF        table: level 1  0 7E, 1 7D, 2 7C; level 2, of one bit,  0 10
// level-1 digits  0  1  0  2  0  3  1  0  3        bit 0 of each, the first lowest: 0110'0010 1 = 62 01
//                                                  bit 1 of each:                   0010'1000 1 = 28 01
// level-2 digits of 10, FF: 0 1                    02
// raw: FF
constexpr std::string_view kHandSymbols = "7E 7D 7E 7C 7E 10 7D 7E FF";
constexpr std::string_view kHandStream =
    "05 7E 7D 7C 10 00 00 00 00 00 00 00 00 00 00 00"
    "62 01 28 01"
    "02"
    "FF";
constexpr size_t kHandKnownSymbols = 4;
constexpr size_t kHandPaddedBytes[] = {17, 19};  // of level 1, from bit 1 on
constexpr size_t kHandLevel2Byte = 20;           // from bit 2 on

std::vector<uint8_t> Encode(std::span<const uint8_t> symbols, const TierPlan& plan) {
  const GuardedBytes in(symbols);
  const GuardedBytes stream(TierMaxBytes(symbols.size()));
  const size_t bytes = TierEncode(in.span(), plan, stream.span());
  return {stream.span().begin(), stream.span().begin() + static_cast<ptrdiff_t>(bytes)};
}

std::vector<uint8_t> Encode(std::span<const uint8_t> symbols) {
  return Encode(symbols, PlanTier(CountBytes(symbols), symbols.size()));
}

absl::StatusOr<std::vector<uint8_t>> Decode(std::span<const uint8_t> stream, size_t n) {
  const GuardedBytes in(stream);
  const GuardedBytes symbols(n);
  const auto scratch = std::make_unique<TierScratch>();
  if (absl::Status status = TierDecode(in.span(), *scratch, symbols.span()); !status.ok()) return status;
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
  for (size_t n : {0, 1, 2, 3, 4, 5, 63, 64, 65, 4095, 4096, 4097, 12301}) {
    planes.push_back(GeometricBytes(n, random));
    planes.push_back(RandomBytes(n, random));
    for (size_t distinct : {1, 3, 4, 6, 7, 15, 16}) planes.push_back(SymbolsInTurn(n, distinct));
  }
  return planes;
}

TierPlan HandPlan() {
  TierPlan plan{.shape = TierShape(0b101)};
  std::ranges::copy(FromHex("7E 7D 7C 10"), plan.table.begin());
  return plan;
}

std::vector<TierShape> ValidShapes() {
  std::vector<TierShape> shapes;
  for (int code = 0; code < 256; ++code) {
    if (TierShape(static_cast<uint8_t>(code)).valid()) shapes.push_back(TierShape(static_cast<uint8_t>(code)));
  }
  return shapes;
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
  const std::vector<TierShape> shapes = ValidShapes();
  ASSERT_GT(shapes.size(), 100);
  for (const TierShape shape : shapes) {
    TierPlan plan{.shape = shape};
    // Few values, so that tables hold the same symbol more than once and miss others.
    for (size_t i = 0; i < shape.table_begin(shape.num_levels()); ++i) plan.table[i] = random() % 20;
    const std::vector<uint8_t> symbols = GeometricBytes(random() % 9000, random);
    ForEachCpu([&] { ASSERT_EQ(Decode(Encode(symbols, plan), symbols.size()).value(), symbols); });
  }
}

TEST(TierMaxBytes, HoldsWhenEverySymbolEscapesEveryLevel) {
  for (const TierShape shape : ValidShapes()) {
    const TierPlan plan{.shape = shape};  // knows only the symbol 0
    for (size_t n : {0, 1, 2, 3, 4, 5, 4095, 4096, 4097, 12289}) {
      const std::vector<uint8_t> symbols(n, 0xee);
      EXPECT_LE(Encode(symbols, plan).size(), TierMaxBytes(n)) << n;  // the guard page would have faulted before
    }
  }
}

// The planes 1 and up are kept from what the symbols' kind would make of them; bits that the kind does not have are
// dropped by both sides.
TEST(TierDecodeAndJoin, IsDecodingThenJoining) {
  Random random(9);
  const auto scratch = std::make_unique<TierScratch>();
  for (PlaneKind kind : {PlaneKind::kBf16, PlaneKind::kF32, PlaneKind::kF16, PlaneKind::kF64, PlaneKind::kE4m3,
                         PlaneKind::kE5m2, PlaneKind::kBf16Wide, PlaneKind::kF32Wide, PlaneKind::kF16Wide}) {
    for (size_t n : {0, 1, 63, 64, 100, 4096, 9000}) {
      const GuardedBytes symbols(GeometricBytes(n, random));
      std::vector<std::unique_ptr<GuardedBytes>> rest;
      ConstPlaneSpans planes;
      planes[0] = symbols.span();
      for (size_t p = 1; p < GetPlaneLayout(kind).num_planes; ++p) {
        rest.push_back(std::make_unique<GuardedBytes>(RandomBytes(PlaneBytes(kind, p, n), random)));
        planes[p] = rest.back()->span();
      }
      std::vector<uint8_t> expected(n * GetPlaneLayout(kind).element_bytes);
      JoinPlanes(kind, planes, expected);
      TierPlan plan{.shape = TierShape(n % 2 == 0 ? 0b1110001 : 0b110)};  // level 1 of 2 bits and of 1
      for (uint8_t s = 0; s < plan.shape.table_begin(plan.shape.num_levels()); ++s) plan.table[s] = s;
      const GuardedBytes stream(Encode(symbols.span(), plan));
      for (const DecodeHints& hints : {DecodeHints{}, DecodeHints{StoreMode::kStreaming, stream.span()}}) {
        ForEachCpu([&] {
          std::vector<uint8_t> memory(expected.size() + 64);
          const size_t aligned = (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
          const auto out = std::span(memory).subspan(aligned, expected.size());
          ASSERT_THAT(TierDecodeAndJoin(stream.span(), *scratch, kind, planes, out, hints), IsOk());
          FinishStreaming();
          ASSERT_TRUE(std::ranges::equal(out, expected)) << GetPlaneLayout(kind).name << " " << n;
        });
      }
    }
  }
}

TEST(PlanTier, SymbolsAreSortedByCountAndTiesGoToTheSmaller) {
  ByteHistogram counts{};
  counts[200] = 900;
  counts[7] = 500;
  counts[90] = 500;
  counts[91] = 500;
  counts[3] = 100;
  const TierPlan plan = PlanTier(counts, 2500);
  EXPECT_EQ((std::vector<uint8_t>{plan.table.begin(), plan.table.begin() + 5}), FromHex("C8 07 5A 5B 03"));
}

TEST(PlanTier, AnEmptyPlaneHasOneLevel) { EXPECT_EQ(PlanTier(ByteHistogram{}, 0).shape.num_levels(), 1); }

TEST(PlanTier, UnusedTableEntriesAreZero) {
  for (const auto& symbols : Planes()) {
    const TierPlan plan = PlanTier(CountBytes(symbols), symbols.size());
    const auto unused = std::span(plan.table).subspan(plan.shape.table_begin(plan.shape.num_levels()));
    EXPECT_TRUE(std::ranges::all_of(unused, [](uint8_t symbol) { return symbol == 0; }));
  }
}

// No shape of FORMAT.md's list gives a stream that is smaller by more than the padding that a plan can only guess.
TEST(PlanTier, NoListedShapeIsSmaller) {
  constexpr int kListed[] = {0b10,    0b11,     0b110,    0b111,     0b1110,    0b1111,    0b11110,
                             0b11111, 0b111110, 0b111111, 0b1110001, 0b1111001, 0b1110011, 0b1110101};
  Random random(6);
  for (int spread = 1; spread < 24; ++spread) {
    std::vector<uint8_t> symbols(9000);
    for (uint8_t& symbol : symbols)
      symbol = static_cast<uint8_t>(std::min<size_t>(255, random() % 1000 * spread / 300));
    const ByteHistogram counts = CountBytes(symbols);
    const size_t planned = Encode(symbols).size();
    std::vector<uint8_t> order(256);
    std::iota(order.begin(), order.end(), uint8_t{0});
    std::ranges::stable_sort(order, [&](uint8_t a, uint8_t b) { return counts[a] > counts[b]; });
    for (int code : kListed) {
      TierPlan other{.shape = TierShape(static_cast<uint8_t>(code))};
      std::copy_n(order.begin(), other.shape.table_begin(other.shape.num_levels()), other.table.begin());
      EXPECT_LE(planned, Encode(symbols, other).size() + 40) << spread << " " << code;
    }
  }
}

TEST(PlanTier, ASampleGivesThePlanOfAllUpToItsNoise) {
  Random random(8);
  const std::vector<uint8_t> symbols = GeometricBytes(100000, random);
  const TierPlan all = PlanTier(CountBytes(symbols), symbols.size());
  const TierPlan sampled = PlanTier(SampleBytes(symbols, 88), symbols.size());
  EXPECT_NEAR(static_cast<double>(sampled.estimated_bytes), static_cast<double>(all.estimated_bytes), 600);
  EXPECT_LE(Encode(symbols, sampled).size(), Encode(symbols, all).size() + 200);
}

TEST(PlanTier, EstimateIsWithinAByteOfEveryBitPlane) {
  for (const auto& symbols : Planes()) {
    const TierPlan plan = PlanTier(CountBytes(symbols), symbols.size());
    const auto bytes = static_cast<int64_t>(Encode(symbols).size());
    const auto groups = static_cast<int64_t>((symbols.size() + kTierGroupSymbols - 1) / kTierGroupSymbols);
    const int64_t bit_planes = 2 + groups * 2 * static_cast<int64_t>(plan.shape.num_levels());
    EXPECT_LE(std::abs(static_cast<int64_t>(plan.estimated_bytes) - bytes), bit_planes) << symbols.size();
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

TEST(TierDecode, EveryShapeThatIsNotValidIsDataLoss) {
  std::vector<uint8_t> stream = FromHex(kHandStream);
  for (int code = 0; code < 256; ++code) {
    if (TierShape(static_cast<uint8_t>(code)).valid()) continue;
    stream[0] = static_cast<uint8_t>(code);
    EXPECT_THAT(Decode(stream, 9), StatusIs(absl::StatusCode::kDataLoss)) << code;
  }
}

TEST(TierDecode, EveryUnusedTableEntryThatIsNotZeroIsDataLoss) {
  for (size_t at = 1 + kHandKnownSymbols; at < kTierHeaderBytes; ++at) {
    std::vector<uint8_t> stream = FromHex(kHandStream);
    stream[at] = 1;
    EXPECT_THAT(Decode(stream, 9), StatusIs(absl::StatusCode::kDataLoss)) << at;
  }
}

TEST(TierDecode, EveryPaddingBitThatIsNotZeroIsDataLoss) {
  for (auto [at, first_bit] : {std::pair{kHandPaddedBytes[0], 1}, {kHandPaddedBytes[1], 1}, {kHandLevel2Byte, 2}}) {
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
  const auto scratch = std::make_unique<TierScratch>();
  for (size_t n : {1, 9, 65, 300}) {
    const std::vector<uint8_t> symbols = GeometricBytes(n, random);
    const GuardedBytes stream(Encode(symbols));
    const GuardedBytes decoded(n);
    for (size_t bit = 0; bit < 8 * stream.span().size(); ++bit) {
      stream.span()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      std::vector<absl::StatusCode> codes;
      ForEachCpu([&] { codes.push_back(TierDecode(stream.span(), *scratch, decoded.span()).code()); });
      ASSERT_EQ(std::ranges::count(codes, codes[0]), static_cast<ptrdiff_t>(codes.size())) << bit;
      stream.span()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(TierDecode, RandomBytesNeverLeaveTheirBuffers) {
  Random random(8);
  const std::vector<TierShape> shapes = ValidShapes();
  for (int trial = 0; trial < 3000; ++trial) {
    std::vector<uint8_t> stream = RandomBytes(16 + random() % 900, random);
    const TierShape shape = shapes[random() % shapes.size()];
    stream[0] = shape.code();
    std::fill(stream.begin() + 1 + shape.table_begin(shape.num_levels()), stream.begin() + kTierHeaderBytes,
              uint8_t{0});
    ASSERT_THAT(Decode(stream, random() % 3000), testing::AnyOf(IsOk(), IsRejected()));
  }
}

}  // namespace
}  // namespace plait
