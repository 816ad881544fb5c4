// The frame's header: fields, sections, and what a reader rejects even under a right hash.
#include "formats/frame/frame_header.h"

#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr absl::StatusCode kOk = absl::StatusCode::kOk;
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kOutOfRange = absl::StatusCode::kOutOfRange;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;

std::vector<uint8_t> Make(FrameHeader header) {
  std::vector<uint8_t> bytes;
  EXPECT_THAT(MakeFrameHeader(&header, &bytes), IsOk());
  return bytes;
}

// Rank 2 and one optional section of 5 bytes, in 24 + 16 + 16 + 8 bytes.
FrameHeader Example() {
  return {.dtype = Dtype::kBf16,
          .shape = {3, 700},
          .block_log2 = 10,
          .sections = {{.type = 900, .flags = 0, .bytes = {1, 2, 3, 4, 5}}}};
}
constexpr size_t kSectionAt = 24 + 16;

void Reseal(std::vector<uint8_t>& header) {
  const auto hashed = std::span(header).first(header.size() - kFrameHashBytes);
  StoreLe(Hash64(hashed), header.data() + hashed.size());
}

TEST(FrameHeader, RoundTripsForEveryDtypeAndRank) {
  for (const DtypeInfo& info : DtypeTable()) {
    for (size_t rank = 0; rank <= kMaxRank; ++rank) {
      if (rank == 0 && info.bits % 8 != 0) continue;
      FrameHeader header{.dtype = info.dtype, .shape = std::vector<uint64_t>(rank, 1), .sections = {}};
      if (rank != 0) header.shape[rank / 2] = 5000;
      std::vector<uint8_t> bytes = FromHex("AA");  // appended behind what is there
      ASSERT_THAT(MakeFrameHeader(&header, &bytes), IsOk());
      const absl::StatusOr<FrameHeader> parsed = ParseFrameHeader(std::span(bytes).subspan(1));
      ASSERT_THAT(parsed, IsOk());
      EXPECT_EQ(parsed->dtype, info.dtype);
      EXPECT_EQ(parsed->shape, header.shape);
      EXPECT_EQ(parsed->block_log2, header.block_log2);
      EXPECT_EQ(parsed->num_elements, rank == 0 ? 1 : 5000);
      EXPECT_EQ(parsed->decoded_bytes, parsed->num_elements * info.bits / 8);
      EXPECT_EQ(parsed->header_bytes, bytes.size() - 1);
      EXPECT_EQ(parsed->hash, header.hash);
    }
  }
}

TEST(FrameHeader, BlocksPartitionTheTensorAndTheirSeedsDiffer) {
  for (const DtypeInfo& info : DtypeTable()) {
    for (uint64_t elements : {8, 1016, 1024, 1032, 2048, 5000}) {
      const FrameHeader header =
          *ParseFrameHeader(Make({.dtype = info.dtype, .shape = {elements}, .block_log2 = 10, .sections = {}}));
      uint64_t offset = 0;
      for (uint64_t i = 0; i < header.num_blocks(); ++i) {
        EXPECT_EQ(header.block_raw_offset(i), offset);
        EXPECT_EQ(header.block(i).seed, header.hash + i);
        offset += BlockRawBytes(header.block(i));
      }
      EXPECT_EQ(offset, header.decoded_bytes);
    }
  }
}

TEST(FrameHeader, AnOptionalSectionIsKept) {
  const absl::StatusOr<FrameHeader> parsed = ParseFrameHeader(Make(Example()));
  ASSERT_THAT(parsed, IsOk());
  ASSERT_EQ(parsed->sections.size(), 1);
  EXPECT_EQ(parsed->sections[0].type, 900);
  EXPECT_EQ(parsed->sections[0].bytes, FromHex("01 02 03 04 05"));
}

TEST(FrameHeader, TruncatedAtEveryByteIsOutOfRange) {
  const std::vector<uint8_t> bytes = Make(Example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ParseFrameHeader(GuardedBytes(std::span(bytes).first(size)).span()), StatusIs(kOutOfRange)) << size;
  }
}

TEST(FrameHeader, AnyFlippedBitIsRejected) {
  std::vector<uint8_t> bytes = Make(Example());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_THAT(ParseFrameHeader(GuardedBytes(bytes).span()), IsRejected()) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

struct FieldCase {
  const char* name;
  size_t at;
  std::string_view bytes;
  absl::StatusCode code;
};

// What is overwritten in Example() before the hash is made right again.
const FieldCase kFieldCases[] = {
    {"Nothing", 0, "", kOk},
    {"Magic", 0, "51", kDataLoss},
    {"Version", 6, "01", kUnimplemented},
    {"Dtype", 8, "16", kUnimplemented},
    {"RankAboveTheLimit", 9, "41", kDataLoss},
    {"RankBeyondTheHeader", 9, "07", kDataLoss},
    {"BlocksTooSmall", 10, "09", kDataLoss},
    {"BlocksTooLarge", 10, "15", kDataLoss},
    {"ReservedByte", 11, "01", kDataLoss},
    {"Elements", 16, "35", kDataLoss},
    {"HugeElements", 16, "FF FF FF FF FF FF FF 0F", kDataLoss},
    {"ShapeOverflows", 24, "00 00 00 00 00 00 00 80", kDataLoss},
    {"MustUnderstand", kSectionAt + 2, "01 00", kUnimplemented},
    {"UnknownSectionFlag", kSectionAt + 2, "02 00", kDataLoss},
    {"SectionPadding", kSectionAt + 8 + 7, "01", kDataLoss},
    {"SectionLongerThanTheHeader", kSectionAt + 4, "09", kOutOfRange},
    {"SectionOfFourGigabytes", kSectionAt + 4, "FF FF FF FF", kOutOfRange},
};

TEST(FrameHeader, FieldsAreCheckedEvenUnderARightHash) {
  for (const FieldCase& test : kFieldCases) {
    std::vector<uint8_t> header = Make(Example());
    std::ranges::copy(FromHex(test.bytes), header.begin() + static_cast<ptrdiff_t>(test.at));
    Reseal(header);
    EXPECT_THAT(ParseFrameHeader(GuardedBytes(header).span()), StatusIs(test.code)) << test.name;
  }
}

TEST(FrameHeader, ALengthOutsideItsLimitsIsDataLoss) {
  std::vector<uint8_t> header = Make(Example());
  for (uint32_t length : {0u, 8u, 40u, 55u, 63u, 65u, 65544u, 0xffffffffu}) {
    StoreLe(length, header.data() + 12);
    EXPECT_THAT(ParseFrameHeader(header), StatusIs(kDataLoss)) << length;
  }
}

TEST(FrameHeader, ElementsThatAreNoWholeBytesAreDataLoss) {
  std::vector<uint8_t> header = Make({.dtype = Dtype::kU8, .shape = {3}, .sections = {}});
  header[8] = static_cast<uint8_t>(Dtype::kF4);
  Reseal(header);
  EXPECT_THAT(ParseFrameHeader(header), StatusIs(kDataLoss));
}

TEST(MakeFrameHeader, WhatNoReaderAcceptsIsInvalidArgument) {
  std::vector<uint8_t> bytes;
  const std::vector<FrameHeader> headers = {
      {.dtype = Dtype::kU8, .shape = std::vector<uint64_t>(65, 1), .sections = {}},
      {.dtype = Dtype::kF4, .shape = {3}, .sections = {}},
      {.dtype = Dtype::kF64, .shape = {uint64_t{1} << 58}, .sections = {}},
      {.dtype = Dtype::kU8, .shape = {uint64_t{1} << 40, uint64_t{1} << 40}, .sections = {}},
  };
  for (FrameHeader header : headers) {
    EXPECT_THAT(MakeFrameHeader(&header, &bytes), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(TensorBytes, MultipliesBitsAndChecks) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const std::vector<uint64_t> scalar;
  const std::vector<uint64_t> huge_but_empty = {0, uint64_t{1} << 63, uint64_t{1} << 63};
  EXPECT_EQ(TensorBytes(Dtype::kF64, scalar).value(), 8);
  EXPECT_EQ(TensorBytes(Dtype::kF64, huge_but_empty).value(), 0);
  EXPECT_EQ(TensorBytes(Dtype::kF6E2m3, std::vector<uint64_t>{4}).value(), 3);
  EXPECT_THAT(TensorBytes(Dtype::kF6E2m3, std::vector<uint64_t>{2}), StatusIs(kInvalid));
  EXPECT_THAT(TensorBytes(Dtype::kF4, scalar), StatusIs(kInvalid));
  EXPECT_THAT(TensorBytes(Dtype::kU8, std::vector<uint64_t>{uint64_t{1} << 61}), StatusIs(kInvalid));
}

}  // namespace
}  // namespace plait
