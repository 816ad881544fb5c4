#include "codec/block/zstd_codec.h"

#include <algorithm>

#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

std::vector<uint8_t> Encode(std::span<const uint8_t> raw) {
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  ZstdEncode(kZstdLevel, raw, workspace, &coded);
  return coded;
}

absl::Status Decode(std::span<const uint8_t> coded, size_t raw_bytes) {
  BlockWorkspace workspace;
  const GuardedBytes in(coded);
  const GuardedBytes raw(raw_bytes);
  return ZstdDecode(in.span(), workspace, raw.span());
}

TEST(ZstdEncode, AppendsBehindWhatIsThere) {
  BlockWorkspace workspace;
  std::vector<uint8_t> coded = FromHex("AA BB");
  ZstdEncode(kZstdLevel, AsBytes("text"), workspace, &coded);
  EXPECT_EQ(coded, Concat({FromHex("AA BB"), Encode(AsBytes("text"))}));
  EXPECT_EQ(ZstdCodedBytes(kZstdLevel, AsBytes("text"), workspace), coded.size() - 2);
}

TEST(ZstdDecode, TruncatedAtEveryByteIsOutOfRange) {
  for (const Input& input : ByteEdges()) {
    const std::vector<uint8_t> coded = Encode(input.raw);
    if (coded.size() > 1500 || input.raw.empty()) continue;
    for (size_t size = 0; size < coded.size(); ++size) {
      EXPECT_THAT(Decode(std::span(coded).first(size), input.raw.size()), StatusIs(absl::StatusCode::kOutOfRange))
          << input.name << ": " << size << " of " << coded.size();
    }
  }
}

TEST(ZstdDecode, AnotherDecodedSizeIsDataLoss) {
  const std::vector<uint8_t> coded = Encode(std::vector<uint8_t>(1000, 7));
  for (size_t size : {0, 1, 999, 1001}) EXPECT_THAT(Decode(coded, size), StatusIs(absl::StatusCode::kDataLoss)) << size;
}

TEST(ZstdDecode, AnythingBehindTheFrameIsDataLoss) {
  const std::vector<uint8_t> frame = Encode(std::vector<uint8_t>(1000, 7));
  const std::vector<uint8_t> nothing = Encode({});
  const std::vector<uint8_t> skippable = FromHex("50 2A 4D 18 02 00 00 00 AA BB");
  const std::vector<std::vector<uint8_t>> tails = {FromHex("00"), FromHex("00 00 00 00 00 00"), nothing, skippable};
  for (const auto& tail : tails) {
    EXPECT_THAT(Decode(Concat({frame, tail}), 1000), StatusIs(absl::StatusCode::kDataLoss)) << tail.size();
    EXPECT_THAT(Decode(Concat({tail, frame}), 1000), IsRejected()) << tail.size() << " in front";
  }
}

TEST(ZstdDecode, FlippedBitsNeverLeaveTheBuffers) {
  for (const Input& input : ByteEdges()) {
    BlockWorkspace workspace;
    const GuardedBytes coded(Encode(input.raw));
    const GuardedBytes raw(input.raw.size());
    const size_t step = std::max<size_t>(1, 8 * coded.span().size() / 2000);
    for (size_t bit = 0; bit < 8 * coded.span().size(); bit += step) {
      coded.span()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_THAT(ZstdDecode(coded.span(), workspace, raw.span()), testing::AnyOf(IsOk(), IsRejected()));
      coded.span()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

}  // namespace
}  // namespace plait
