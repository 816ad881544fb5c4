// The header of .safetensors: what is read, and what is refused with which status.
#include <algorithm>

#include "codec/base/endian.h"
#include "formats/safetensors/safetensors_header.h"
#include "tests/registry/files.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr absl::StatusCode kOk = absl::StatusCode::kOk;
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kOutOfRange = absl::StatusCode::kOutOfRange;

absl::StatusOr<SafetensorsHeader> Parse(std::string_view json, uint64_t data_bytes) {
  const std::vector<uint8_t> header = SafetensorsFile(json, {});
  return ParseSafetensorsHeader(GuardedBytes(header).span(), header.size() + data_bytes);
}

struct JsonCase {
  const char* name;
  std::string_view json;
  uint64_t data_bytes;
  absl::StatusCode code;
};

const JsonCase kAccepted[] = {
    {"NoTensors", R"({})", 0, kOk},
    {"OnlyMetadata", R"({"__metadata__":{"format":"pt","note":""}})", 0, kOk},
    {"EmptyMetadata", R"({"__metadata__":{}})", 0, kOk},
    {"OneTensor", R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", 24, kOk},
    {"FieldsInAnotherOrder", R"({"a":{"data_offsets":[0,24],"shape":[2,3],"dtype":"F32"}})", 24, kOk},
    {"SpacesBehind", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}         )", 1, kOk},
    {"SpacesInside", "{ \"a\" :\n{\"dtype\":\t\"U8\",\"shape\": [ 1 ] ,\"data_offsets\":[0,1]}}", 1, kOk},
    {"Scalar", R"({"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}})", 8, kOk},
    {"EmptyTensor", R"({"a":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]}})", 0, kOk},
    {"EmptyName", R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, kOk},
    {"EscapedName", R"({"\u00e4\"\\":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, kOk},
    {"FourBits", R"({"a":{"dtype":"F4","shape":[6],"data_offsets":[0,3]}})", 3, kOk},
    {"SixBits", R"({"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}})", 3, kOk},
    {"NotInTheOrderOfData",
     R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5,
     kOk},
    {"EmptyTensorBetween",
     R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"e":{"dtype":"U8","shape":[0],"data_offsets":[1,1]},)"
     R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
     2, kOk},
    {"EmptyTensorOfHugeDimensions", R"({"a":{"dtype":"U8","shape":[0,18446744073709551615,2],"data_offsets":[0,0]}})",
     0, kOk},
};

const JsonCase kRejected[] = {
    // JSON that is none
    {"Nothing", "", 0, kDataLoss},
    {"OnlySpaces", "   ", 0, kDataLoss},
    {"Unfinished", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})", 1, kDataLoss},
    {"TrailingGarbage", R"({}x)", 0, kDataLoss},
    {"SecondObject", R"({}{})", 0, kDataLoss},
    {"TrailingComma", R"({"__metadata__":{},})", 0, kDataLoss},
    {"TrailingNul", std::string_view("{}\0", 3), 0, kDataLoss},
    {"GarbageBehindNul", std::string_view("{}\0garbage", 10), 0, kDataLoss},
    {"SpaceInFront", R"( {})", 0, kDataLoss},
    {"ByteOrderMark", "\xef\xbb\xbf{}", 0, kDataLoss},
    {"Comment", R"({/* */})", 0, kDataLoss},
    {"BadUtf8InName", "{\"a\xff\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, kDataLoss},
    {"OverlongUtf8InName", "{\"\xc0\x80\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, kDataLoss},
    {"LoneSurrogate", R"({"\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, kDataLoss},
    // other things than the object
    {"Array", R"([])", 0, kDataLoss},
    {"Number", R"(7)", 0, kDataLoss},
    {"TensorIsNull", R"({"a":null})", 0, kDataLoss},
    {"TensorIsArray", R"({"a":[]})", 0, kDataLoss},
    {"TensorIsText", R"({"a":"U8"})", 0, kDataLoss},
    {"TensorIsNumber", R"({"a":1})", 0, kDataLoss},
    {"MetadataIsText", R"({"__metadata__":"pt"})", 0, kDataLoss},
    {"MetadataOfNumbers", R"({"__metadata__":{"a":1}})", 0, kDataLoss},
    {"MetadataOfBooleans", R"({"__metadata__":{"a":true}})", 0, kDataLoss},
    {"MetadataOfNull", R"({"__metadata__":{"a":null}})", 0, kDataLoss},
    {"MetadataOfObjects", R"({"__metadata__":{"a":{}}})", 0, kDataLoss},
    {"MetadataOfArrays", R"({"__metadata__":{"a":[]}})", 0, kDataLoss},
    {"MetadataTwice", R"({"__metadata__":{},"__metadata__":{}})", 0, kDataLoss},
    // fields
    {"MissingDtype", R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"MissingShape", R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1, kDataLoss},
    {"MissingOffsets", R"({"a":{"dtype":"U8","shape":[1]}})", 1, kDataLoss},
    {"NoFields", R"({"a":{}})", 0, kDataLoss},
    {"UnknownField", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", 1, kDataLoss},
    {"DtypeTwice", R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"ShapeTwice", R"({"a":{"dtype":"U8","shape":[1],"shape":[],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"OffsetsTwice", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0],"data_offsets":[1]}})", 1, kDataLoss},
    {"UnknownDtype", R"({"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}})", 16, kDataLoss},
    {"DtypeInLowerCase", R"({"a":{"dtype":"u8","shape":[1],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"DtypeIsNumber", R"({"a":{"dtype":8,"shape":[1],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"DtypeIsArray", R"({"a":{"dtype":["U8"],"shape":[1],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"ShapeIsNumber", R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1, kDataLoss},
    {"ShapeIsText", R"({"a":{"dtype":"U8","shape":"1","data_offsets":[0,1]}})", 1, kDataLoss},
    {"ShapeOfArrays", R"({"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"ShapeOfObjects", R"({"a":{"dtype":"U8","shape":[{}],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"ShapeOfText", R"({"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"NegativeDimension", R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"NegativeZero", R"({"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}})", 0, kDataLoss},
    {"FractionDimension", R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"ExponentDimension", R"({"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"DimensionOf65Bits", R"({"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,0]}})", 0, kDataLoss},
    {"ShapeOverflows", R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, kDataLoss},
    {"BitsOverflow", R"({"a":{"dtype":"F64","shape":[288230376151711744],"data_offsets":[0,0]}})", 0, kDataLoss},
    {"OneOffset", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1]}})", 1, kDataLoss},
    {"ThreeOffsets", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}})", 1, kDataLoss},
    {"NegativeOffset", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}})", 0, kDataLoss},
    // sizes
    {"EndBeforeBegin", R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[1,0]}})", 1, kDataLoss},
    {"TooFewBytesForTheShape", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,7]}})", 7, kDataLoss},
    {"TooManyBytesForTheShape", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}})", 9, kDataLoss},
    {"HalfAByte", R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", 2, kDataLoss},
    {"ScalarOfSixBits", R"({"a":{"dtype":"F6_E3M2","shape":[],"data_offsets":[0,1]}})", 1, kDataLoss},
    {"HoleInFront", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2, kDataLoss},
    {"HoleBetween",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})", 3,
     kDataLoss},
    {"Overlap",
     R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3,
     kDataLoss},
    {"SameBytesTwice",
     R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2,
     kDataLoss},
    {"SameNameTwice",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2,
     kDataLoss},
    {"SameNameTwiceEscaped",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
     2, kDataLoss},
    {"BytesBehindTheData", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 2, kDataLoss},
    {"BytesBehindNoTensors", R"({})", 1, kDataLoss},
    {"DataCutShort", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 1, kOutOfRange},
    {"HugeTensor", R"({"a":{"dtype":"U8","shape":[1152921504606846976],"data_offsets":[0,1152921504606846976]}})", 9,
     kOutOfRange},
};

TEST(SafetensorsHeader, WellFormedHeadersAreRead) {
  for (const JsonCase& test : kAccepted) EXPECT_THAT(Parse(test.json, test.data_bytes), IsOk()) << test.name;
}

TEST(SafetensorsHeader, EverythingElseIsRefusedWithItsStatus) {
  for (const JsonCase& test : kRejected) {
    EXPECT_THAT(Parse(test.json, test.data_bytes), StatusIs(test.code)) << test.name;
  }
}

TEST(SafetensorsHeader, AMessageNamesTheTensorAndTheField) {
  const absl::Status status = Parse(R"({"w":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3).status();
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(testing::HasSubstr("tensor w"), testing::HasSubstr("data_offsets")));
}

TEST(SafetensorsHeader, TensorsComeInTheOrderOfTheirData) {
  const absl::StatusOr<SafetensorsHeader> header = Parse(
      R"({"z":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"y":{"dtype":"U8","shape":[0],"data_offsets":[1,1]},)"
      R"("x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
      2);
  ASSERT_THAT(header, IsOk());
  std::string order;
  for (const TensorInfo& tensor : header->tensors) order += tensor.name;
  EXPECT_EQ(order, "xyz");
}

TEST(SafetensorsHeader, SixtyFourDimensionsAreTheMost) {
  const auto with_rank = [](size_t rank) {
    std::string shape = "1";
    for (size_t i = 1; i < rank; ++i) shape += ",1";
    return R"({"a":{"dtype":"U8","shape":[)" + shape + R"(],"data_offsets":[0,1]}})";
  };
  EXPECT_THAT(Parse(with_rank(64), 1), IsOk());
  EXPECT_THAT(Parse(with_rank(65), 1), StatusIs(kDataLoss));
  EXPECT_THAT(Parse(with_rank(100000), 1), StatusIs(kDataLoss));
}

TEST(SafetensorsHeader, AMegabyteOfNestingIsRefusedWithoutStackOrMemory) {
  const std::string opens[] = {"[", "{", R"({"a":)", R"({"a":[)", R"({"a":{"shape":[)"};
  for (const std::string& open : opens) {
    std::string json = open.starts_with("[") ? "{\"a\":" : "";
    while (json.size() < size_t{1} << 20) json += open;
    const std::vector<uint8_t> header = SafetensorsFile(json, {});
    ResetLargestAllocation();
    EXPECT_THAT(ParseSafetensorsHeader(header, header.size()), StatusIs(kDataLoss)) << open;
    EXPECT_LT(LargestAllocation(), size_t{1} << 16) << open;
  }
}

TEST(SafetensorsHeader, ALengthThatLiesIsRefused) {
  const std::vector<uint8_t> file = SafetensorsFile("{}", {});
  EXPECT_THAT(ParseSafetensorsHeader(std::span(file).first(7), 100), StatusIs(kOutOfRange));
  EXPECT_THAT(ParseSafetensorsHeader(file, 9), StatusIs(kOutOfRange));
  std::vector<uint8_t> longer = file;
  longer[0] = 3;
  EXPECT_THAT(ParseSafetensorsHeader(longer, 10), StatusIs(kOutOfRange));
  EXPECT_THAT(ParseSafetensorsHeader(longer, 11), StatusIs(kDataLoss));
}

TEST(ReadSafetensorsHeader, AHugeLengthIsRefusedWithoutMemory) {
  struct LengthCase {
    uint64_t length;
    absl::StatusCode code;
  };
  const LengthCase cases[] = {
      {0, kOk}, {2, kOk}, {3, kOutOfRange}, {kMaxSafetensorsHeaderBytes, kOutOfRange}, {~uint64_t{0}, kOutOfRange},
  };
  for (const LengthCase& test : cases) {
    std::vector<uint8_t> file = SafetensorsFile("{}", {});
    StoreLe(test.length, file.data());
    ResetLargestAllocation();
    EXPECT_THAT(ReadSafetensorsHeader(MemorySource(file)), StatusIs(test.code)) << test.length;
    EXPECT_LT(LargestAllocation(), size_t{1} << 16) << test.length;
  }
}

// A file of a terabyte whose first bytes say how long its header is.
class HugeSource : public ByteSource {
 public:
  explicit HugeSource(uint64_t length) : length_(length) {}
  uint64_t size() const override { return uint64_t{1} << 40; }
  absl::Status ReadAt(uint64_t, std::span<uint8_t> bytes) const override {
    StoreLe(length_, bytes.data());
    return absl::OkStatus();
  }

 private:
  uint64_t length_;
};

TEST(ReadSafetensorsHeader, AHeaderAboveTheLimitIsResourceExhausted) {
  ResetLargestAllocation();
  EXPECT_THAT(ReadSafetensorsHeader(HugeSource(kMaxSafetensorsHeaderBytes + 1)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_LT(LargestAllocation(), size_t{1} << 16);
  EXPECT_THAT(ReadSafetensorsHeader(HugeSource(kMaxSafetensorsHeaderBytes)), IsOk());
}

TEST(ReadSafetensorsHeader, AFileShorterThanTheLengthIsOutOfRange) {
  const std::vector<uint8_t> file(7);
  for (size_t size = 0; size < 8; ++size) {
    EXPECT_THAT(ReadSafetensorsHeader(MemorySource(std::span(file).first(std::min<size_t>(size, 7)))),
                StatusIs(kOutOfRange));
  }
}

TEST(SafetensorsJson, IsReadBackWithEveryDtypeAndOddNames) {
  std::vector<TensorInfo> tensors;
  uint64_t end = 0;
  for (const DtypeInfo& info : DtypeTable()) {
    const uint64_t begin = end;
    end += info.bits;
    tensors.push_back({"\"\\\n\x01 \xc3\xa4" + std::string(info.name), info.dtype, {2, 4}, begin, end});
  }
  const absl::StatusOr<SafetensorsHeader> header = Parse(SafetensorsJson("", tensors), end);
  ASSERT_THAT(header, IsOk());
  ASSERT_EQ(header->tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(header->tensors[i].name, tensors[i].name);
    EXPECT_EQ(header->tensors[i].dtype, tensors[i].dtype);
    EXPECT_EQ(header->tensors[i].shape, tensors[i].shape);
    EXPECT_EQ(header->tensors[i].begin, tensors[i].begin);
    EXPECT_EQ(header->tensors[i].end, tensors[i].end);
  }
}

TEST(SafetensorsHeader, AnyFlippedBitIsReadOrRefused) {
  std::vector<uint8_t> file = SafetensorsFile(kAccepted[3].json, {});
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    file[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const absl::StatusCode code = ParseSafetensorsHeader(GuardedBytes(file).span(), file.size() + 24).status().code();
    EXPECT_THAT(code, testing::AnyOf(kOk, kDataLoss, kOutOfRange, absl::StatusCode::kResourceExhausted)) << bit;
    file[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

}  // namespace
}  // namespace plait
