#include "formats/npy/npy_header.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

using absl::StatusCode;

std::vector<uint8_t> File(const std::string& dictionary, uint8_t major = 1) {
  std::vector<uint8_t> bytes = {0x93, 'N', 'U', 'M', 'P', 'Y', major, 0};
  bytes.resize(major == 1 ? 10 : 12);
  if (major == 1) {
    StoreLe(static_cast<uint16_t>(dictionary.size()), bytes.data() + 8);
  } else {
    StoreLe(static_cast<uint32_t>(dictionary.size()), bytes.data() + 8);
  }
  bytes.insert(bytes.end(), dictionary.begin(), dictionary.end());
  return bytes;
}

TEST(NpyHeader, IsReadAsNumPyWritesIt) {
  const std::string text = "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 30, 4096, 3, 64), }     \n";
  const auto header = ParseNpyHeader(File(text));
  ASSERT_THAT(header, IsOk());
  EXPECT_EQ(header->descr, "<f2");
  EXPECT_FALSE(header->fortran_order);
  EXPECT_THAT(header->shape, testing::ElementsAre(2, 30, 4096, 3, 64));
  EXPECT_EQ(header->header_bytes, 10 + text.size());
  for (const uint8_t major : {2, 3}) {
    const auto later = ParseNpyHeader(File(R"({"shape":(7,),"fortran_order":True,"descr":"|u1"})", major));
    ASSERT_THAT(later, IsOk());
    EXPECT_TRUE(later->fortran_order);
    EXPECT_THAT(later->shape, testing::ElementsAre(7));
  }
  EXPECT_TRUE(ParseNpyHeader(File("{'descr': '<u2', 'fortran_order': False, 'shape': ()}"))->shape.empty());
}

TEST(NpyHeader, WrittenIsAlignedAndReadBack) {
  for (size_t rank = 0; rank < 6; ++rank) {
    const NpyHeader header = {.descr = "<u2", .fortran_order = false, .shape = std::vector<uint64_t>(rank, 1234567)};
    const std::vector<uint8_t> bytes = MakeNpyHeader(header);
    EXPECT_EQ(bytes.size() % 64, 0);
    EXPECT_EQ(bytes.back(), '\n');
    const auto read = ParseNpyHeader(bytes);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->shape, header.shape);
    EXPECT_EQ(read->descr, header.descr);
    EXPECT_EQ(read->header_bytes, bytes.size());
  }
}

TEST(NpyHeader, TruncatedAtEveryByteIsOutOfRange) {
  const std::vector<uint8_t> bytes = MakeNpyHeader({.descr = "<f2", .fortran_order = false, .shape = {2, 3}});
  EXPECT_THAT(ParseNpyHeader({}), StatusIs(StatusCode::kFailedPrecondition));
  for (size_t size = 1; size < bytes.size(); ++size) {
    const auto prefix = std::span(bytes).first(size);
    const GuardedBytes cut(prefix);
    ASSERT_THAT(ParseNpyHeader(cut.span()), StatusIs(StatusCode::kOutOfRange)) << size << " bytes";
  }
}

TEST(NpyHeader, OtherTextIsRejected) {
  const std::string rest = ", 'fortran_order': False, 'shape': (1,)}";
  for (const std::string& text :
       {std::string(), std::string("{}"), "'descr': '<f2'" + rest, "{'descr': '<f2" + rest, "{'descr': <f2" + rest,
        "{'descr': '<\\x66'" + rest, "{'descr': '<f2'" + rest + "x", "{'descr': '<f2', 'descr': '<f2'" + rest,
        "{'descr': '<f2', 'x': 1" + rest, std::string("{'descr': '<f2', 'shape': (1,)}"),
        std::string("{'descr': '<f2', 'fortran_order': 0, 'shape': (1,)}"),
        std::string("{'descr': '<f2', 'fortran_order': False, 'shape': [1]}"),
        std::string("{'descr': '<f2', 'fortran_order': False, 'shape': (-1,)}"),
        std::string("{'descr': '<f2', 'fortran_order': False, 'shape': (1 2)}"),
        std::string("{'descr': '<f2', 'fortran_order': False, 'shape': (1,}"),
        std::string("{'descr': '<f2', 'fortran_order': False, 'shape': (18446744073709551616,)}")}) {
    EXPECT_THAT(ParseNpyHeader(File(text)), StatusIs(StatusCode::kDataLoss)) << text;
  }
  std::string many = "{'descr': '<f2', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < 65; ++i) many += "1,";
  EXPECT_THAT(ParseNpyHeader(File(many + ")}")), StatusIs(StatusCode::kDataLoss));
}

TEST(NpyHeader, WhatThisVersionDoesNotKnowIsSaid) {
  EXPECT_THAT(ParseNpyHeader(File("{'descr': [('a', '<f2')], 'fortran_order': False, 'shape': (1,)}")),
              StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(ParseNpyHeader(File("{}", 4)), StatusIs(StatusCode::kUnimplemented));
  std::vector<uint8_t> minor = File("{}");
  minor[7] = 1;
  EXPECT_THAT(ParseNpyHeader(minor), StatusIs(StatusCode::kUnimplemented));
  EXPECT_THAT(ParseNpyHeader(AsBytes("no array")), StatusIs(StatusCode::kFailedPrecondition));
  std::vector<uint8_t> large = File("{}", 2);
  StoreLe(~uint32_t{0}, large.data() + 8);
  EXPECT_THAT(ParseNpyHeader(large), StatusIs(StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace plait
