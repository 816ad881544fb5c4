// Whole frames: written, read back, damaged, and forged with right hashes.
#include <algorithm>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "formats/frame/frame_reader.h"
#include "tests/registry/files.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;
constexpr size_t kSmallAllocation = size_t{1} << 20;

FrameHeader HeaderOf(Dtype dtype, std::vector<uint64_t> shape) {
  return {.dtype = dtype, .shape = std::move(shape), .block_log2 = 10, .sections = {}};
}

std::vector<uint8_t> Noise(size_t n, uint64_t seed = 1) {
  Random random(seed);
  return RandomBytes(n, random);
}

// Three blocks of noise, stored: each 32 + 1024 bytes and 32 of padding, from offset 64 on.
constexpr size_t kStoredBlockBytes = 1088;
constexpr size_t kFirstBlockAt = 64;
std::vector<uint8_t> ThreeStoredBlocks(uint64_t rows = 3, uint64_t seed = 1) {
  return MakeFrame(HeaderOf(Dtype::kU8, {rows, 3072 / rows}), Noise(3072, seed));
}

uint64_t HeaderHash(std::span<const uint8_t> frame) { return ParseFrameHeader(frame)->hash; }

// Makes the hash of a footer of `num_blocks` right again.
void ResealFooter(std::vector<uint8_t>& frame, size_t num_blocks) {
  const size_t footer_bytes = kFooterFixedBytes + num_blocks * kBlockTableEntryBytes;
  const auto footer = std::span(frame).last(footer_bytes);
  StoreLe(Hash64(footer.first(footer_bytes - 16), HeaderHash(frame)), footer.data() + footer_bytes - 16);
}

TEST(Frame, RoundTripsForEveryDtypeAndRank) {
  for (const DtypeInfo& info : DtypeTable()) {
    for (size_t rank : {0, 1, 2, 3, 64}) {
      if (rank == 0 && info.bits % 8 != 0) continue;
      std::vector<uint64_t> shape(rank, 1);
      if (rank != 0) shape.back() = 2504;  // three blocks, the last one short
      const std::vector<uint8_t> raw = Noise((rank == 0 ? 1 : 2504) * info.bits / 8);
      EXPECT_EQ(DecodeFrame(MakeFrame(HeaderOf(info.dtype, shape), raw)).value(), raw) << info.name << " " << rank;
    }
  }
}

TEST(Frame, RoundTripsAtEveryBlockSizeAroundItsEnd) {
  for (uint64_t elements : {1, 1023, 1024, 1025, 2047, 2048, 2049}) {
    Random random(elements);
    const std::vector<uint8_t> raw = WeightLikeBf16(elements, random);
    const std::vector<uint8_t> frame = MakeFrame(HeaderOf(Dtype::kBf16, {elements}), raw);
    EXPECT_EQ(frame.size() % kFrameAlignment, 0);
    EXPECT_EQ(DecodeFrame(frame).value(), raw) << elements;
  }
}

TEST(Frame, SectionsDoNotDisturbTheBlocks) {
  FrameHeader header = HeaderOf(Dtype::kU8, {2000});
  header.sections = {{.type = 900, .flags = 0, .bytes = Noise(1001)}, {.type = 901, .flags = 0, .bytes = {}}};
  const std::vector<uint8_t> raw = Noise(2000);
  EXPECT_EQ(DecodeFrame(MakeFrame(header, raw)).value(), raw);
}

TEST(Frame, AnyBlockIsReadWithoutTheOthersAndAtAnyPlace) {
  const std::vector<uint8_t> raw = Noise(3072);
  const std::vector<uint8_t> file = Concat({Noise(512), MakeFrame(HeaderOf(Dtype::kU8, {3072}), raw), Noise(99)});
  const MemorySource source(file);
  const absl::StatusOr<FrameReader> reader = FrameReader::Open(&source, 512, file.size() - 512 - 99);
  ASSERT_THAT(reader, IsOk());
  for (uint64_t block : {2, 0, 1}) {
    BlockWorkspace workspace;
    std::vector<uint8_t> coded;
    std::vector<uint8_t> decoded(1024);
    ASSERT_THAT(reader->ReadBlock(block, workspace, coded, decoded), IsOk());
    EXPECT_TRUE(std::ranges::equal(decoded, std::span(raw).subspan(1024 * block, 1024)));
  }
}

TEST(Frame, AnyFlippedBitIsRejected) {
  Random random(3);
  const std::vector<std::vector<uint8_t>> frames = {
      ThreeStoredBlocks(),
      MakeFrame(HeaderOf(Dtype::kBf16, {1500}), WeightLikeBf16(1500, random)),
      MakeFrame(HeaderOf(Dtype::kU8, {5000}), std::vector<uint8_t>(5000)),
  };
  for (std::vector<uint8_t> frame : frames) {
    for (size_t bit = 0; bit < 8 * frame.size(); ++bit) {
      frame[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_THAT(DecodeFrame(frame), IsRejected()) << "byte " << bit / 8;
      frame[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(Frame, TruncatedAtEveryByteIsRejected) {
  const std::vector<uint8_t> frame = ThreeStoredBlocks();
  for (size_t size = 0; size < frame.size(); ++size) {
    ASSERT_THAT(DecodeFrame(std::span(frame).first(size)), IsRejected()) << size;
  }
}

TEST(Frame, SwappedBlocksAreDataLoss) {
  std::vector<uint8_t> frame = ThreeStoredBlocks();
  const auto first = frame.begin() + kFirstBlockAt;
  std::swap_ranges(first, first + kStoredBlockBytes, first + kStoredBlockBytes);
  EXPECT_THAT(DecodeFrame(frame), StatusIs(kDataLoss));
}

TEST(Frame, ABlockOfAnotherFrameIsDataLoss) {
  const std::vector<uint8_t> other_shape = ThreeStoredBlocks(1);
  const std::vector<uint8_t> other_tensor = ThreeStoredBlocks(3, 2);
  for (const auto& other : {other_shape, other_tensor}) {
    std::vector<uint8_t> frame = ThreeStoredBlocks();
    std::copy_n(other.begin() + kFirstBlockAt, kStoredBlockBytes, frame.begin() + kFirstBlockAt);
    EXPECT_THAT(DecodeFrame(frame), StatusIs(kDataLoss));
  }
}

TEST(Frame, AFooterOfAnotherFrameIsDataLoss) {
  std::vector<uint8_t> frame = ThreeStoredBlocks();
  const std::vector<uint8_t> other = ThreeStoredBlocks(1);
  std::copy(other.end() - 72, other.end(), frame.end() - 72);
  EXPECT_THAT(DecodeFrame(frame), StatusIs(kDataLoss));
}

TEST(Frame, MorePaddingThanTheAlignmentAsksForIsDataLoss) {
  std::vector<uint8_t> frame = ThreeStoredBlocks();
  frame.insert(frame.end() - 72, kFrameAlignment, uint8_t{0});
  StoreLe(uint64_t{frame.size()}, frame.data() + frame.size() - 24);
  ResealFooter(frame, 3);
  EXPECT_THAT(DecodeFrame(frame), StatusIs(kDataLoss));
}

struct FooterCase {
  const char* name;
  size_t from_end;
  std::string_view bytes;
  absl::StatusCode code;
};

// The footer of ThreeStoredBlocks is its last 72 bytes: magic, 3, three entries of 8, decoded hash, frame bytes, ...
const FooterCase kFooterCases[] = {
    {"Nothing", 72, "", absl::StatusCode::kOk},
    {"Magic", 72, "51", kDataLoss},
    {"FewerBlocks", 68, "02", kDataLoss},
    {"MoreBlocks", 68, "FF FF FF FF", kDataLoss},
    {"LongerPayload", 64, "01 04", kDataLoss},
    {"ShorterPayload", 64, "FF 03", kDataLoss},
    {"PayloadOfFourGigabytes", 64, "FF FF FF FF", kDataLoss},
    {"OtherCodec", 60, "01", kDataLoss},
    {"UnknownCodec", 60, "C8", kUnimplemented},
    {"OtherPlane", 59, "01", kDataLoss},
    {"ReservedBytes", 58, "01", kDataLoss},
    {"LastPayloadShorter", 48, "00 03", kDataLoss},
    {"DecodedHash", 40, "00 00 00 00", kDataLoss},
    {"FrameBytes", 24, "00 10", kDataLoss},
    {"FooterBytes", 8, "49", kDataLoss},
};

TEST(Frame, FooterFieldsAreCheckedEvenUnderARightHash) {
  for (const FooterCase& test : kFooterCases) {
    std::vector<uint8_t> frame = ThreeStoredBlocks();
    std::ranges::copy(FromHex(test.bytes), frame.end() - static_cast<ptrdiff_t>(test.from_end));
    ResealFooter(frame, 3);
    EXPECT_THAT(DecodeFrame(frame), StatusIs(test.code)) << test.name;
  }
}

// A frame of `frame_bytes` whose header and footer claim `elements` and have right hashes.
std::vector<uint8_t> ClaimingFrame(Dtype dtype, uint64_t elements, size_t frame_bytes) {
  FrameHeader header = HeaderOf(dtype, {elements});
  std::vector<uint8_t> frame;
  EXPECT_THAT(MakeFrameHeader(&header, &frame), IsOk());
  frame.resize(frame_bytes);
  const uint64_t footer_bytes = kFooterFixedBytes + header.num_blocks() * kBlockTableEntryBytes;
  if (footer_bytes > frame_bytes) {
    StoreLe(footer_bytes, frame.data() + frame_bytes - 8);
    return frame;
  }
  const auto footer = std::span(frame).last(footer_bytes);
  std::ranges::copy(kFooterMagic, footer.begin());
  StoreLe(static_cast<uint32_t>(header.num_blocks()), footer.data() + 4);
  StoreLe(uint64_t{frame_bytes}, footer.data() + footer_bytes - 24);
  StoreLe(footer_bytes, footer.data() + footer_bytes - 8);
  ResealFooter(frame, header.num_blocks());
  return frame;
}

TEST(Frame, HugeClaimsAreRejectedWithoutMemory) {
  for (uint64_t elements :
       {uint64_t{0}, uint64_t{1} << 60, uint64_t{1} << 40, uint64_t{5} << 10, uint64_t{100} << 10}) {
    const std::vector<uint8_t> frame = ClaimingFrame(Dtype::kU8, elements, 512);
    ResetLargestAllocation();
    EXPECT_THAT(DecodeFrame(frame), IsRejected()) << elements;
    EXPECT_LT(LargestAllocation(), kSmallAllocation) << elements;
  }
}

TEST(Frame, AHeaderThatClaimsMoreThanTheFrameIsRejected) {
  std::vector<uint8_t> frame = ThreeStoredBlocks();
  for (uint32_t claim : {uint32_t{0}, static_cast<uint32_t>(frame.size()), uint32_t{65536}, 0xfffffff8u}) {
    StoreLe(claim, frame.data() + 12);
    ResetLargestAllocation();
    EXPECT_THAT(DecodeFrame(frame), IsRejected()) << claim;
    EXPECT_LT(LargestAllocation(), kSmallAllocation) << claim;
  }
}

}  // namespace
}  // namespace plait
