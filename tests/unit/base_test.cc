// codec/base: the small things that everything else trusts.
#include <cmath>
#include <limits>
#include <set>

#include "codec/base/bits.h"
#include "codec/base/checked.h"
#include "codec/base/cpu.h"
#include "codec/base/dtype.h"
#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "codec/base/status.h"
#include "codec/histogram/histogram.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();

TEST(Bits, CeilDivRoundsUpWithoutOverflow) {
  EXPECT_EQ(CeilDiv<uint64_t>(0, 4), 0);
  EXPECT_EQ(CeilDiv<uint64_t>(1, 4), 1);
  EXPECT_EQ(CeilDiv<uint64_t>(4, 4), 1);
  EXPECT_EQ(CeilDiv<uint64_t>(5, 4), 2);
  EXPECT_EQ(CeilDiv<uint64_t>(kMax64, 2), uint64_t{1} << 63);
  EXPECT_EQ(CeilDiv<uint8_t>(255, 2), 128);
}

TEST(Bits, AlignUpIsTheNextMultiple) {
  for (uint64_t value = 0; value < 600; ++value) {
    const uint64_t aligned = AlignUp<uint64_t>(value, 64);
    EXPECT_EQ(aligned % 64, 0);
    EXPECT_GE(aligned, value);
    EXPECT_LT(aligned, value + 64);
  }
}

TEST(Checked, OverflowIsFalse) {
  uint64_t result = 0;
  EXPECT_TRUE(CheckedMul(uint64_t{1} << 32, (uint64_t{1} << 32) - 1, &result));
  EXPECT_EQ(result, kMax64 - 0xffffffff);
  EXPECT_FALSE(CheckedMul(uint64_t{1} << 32, uint64_t{1} << 32, &result));
  EXPECT_TRUE(CheckedMul(kMax64, 0, &result));
  EXPECT_TRUE(CheckedAdd(kMax64 - 1, 1, &result));
  EXPECT_EQ(result, kMax64);
  EXPECT_FALSE(CheckedAdd(kMax64, 1, &result));
}

TEST(Endian, LowByteFirstAtAnyAlignment) {
  uint8_t bytes[9] = {};
  StoreLe(uint64_t{0x0807060504030201}, bytes + 1);
  for (uint8_t i = 0; i < 9; ++i) EXPECT_EQ(bytes[i], i);
  EXPECT_EQ(LoadLe<uint16_t>(bytes + 1), 0x0201);
  EXPECT_EQ(LoadLe<uint32_t>(bytes + 3), 0x06050403u);
}

TEST(Dtype, IdsAndNamesAreFrozen) {
  static constexpr std::string_view kNames[] = {
      "U8",  "BOOL", "I8",  "U16",     "I16",     "U32",     "I32",         "U64",         "I64",     "F16",     "BF16",
      "F32", "F64",  "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "F4"};
  ASSERT_EQ(DtypeTable().size(), std::size(kNames));
  for (uint8_t id = 0; id < std::size(kNames); ++id) {
    EXPECT_EQ(DtypeTable()[id].name, kNames[id]);
    EXPECT_EQ(DtypeFromId(id), DtypeFromName(kNames[id]));
    EXPECT_EQ(&GetDtypeInfo(*DtypeFromId(id)), &DtypeTable()[id]);
  }
}

TEST(Dtype, UnknownIdsAndNamesAreNone) {
  for (int id = static_cast<int>(DtypeTable().size()); id < 256; ++id) EXPECT_FALSE(DtypeFromId(id)) << id;
  for (const char* name : {"", "bf16", "BF16 ", "F128", "F8"}) EXPECT_FALSE(DtypeFromName(name)) << name;
}

TEST(Dtype, BitsAreWhatTheNameSays) {
  for (const DtypeInfo& info : DtypeTable()) {
    if (info.name == "BOOL") continue;
    const size_t digits = info.name.find_first_of("0123456789");
    EXPECT_EQ(info.bits, std::stoul(std::string(info.name.substr(digits)))) << info.name;
  }
}

TEST(Hash, KnownValuesOfXxh3) {
  // xxhsum -H3 and -H2 of nothing and of "a".
  EXPECT_EQ(HexDigits(Hash64({})), "2d06800538d394c2");
  EXPECT_EQ(HexDigits(Hash128Of({})), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(HexDigits(Hash64(AsBytes("a"))), "e6c632b61e964e1f");
  EXPECT_EQ(HexDigits(Hash128Of(AsBytes("a"))), "a96faf705af16834e6c632b61e964e1f");
}

TEST(Hash, HexKeepsLeadingZeros) {
  EXPECT_EQ(HexDigits(uint64_t{0x1f}), "000000000000001f");
  EXPECT_EQ(HexDigits(Hash128{.low = 2, .high = 1}), "00000000000000010000000000000002");
}

TEST(Hash, PiecesHashAsTheWhole) {
  Random random(1);
  const std::vector<uint8_t> bytes = RandomBytes(5000, random);
  Hasher128 hasher;
  for (size_t piece : {1, 2, 255, 256, 1000}) {
    hasher.Reset();
    for (size_t begin = 0; begin < bytes.size(); begin += piece) {
      hasher.Update(std::span(bytes).subspan(begin, std::min(piece, bytes.size() - begin)));
    }
    EXPECT_EQ(hasher.Digest(), Hash128Of(bytes)) << piece;
  }
}

TEST(Hash, SeedChangesTheHash) { EXPECT_NE(Hash64(AsBytes("a"), 0), Hash64(AsBytes("a"), 1)); }

TEST(Cpu, NamesParseBack) {
  for (CpuVariant variant : {CpuVariant::kScalar, CpuVariant::kAvx2, CpuVariant::kAvx512}) {
    EXPECT_EQ(ParseCpuVariant(CpuVariantName(variant)).value(), variant);
  }
  EXPECT_THAT(ParseCpuVariant("sse9"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Cpu, ForcingMoreThanTheMachineHasIsUnimplemented) {
  const CpuVariant before = ActiveCpu();
  for (CpuVariant variant : {CpuVariant::kScalar, CpuVariant::kAvx2, CpuVariant::kAvx512}) {
    const bool has = variant <= BestCpu();
    EXPECT_THAT(ForceCpu(variant), StatusIs(has ? absl::StatusCode::kOk : absl::StatusCode::kUnimplemented));
  }
  EXPECT_EQ(ActiveCpu(), BestCpu());
  EXPECT_THAT(ForceCpu(before), IsOk());
}

TEST(Status, AnnotatePutsThePlaceInFront) {
  const absl::Status status = Annotate(absl::DataLossError(FoundExpected("rank", 65, 64)), "frame");
  EXPECT_EQ(Std(status.message()), "frame: rank: found 65, expected 64");
  EXPECT_THAT(Annotate(absl::OkStatus(), "frame"), IsOk());
}

TEST(Histogram, CountsAddUpForEverySizeAndStart) {
  Random random(2);
  const std::vector<uint8_t> bytes = GeometricBytes(100, random);
  for (size_t begin = 0; begin < 9; ++begin) {
    ByteHistogram expected{};
    for (size_t n = 0; begin + n < bytes.size(); ++n) {
      EXPECT_EQ(CountBytes(std::span(bytes).subspan(begin, n)), expected);
      ++expected[bytes[begin + n]];
    }
  }
}

TEST(Histogram, SampleOfStrideOneCountsAll) {
  Random random(3);
  const std::vector<uint8_t> bytes = RandomBytes(1000, random);
  EXPECT_EQ(SampleBytes(bytes, 8), CountBytes(bytes));
  EXPECT_EQ(SampleBytes(bytes, 500), CountBytes(Concat({std::span(bytes).first(8), std::span(bytes).subspan(500, 8)})));
}

TEST(Histogram, OrderZeroBitsOfKnownDistributions) {
  ByteHistogram counts{};
  EXPECT_EQ(OrderZeroBits(counts), 0);
  counts[7] = 1024;
  EXPECT_EQ(OrderZeroBits(counts), 0);
  counts[9] = 1024;
  EXPECT_EQ(OrderZeroBits(counts), 2048);
  counts.fill(1 << 20);
  EXPECT_EQ(OrderZeroBits(counts), uint64_t{8} << 28);
}

TEST(Histogram, OrderZeroBitsAreNearTheLogarithms) {
  Random random(4);
  for (int round = 0; round < 100; ++round) {
    const ByteHistogram counts = CountBytes(GeometricBytes(1 + random() % 5000, random));
    double exact = 0;
    for (uint32_t count : counts) {
      if (count != 0) exact += count * std::log2(static_cast<double>(TotalCount(counts)) / count);
    }
    EXPECT_NEAR(static_cast<double>(OrderZeroBits(counts)), exact, 1 + TotalCount(counts) / 1000.0);
  }
}

}  // namespace
}  // namespace plait
