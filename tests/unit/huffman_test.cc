// The DFloat11 stream: bytes, and what a decoder makes of bytes that no encoder wrote.
#include "codec/huffman/huffman.h"

#include <algorithm>

#include "codec/base/endian.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

absl::StatusOr<std::vector<uint8_t>> Decode(const HuffmanStream& stream, size_t n) {
  const GuardedBytes codes(stream.codes);
  const GuardedBytes symbols(n);
  const absl::Status status =
      DecodeHuffman(stream.luts, codes.span(), stream.gaps, stream.output_positions, symbols.span());
  if (!status.ok()) return status;
  return std::vector<uint8_t>(symbols.span().begin(), symbols.span().end());
}

// Exponents of every edge of bf16 that has any, those that DFloat11 cannot carry made smaller.
std::vector<std::vector<uint8_t>> Planes() {
  std::vector<std::vector<uint8_t>> planes;
  for (const Input& input : Bf16Edges()) {
    std::vector<uint8_t> exponents(input.raw.size() / 2);
    for (size_t i = 0; i < exponents.size(); ++i) {
      const auto exponent = static_cast<uint8_t>(LoadLe<uint16_t>(&input.raw[2 * i]) >> 7);
      exponents[i] = std::min<uint8_t>(exponent, kHuffmanFirstPointer - 1);
    }
    if (!exponents.empty()) planes.push_back(std::move(exponents));
  }
  return planes;
}

std::vector<uint8_t> Skewed(size_t n, uint64_t seed) {
  Random random(seed);
  return GeometricBytes(n, random);
}

TEST(EncodeHuffman, EveryEdgeComesBack) {
  for (const auto& symbols : Planes()) {
    const HuffmanStream stream = EncodeHuffman(symbols).value();
    ASSERT_EQ(Decode(stream, symbols.size()).value(), symbols);
  }
}

// Whatever bit the stream ends at: in a thread's first bit, at a block's end, ...
TEST(EncodeHuffman, EveryLengthComesBack) {
  const std::vector<uint8_t> symbols = Skewed(17000, 1);
  for (size_t n = 1; n < symbols.size(); n += n < 300 || n > 16000 ? 1 : 97) {
    const std::vector<uint8_t> part(symbols.begin(), symbols.begin() + static_cast<ptrdiff_t>(n));
    ASSERT_EQ(Decode(EncodeHuffman(part).value(), n).value(), part) << n;
  }
}

TEST(EncodeHuffman, SizesAreThoseOfTheCounts) {
  for (const auto& symbols : Planes()) {
    const HuffmanStream stream = EncodeHuffman(symbols).value();
    const HuffmanSizes sizes =
        HuffmanSizesOf(HuffmanCodedBits(PlanHuffman(CountBytes(symbols))->code, CountBytes(symbols)));
    ASSERT_EQ(sizes.codes, stream.codes.size());
    ASSERT_EQ(sizes.gaps, stream.gaps.size());
    ASSERT_EQ(sizes.output_positions, stream.output_positions.size());
  }
}

// As DFloat11 has it, byte for byte: a thread in which the last code ends, and none starts, has a gap only if the last
// byte is filled up.
TEST(EncodeHuffman, TheGapBehindTheLastCodeIsThatOfThePackage) {
  // Exponents that are all about as frequent, so that many codes have the bits that a byte has left.
  Random random(8);
  std::vector<uint8_t> symbols = RandomBytes(6000, random);
  for (uint8_t& symbol : symbols) symbol %= 200;
  size_t filled = 0;
  size_t whole = 0;
  for (size_t n = 1000; n < symbols.size(); n += 3) {
    const auto part = std::span(symbols).first(n);
    const HuffmanCode code = PlanHuffman(CountBytes(part))->code;
    const uint64_t end = HuffmanCodedBits(code, CountBytes(part));
    const uint64_t thread = (end - 1) / kHuffmanThreadBits;
    if (end - code.length[part.back()] >= thread * kHuffmanThreadBits) continue;
    const HuffmanStream stream = EncodeHuffman(part).value();
    uint8_t gaps[kHuffmanGapsPerUnit];
    UnpackHuffmanGaps(&stream.gaps[thread / kHuffmanGapsPerUnit * kHuffmanGapUnitBytes], gaps);
    const uint64_t expected = end % 8 == 0 ? 0 : end - thread * kHuffmanThreadBits;
    ASSERT_EQ(gaps[thread % kHuffmanGapsPerUnit], expected) << n;
    ++(end % 8 == 0 ? whole : filled);
  }
  EXPECT_GT(filled, 0);
  EXPECT_GT(whole, 0) << "a test that meets no case holds nothing";
}

TEST(EncodeHuffmanPiece, PiecesAreTheWhole) {
  const std::vector<uint8_t> symbols = Skewed(60000, 2);
  const HuffmanStream whole = EncodeHuffman(symbols).value();
  const HuffmanCode code = PlanHuffman(CountBytes(symbols))->code;
  for (size_t piece_symbols : {1, 2, 7, 1000, 16384, 59999}) {
    HuffmanJoiner joiner(code);
    HuffmanPiece piece;
    std::vector<uint8_t> codes;
    for (size_t begin = 0; begin < symbols.size(); begin += piece_symbols) {
      const auto part = std::span(symbols).subspan(begin, std::min(piece_symbols, symbols.size() - begin));
      EncodeHuffmanPiece(code, part, piece.end_bit, &piece);
      joiner.Add(piece, &codes);
    }
    joiner.Finish(&codes);
    ASSERT_EQ(codes, whole.codes) << piece_symbols;
    ASSERT_EQ(joiner.gaps(), whole.gaps);
    ASSERT_EQ(joiner.output_positions(), whole.output_positions);
  }
}

TEST(HuffmanReader, RunsOfBlocksAreTheWhole) {
  const std::vector<uint8_t> symbols = Skewed(100000, 3);
  const HuffmanStream stream = EncodeHuffman(symbols).value();
  const HuffmanReader reader =
      HuffmanReader::Open(stream.luts, stream.gaps, stream.output_positions, stream.codes.size(), symbols.size())
          .value();
  ASSERT_GT(reader.num_blocks(), 3);
  for (size_t first = 0; first < reader.num_blocks(); ++first) {
    for (size_t last = first + 1; last <= reader.num_blocks(); ++last) {
      const auto expected =
          std::span(symbols).subspan(reader.FirstSymbol(first), reader.FirstSymbol(last) - reader.FirstSymbol(first));
      const auto begin = stream.codes.begin() + static_cast<ptrdiff_t>(first * kHuffmanBlockBytes);
      const GuardedBytes codes(std::span(begin, reader.CodeBytes(first, last)));
      const GuardedBytes decoded(expected.size());
      ASSERT_THAT(reader.DecodeHuffmanBlocks(codes.span(), first, last, decoded.span()), IsOk());
      ASSERT_TRUE(std::ranges::equal(decoded.span(), expected));
    }
  }
}

TEST(HuffmanReader, SpansOfOtherSizesAreInvalid) {
  const HuffmanStream stream = EncodeHuffman(Skewed(100, 3)).value();
  const HuffmanReader reader =
      HuffmanReader::Open(stream.luts, stream.gaps, stream.output_positions, stream.codes.size(), 100).value();
  std::vector<uint8_t> symbols(101);
  EXPECT_THAT(reader.DecodeHuffmanBlocks(stream.codes, 0, 1, symbols), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(reader.DecodeHuffmanBlocks(std::span(stream.codes).first(1), 0, 1, std::span(symbols).first(100)),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// Two blocks, the second one half full.
class BrokenStream : public testing::Test {
 protected:
  static constexpr size_t kSymbols = 24000;
  void ExpectStatus(absl::StatusCode code) { EXPECT_THAT(Decode(stream_, kSymbols), StatusIs(code)); }
  HuffmanStream stream_ = EncodeHuffman(Skewed(kSymbols, 5)).value();
};

TEST_F(BrokenStream, IsWholeBeforeItIsBroken) {
  ASSERT_EQ(stream_.gaps.size(), 2 * kHuffmanBlockGapBytes);
  EXPECT_THAT(Decode(stream_, kSymbols), IsOk());
}

TEST_F(BrokenStream, PartsThatEndEarlyAreOutOfRange) {
  for (auto part : {&HuffmanStream::luts, &HuffmanStream::codes, &HuffmanStream::gaps}) {
    for (size_t cut : {size_t{1}, size_t{256}, (stream_.*part).size()}) {
      HuffmanStream cut_short = stream_;
      (cut_short.*part).resize((stream_.*part).size() - std::min(cut, (stream_.*part).size()));
      EXPECT_FALSE(Decode(cut_short, kSymbols).ok());
    }
  }
  stream_.gaps.pop_back();
  ExpectStatus(absl::StatusCode::kOutOfRange);
}

TEST_F(BrokenStream, CodesCutAtAnyByteAreRejected) {
  const HuffmanStream stream = EncodeHuffman(Skewed(700, 6)).value();
  for (size_t bytes = 0; bytes < stream.codes.size(); ++bytes) {
    HuffmanStream cut = stream;
    cut.codes.resize(bytes);
    ASSERT_THAT(Decode(cut, 700), StatusIs(absl::StatusCode::kOutOfRange)) << bytes;
  }
}

TEST_F(BrokenStream, BytesBehindAPartAreDataLoss) {
  for (auto part :
       {&HuffmanStream::luts, &HuffmanStream::codes, &HuffmanStream::gaps, &HuffmanStream::output_positions}) {
    HuffmanStream longer = stream_;
    (longer.*part).push_back(0);
    EXPECT_THAT(Decode(longer, kSymbols), StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST_F(BrokenStream, AnExponentThatIsAPointerIsDataLoss) {
  stream_.luts[stream_.luts.size() - 256 + 240] = 5;
  ExpectStatus(absl::StatusCode::kDataLoss);
}

TEST_F(BrokenStream, ACodeOf33BitsIsDataLoss) {
  stream_.luts[stream_.luts.size() - 256 + 30] = 33;
  ExpectStatus(absl::StatusCode::kDataLoss);
}

TEST_F(BrokenStream, APointerBehindTheRowsIsDataLoss) {
  stream_.luts[7] = HuffmanPointerTo(stream_.luts.size() / kHuffmanRowBytes - 1);
  ExpectStatus(absl::StatusCode::kDataLoss);
}

TEST_F(BrokenStream, MoreSubTablesThanPointersAreUnimplemented) {
  stream_.luts.insert(stream_.luts.begin(), (kHuffmanMaxRows + 1) * kHuffmanRowBytes - stream_.luts.size(), 0);
  ExpectStatus(absl::StatusCode::kUnimplemented);
}

TEST_F(BrokenStream, ASymbolWithoutALengthIsDataLossAndNoHang) {
  stream_.luts[stream_.luts.size() - 256 + 1] = 0;
  ExpectStatus(absl::StatusCode::kDataLoss);
}

TEST_F(BrokenStream, PointersThatLeadInACircleAreDataLoss) {
  std::vector<uint8_t> circle(kHuffmanRowBytes, HuffmanPointerTo(1));
  stream_.luts.insert(stream_.luts.begin(), circle.begin(), circle.end());
  ExpectStatus(absl::StatusCode::kDataLoss);
}

TEST_F(BrokenStream, AnyOtherGapIsDataLoss) {
  const uint8_t last = stream_.gaps[7];
  for (uint8_t flip = 1; flip != 0; flip = static_cast<uint8_t>(flip << 1)) {
    stream_.gaps[7] = last ^ flip;
    ExpectStatus(absl::StatusCode::kDataLoss);
  }
}

TEST_F(BrokenStream, AnotherFirstGapOfABlockIsDataLoss) {
  stream_.gaps[kHuffmanBlockGapBytes] ^= 8;
  ExpectStatus(absl::StatusCode::kDataLoss);
}

TEST_F(BrokenStream, OtherPositionsAreDataLoss) {
  for (size_t entry : {0, 1, 2}) {
    const auto position = LoadLe<uint32_t>(&stream_.output_positions[4 * entry]);
    for (uint32_t other : {position + 1, position - 1, uint32_t{0xffffffff}}) {
      HuffmanStream moved = stream_;
      StoreLe(other, &moved.output_positions[4 * entry]);
      EXPECT_THAT(Decode(moved, kSymbols), StatusIs(absl::StatusCode::kDataLoss)) << entry << " " << other;
    }
  }
}

TEST_F(BrokenStream, AnotherNumberOfSymbolsIsDataLoss) {
  for (size_t n : {size_t{0}, kSymbols - 1, kSymbols + 1}) {
    EXPECT_THAT(Decode(stream_, n), StatusIs(absl::StatusCode::kDataLoss)) << n;
  }
}

TEST_F(BrokenStream, MoreThanTheKernelCountsIsResourceExhausted) {
  EXPECT_THAT(HuffmanReader::Open(stream_.luts, stream_.gaps, stream_.output_positions, kHuffmanMaxCodeBytes + 1, 1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(HuffmanReader::Open(stream_.luts, stream_.gaps, stream_.output_positions, stream_.codes.size(),
                                  kHuffmanMaxSymbols + 1),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

// Nothing hashes a stream, so a flip may decode to other symbols; it may not touch what is not its own.
TEST(DecodeHuffman, EveryFlippedBitIsDecodedOrRejected) {
  const HuffmanStream stream = EncodeHuffman(Skewed(500, 7)).value();
  for (auto part :
       {&HuffmanStream::luts, &HuffmanStream::codes, &HuffmanStream::gaps, &HuffmanStream::output_positions}) {
    HuffmanStream flipped = stream;
    for (size_t bit = 0; bit < 8 * (flipped.*part).size(); ++bit) {
      (flipped.*part)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_THAT(Decode(flipped, 500), testing::AnyOf(IsOk(), IsRejected()));
      (flipped.*part)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

// What DFloat11's encoder does where a last code ends with the first bytes of a block: no position for that block.
TEST(DecodeHuffman, ALeftOutPositionOfABlockWithoutStartsIsFilledIn) {
  // Codes of 2 bits up to the last but one bit pair of a block, then one of 18 bits.
  std::vector<uint8_t> luts(4 * kHuffmanRowBytes, 1);
  std::fill_n(luts.begin() + 192, 64, HuffmanPointerTo(1));
  std::fill_n(luts.begin() + 256, 256, HuffmanPointerTo(2));
  std::fill_n(luts.begin() + 512, 256, 9);
  std::fill_n(luts.begin() + 768, 256, 0);
  luts[768 + 1] = 2;
  luts[768 + 9] = 18;
  constexpr size_t kShort = kHuffmanBlockBits / 2 - 1;
  HuffmanStream stream = {.luts = luts,
                          .codes = std::vector<uint8_t>(kHuffmanBlockBytes + 2),
                          .gaps = {},
                          .output_positions = std::vector<uint8_t>(8)};
  stream.codes[kHuffmanBlockBytes - 1] = 3;
  stream.gaps.resize(2 * kHuffmanBlockGapBytes);
  StoreLe(static_cast<uint32_t>(kShort + 1), &stream.output_positions[4]);
  std::vector<uint8_t> expected(kShort + 1, 1);
  expected.back() = 9;
  EXPECT_EQ(Decode(stream, kShort + 1).value(), expected);
  stream.output_positions.resize(4);
  EXPECT_THAT(Decode(stream, kShort + 1), StatusIs(absl::StatusCode::kOutOfRange));
}

}  // namespace
}  // namespace plait
