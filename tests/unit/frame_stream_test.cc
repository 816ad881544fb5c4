// Frame streams: there and back at every thread count, cut originals, and every damage found.
#include <algorithm>

#include "codec/base/endian.h"
#include "formats/frame/frame_footer.h"
#include "formats/frame_stream/frame_stream_index.h"
#include "formats/frame_stream/frame_stream_reader.h"
#include "formats/frame_stream/frame_stream_writer.h"
#include "tests/registry/files.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"
#include "tools/pipeline/decode.h"
#include "tools/pipeline/encode_stream.h"

namespace plait {
namespace {

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr int kThreadCounts[] = {1, 2, 4};
constexpr size_t kSmallAllocation = size_t{1} << 20;

// A stream is damaged, or no longer looks like one.
MATCHER(IsFound, "is a status of a damaged stream") {
  *result_listener << "which is " << StatusOf(arg).ToString();
  const absl::StatusCode code = StatusOf(arg).code();
  return code == absl::StatusCode::kOutOfRange || code == kDataLoss || code == absl::StatusCode::kUnimplemented ||
         code == absl::StatusCode::kFailedPrecondition;
}

// Two large tensors of several blocks around a run of small ones, and a small one at the end.
std::vector<uint8_t> Model() {
  Random random(51);
  return MakeSafetensors({{"a", Dtype::kBf16, {300, 1000}, WeightLikeBf16(300000, random)},
                          {"empty", Dtype::kF16, {0}, {}},
                          {"s1", Dtype::kF32, {}, {0, 0, 0x80, 0x3f}},
                          {"s2", Dtype::kU8, {2000}, RandomBytes(2000, random)},
                          {"b", Dtype::kU8, {150000}, RandomBytes(150000, random)},
                          {"s3", Dtype::kI64, {2}, std::vector<uint8_t>(16)}});
}

// Small enough to damage every byte of: two tensors of a block each.
std::vector<uint8_t> SmallModel() {
  Random random(52);
  return MakeSafetensors({{"k", Dtype::kBf16, {1100}, WeightLikeBf16(1100, random)},
                          {"v", Dtype::kI8, {2500}, std::vector<uint8_t>(2500, 7)}});
}

TEST(FrameStream, EveryOriginalIsRestored) {
  for (const Original& original : Originals()) {
    EXPECT_EQ(DecompressStream(CompressStream(original.bytes)).value(), original.bytes) << original.name;
  }
}

TEST(FrameStream, BytesDoNotDependOnThreads) {
  const std::vector<uint8_t> original = Model();
  const std::vector<uint8_t> stream = CompressStream(original);
  for (int threads : kThreadCounts) {
    EXPECT_EQ(CompressStream(original, threads), stream) << threads;
    EXPECT_EQ(DecompressStream(stream, threads).value(), original) << threads;
  }
}

TEST(FrameStream, AnOriginalThatBreaksOffAnywhereIsRestored) {
  const std::vector<uint8_t> original = Model();
  const uint64_t header_bytes = 8 + LoadLe<uint64_t>(original.data());
  // In the header, at its end, in the first and second block of a tensor, at a block's end, in the small ones, before
  // the last byte.
  for (uint64_t size : {uint64_t{9}, header_bytes - 1, header_bytes, header_bytes + 1, header_bytes + 262144,
                        header_bytes + 262145, header_bytes + 600003, header_bytes + 700000, original.size() - 1}) {
    const auto part = std::span(original).first(size);
    for (int threads : kThreadCounts) {
      EXPECT_TRUE(std::ranges::equal(DecompressStream(CompressStream(part, threads), threads).value(), part)) << size;
    }
  }
}

TEST(FrameStream, AnOriginalThatGoesOnIsRestored) {
  const std::vector<uint8_t> original = Concat({Model(), std::vector<uint8_t>(70000, 3)});
  EXPECT_EQ(DecompressStream(CompressStream(original, 2), 2).value(), original);
}

TEST(FrameStream, LongOriginalsOfUnknownContentTakeSeveralFrames) {
  Random random(53);
  const std::vector<uint8_t> original = WeightLikeBf16((size_t{17} << 20) / 2, random);
  const std::vector<uint8_t> stream = CompressStream(original, 2);
  EXPECT_EQ(DecompressStream(stream, 2).value(), original);
  const auto frames = LoadLe<uint64_t>(stream.data() + stream.size() - kIndexFixedBytes - 2 * kIndexEntryBytes + 8);
  EXPECT_EQ(frames, 2);
}

TEST(FrameStream, StrictRefusesWhatAContainerWouldCarryOpaquely) {
  const std::vector<uint8_t> model = Model();
  const std::vector<uint8_t> longer = Concat({model, AsBytes("x")});
  const std::vector<uint8_t> shorter(model.begin(), model.end() - 1);
  const std::vector<uint8_t> cut(model.begin(), model.begin() + 300000);
  for (const auto& [original, code] : {std::pair(model, absl::StatusCode::kOk),
                                       {longer, absl::StatusCode::kUnimplemented},
                                       {shorter, absl::StatusCode::kUnimplemented},
                                       {cut, absl::StatusCode::kUnimplemented},
                                       {std::vector<uint8_t>(9, 1), absl::StatusCode::kUnimplemented}}) {
    const MemorySource source(original);
    SourceStream stream(&source);
    MemorySink sink;
    Progress progress("", 0);
    EXPECT_THAT(EncodeStream(stream, /*strict=*/true, {}, sink, progress), StatusIs(code)) << original.size();
  }
}

TEST(FrameStream, AnyFlippedByteIsFound) {
  const std::vector<uint8_t> whole = SmallModel();
  const std::vector<uint8_t> broken_off(whole.begin(), whole.end() - 100);
  for (const std::vector<uint8_t>& original : {whole, broken_off, std::vector<uint8_t>()}) {
    std::vector<uint8_t> stream = CompressStream(original);
    for (size_t at = 0; at < stream.size(); ++at) {
      for (const int flip : {1 << at % 8, 0xff}) {
        stream[at] ^= static_cast<uint8_t>(flip);
        ASSERT_THAT(DecompressStream(stream), IsFound()) << "byte " << at;
        stream[at] ^= static_cast<uint8_t>(flip);
      }
    }
  }
}

TEST(FrameStream, TruncatedAtEveryByteIsFound) {
  const std::vector<uint8_t> stream = CompressStream(SmallModel());
  for (size_t size = 0; size < stream.size(); ++size) {
    ASSERT_THAT(DecompressStream(std::span(stream).first(size)), IsFound()) << size;
  }
}

TEST(FrameStream, BytesBehindTheIndexAreDataLoss) {
  EXPECT_THAT(DecompressStream(Concat({CompressStream(SmallModel()), AsBytes("x")})), StatusIs(kDataLoss));
}

TEST(FrameStream, FramesThatAreSwappedOrMissingAreDataLoss) {
  const std::vector<uint8_t> stream = CompressStream(SmallModel());
  const uint8_t* entries = stream.data() + stream.size() - kIndexFixedBytes - 3 * kIndexEntryBytes + 24;
  const auto frame_bytes = [&](size_t frame) { return LoadLe<uint64_t>(entries + frame * kIndexEntryBytes); };
  const auto all = std::span(stream);
  const auto front = all.first(kStreamHeaderBytes + frame_bytes(0));
  const auto k = all.subspan(front.size(), frame_bytes(1));
  const auto v = all.subspan(front.size() + k.size(), frame_bytes(2));
  const auto index = all.subspan(front.size() + k.size() + v.size());
  ASSERT_THAT(DecompressStream(Concat({front, k, v, index})), IsOk());
  EXPECT_THAT(DecompressStream(Concat({front, v, k, index})), StatusIs(kDataLoss));
  EXPECT_THAT(DecompressStream(Concat({front, k, index})), IsFound());
  EXPECT_THAT(DecompressStream(Concat({front, k, v, v, index})), IsFound());
}

TEST(FrameStream, ALengthThatTheInputHasNotEarnedAllocatesNothing) {
  FrameHeader header{.dtype = Dtype::kU8, .shape = {uint64_t{1} << 60}, .sections = {}};
  std::vector<uint8_t> header_bytes;
  ASSERT_THAT(MakeFrameHeader(&header, &header_bytes), IsOk());
  MemorySink sink;
  FrameStreamWriter writer(&sink);
  ASSERT_THAT(writer.Begin(StreamKind::kSafetensors), IsOk());
  ASSERT_THAT(writer.BeginFrame(header, header_bytes), IsOk());
  ResetLargestAllocation();
  EXPECT_THAT(DecompressStream(sink.bytes()), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_LT(LargestAllocation(), kSmallAllocation);
}

// What DecodeStream said of each failure.
std::vector<std::string> Failures(std::span<const uint8_t> bytes, StreamCheck check = StreamCheck::kFull) {
  const MemorySource source(bytes);
  SourceStream stream(&source);
  absl::StatusOr<FrameStreamReader> reader = FrameStreamReader::Open(&stream);
  if (!reader.ok()) return {reader.status().ToString()};
  std::vector<std::string> failures;
  EXPECT_THAT(DecodeStream(*reader, 2, check,
                           [&](const DecodedPiece& piece) {
                             if (!piece.status.ok()) failures.push_back(piece.where);
                             return absl::OkStatus();
                           }),
              IsOk());
  return failures;
}

TEST(FrameStream, ADamagedBlockIsNamedAndDoesNotHideTheOthers) {
  std::vector<uint8_t> stream = CompressStream(Model());
  const auto entries = std::span(stream).last(kIndexFixedBytes + 5 * kIndexEntryBytes).subspan(24);
  const auto header_frame_bytes = LoadLe<uint64_t>(entries.data());
  stream[kStreamHeaderBytes + header_frame_bytes + 5000] ^= 1;  // in the first block of "a"
  EXPECT_THAT(Failures(stream), testing::ElementsAre("tensor a: block 0"));
  EXPECT_THAT(Failures(stream, StreamCheck::kStructure), testing::IsEmpty());
}

TEST(FrameStream, WhereItBreaksOffIsNamed) {
  const std::vector<uint8_t> stream = CompressStream(Model());
  EXPECT_THAT(Failures(std::span(stream).first(300000)), testing::ElementsAre("tensor a: block 1"));
  EXPECT_THAT(Failures(std::span(stream).first(300000), StreamCheck::kStructure), testing::SizeIs(1));
}

TEST(StreamIndex, NamesTheFieldThatIsWrong) {
  const std::vector<IndexEntry> entries = {{256, 100, {1, 2}, false}, {512, 200, {3, 4}, true}};
  const std::vector<uint8_t> good = MakeStreamIndex(entries);
  ASSERT_THAT(CheckStreamIndex(good, entries), IsOk());
  const std::pair<size_t, const char*> fields[] = {{0, "index magic"},
                                                   {8, "index frames"},
                                                   {16, "original bytes"},
                                                   {24, "frame 0"},
                                                   {24 + kIndexEntryBytes + 32, "frame 1"},
                                                   {good.size() - 24, "hash"},
                                                   {good.size() - 1, "end magic"}};
  for (const auto& [at, field] : fields) {
    std::vector<uint8_t> bytes = good;
    bytes[at] ^= 1;
    const absl::Status status = CheckStreamIndex(bytes, entries);
    EXPECT_THAT(status, StatusIs(kDataLoss));
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(field));
  }
}

}  // namespace
}  // namespace plait
