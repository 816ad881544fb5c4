// The DFloat11 kernel on the host executor: what it gives is what the CPU decoder gives, for everything in the registry
// and every order of warps; what that one rejects becomes a status word and no fault.
#include "gpu/kernels/huffman_decode.h"

#include <cstdio>
#include <cstring>

#include "codec/base/endian.h"
#include "codec/transform/planes.h"
#include "tests/gpu/huffman_device.h"
#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

using simt::Counters;

std::vector<uint16_t> Join(std::span<const uint8_t> exponents, std::span<const uint8_t> rest) {
  std::vector<uint16_t> elements(exponents.size());
  for (size_t i = 0; i < elements.size(); ++i) {
    elements[i] = static_cast<uint16_t>((rest[i] & 0x80) << 8 | exponents[i] << 7 | (rest[i] & 0x7f));
  }
  return elements;
}

absl::StatusOr<std::vector<uint8_t>> CpuDecode(const HuffmanStream& stream, size_t n) {
  std::vector<uint8_t> symbols(n);
  const absl::Status status = DecodeHuffman(stream.luts, stream.codes, stream.gaps, stream.output_positions, symbols);
  if (!status.ok()) return status;
  return symbols;
}

std::vector<uint8_t> Rest(size_t n) {
  Random random(n);
  return RandomBytes(n, random);
}

// The kernel accepts what the CPU decoder accepts, and gives the same.
void ExpectSameAsCpu(const HuffmanStream& stream, std::span<const uint8_t> rest, uint64_t seed) {
  const auto expected = CpuDecode(stream, rest.size());
  HuffmanDevice device;
  if (const absl::Status status = device.Add(stream, stream, rest); !status.ok()) {
    ASSERT_THAT(expected, StatusIs(status.code()));
    return;
  }
  ASSERT_THAT(device.Decode(seed), IsOk());
  ASSERT_EQ(device.ok(), expected.ok()) << expected.status();
  if (!expected.ok()) return;
  ASSERT_TRUE(device.written(0));
  ASSERT_TRUE(std::ranges::equal(device.out(0), Join(*expected, rest)));
}

void ExpectDecodes(std::span<const uint8_t> symbols, uint64_t seed) {
  const HuffmanStream stream = EncodeHuffman(symbols).value();
  ASSERT_TRUE(std::ranges::equal(CpuDecode(stream, symbols.size()).value(), symbols));
  ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(stream, Rest(symbols.size()), seed));
}

// Exponents as those of weights, below kHuffmanFirstPointer.
std::vector<uint8_t> Skewed(size_t n, uint64_t seed) {
  Random random(seed);
  return GeometricBytes(n, random);
}

// Symbols whose codes get ever longer, up to about `longest` bits.
std::vector<uint8_t> LongCodes(unsigned longest, uint64_t seed) {
  std::vector<uint8_t> symbols;
  size_t count = 1;
  for (size_t before = 1, symbol = 0; symbol < longest; ++symbol) {
    symbols.insert(symbols.end(), count, static_cast<uint8_t>(200 - symbol));
    before = std::exchange(count, count + before);
  }
  Random random(seed);
  for (size_t i = symbols.size(); i > 1; --i) std::swap(symbols[i - 1], symbols[random() % i]);
  return symbols;
}

// A row of luts in which the symbol or pointer of a code has all slots that begin with it.
struct Code {
  unsigned bits, length;
  uint8_t entry;
};
std::vector<uint8_t> Row(std::initializer_list<Code> codes) {
  std::vector<uint8_t> row(kHuffmanRowBytes);
  for (const Code& code : codes) {
    std::fill_n(row.begin() + (code.bits << (8 - code.length)), 1 << (8 - code.length), code.entry);
  }
  return row;
}
std::vector<uint8_t> Lengths(std::initializer_list<std::pair<uint8_t, uint8_t>> lengths) {
  std::vector<uint8_t> row(kHuffmanRowBytes);
  for (const auto& [symbol, length] : lengths) row[symbol] = length;
  return row;
}

std::vector<uint8_t> Positions(std::initializer_list<uint32_t> positions) {
  std::vector<uint8_t> bytes;
  for (uint32_t position : positions) {
    bytes.resize(bytes.size() + 4);
    StoreLe(position, &bytes[bytes.size() - 4]);
  }
  return bytes;
}

TEST(HuffmanDecodeKernel, EveryRegistryInputInSeveralOrders) {
  size_t inputs = 0;
  for (const CodecEntry& entry : CodecRegistry()) {
    std::vector<Input> edges = entry.edge_inputs();
    edges.push_back(entry.generate(5, 20000));
    for (const Input& input : edges) {
      const size_t n = input.raw.size() / 2;
      std::vector<uint8_t> exponents(n), rest(n);
      SplitPlanes(PlaneKind::kBf16, std::span(input.raw).first(2 * n), {exponents, rest});
      const auto stream = EncodeHuffman(exponents);
      const bool own = entry.id == CodecId::kTier && entry.kind == PlaneKind::kBf16;
      if (!stream.ok() || (!own && n > 20000)) continue;
      SCOPED_TRACE(entry.name() + " " + input.name);
      for (uint64_t seed : own ? std::vector<uint64_t>{1, 2, 3} : std::vector<uint64_t>{4}) {
        ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(*stream, rest, seed));
      }
      ++inputs;
    }
  }
  EXPECT_GT(inputs, 100);
}

TEST(HuffmanDecodeKernel, EverySizeAroundAPieceAThreadAndABlock) {
  for (size_t n = 1; n < 80; ++n) ASSERT_NO_FATAL_FAILURE(ExpectDecodes(Skewed(n, n), n)) << n;
  // Constants have codes of two bits: 32 a thread, 16384 a block.
  for (size_t n : {1023, 1024, 1025, 16383, 16384, 16385, 32768, 40000}) {
    ASSERT_NO_FATAL_FAILURE(ExpectDecodes(std::vector<uint8_t>(n, 7), n)) << n;
  }
}

TEST(HuffmanDecodeKernel, CodesOfUpTo32Bits) {
  for (unsigned longest : {9, 17, 24}) {
    const std::vector<uint8_t> symbols = LongCodes(longest, longest);
    ASSERT_NO_FATAL_FAILURE(ExpectDecodes(std::span(symbols).last(std::min<size_t>(symbols.size(), 30000)), longest));
  }
  // By hand: 0 is A, 11 is B, and a code of 32 bits, 1 and then zeros, goes through three more rows.
  HuffmanStream stream;
  const uint8_t next[] = {HuffmanPointerTo(1), HuffmanPointerTo(2), HuffmanPointerTo(3)};
  stream.luts = Concat({Row({{0, 1, 'A'}, {3, 2, 'B'}, {2, 2, next[0]}}), Row({{0, 0, next[1]}}),
                        Row({{0, 0, next[2]}}), Row({{0, 0, 'C'}}), Lengths({{'A', 1}, {'B', 2}, {'C', 32}})});
  stream.codes.assign(64, 0x80);  // C, and then 8 bits of which the first is 1, ...
  for (size_t i = 1; i < 64; i += 4) std::fill_n(&stream.codes[i], 3, uint8_t{0});
  stream.gaps.resize(kHuffmanBlockGapBytes);
  stream.output_positions = Positions({0, 16});
  EXPECT_EQ(CpuDecode(stream, 16).value(), std::vector<uint8_t>(16, 'C'));
  ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(stream, Rest(16), 1));
}

// The most symbols that a thread and a block can have.
TEST(HuffmanDecodeKernel, CodesOfOneBit) {
  HuffmanStream stream;
  stream.luts = Concat({Row({{0, 1, 'A'}, {1, 1, 'B'}}), Lengths({{'A', 1}, {'B', 1}})});
  Random random(2);
  stream.codes = RandomBytes(kHuffmanBlockBytes + 100, random);
  stream.gaps.resize(2 * kHuffmanBlockGapBytes);
  stream.output_positions = Positions({0, kHuffmanBlockBits, kHuffmanBlockBits + 799});
  ASSERT_THAT(CpuDecode(stream, kHuffmanBlockBits + 799), IsOk());
  ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(stream, Rest(kHuffmanBlockBits + 799), 3));
}

// The first lane has a quarter of the second one's codes. While it waits it looks at zeros, which are no code.
TEST(HuffmanDecodeKernel, WhatALaneMeetsBehindItsBytesIsNotItsOwn) {
  HuffmanStream stream;
  stream.luts = Concat({Row({{0, 0, 'Z'}, {0x81, 8, 'B'}, {3, 2, 'A'}}), Lengths({{'A', 2}, {'B', 8}})});
  stream.codes.assign(2 * kHuffmanThreadBytes, 0xff);
  std::fill_n(stream.codes.begin(), kHuffmanThreadBytes, uint8_t{0x81});
  stream.gaps.resize(kHuffmanBlockGapBytes);
  stream.output_positions = Positions({0, 40});
  ASSERT_THAT(CpuDecode(stream, 40), IsOk());
  ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(stream, Rest(40), 1));
}

// A last code that ends with the first bytes of a block, which then has no symbols; with its position and without.
TEST(HuffmanDecodeKernel, ABlockThatHoldsNothingButTheEndOfACode) {
  HuffmanStream stream;
  stream.luts = Concat({Row({{0, 1, 1}, {3, 2, HuffmanPointerTo(1)}}), Row({{0, 0, HuffmanPointerTo(2)}}),
                        Row({{0, 0, 9}}), Lengths({{1, 2}, {9, 18}})});
  constexpr uint32_t kSymbols = kHuffmanBlockBits / 2;
  stream.codes.resize(kHuffmanBlockBytes + 2);
  stream.codes[kHuffmanBlockBytes - 1] = 3;
  stream.gaps.resize(2 * kHuffmanBlockGapBytes);
  for (const auto& positions : {Positions({0, kSymbols}), Positions({0, kSymbols, kSymbols})}) {
    stream.output_positions = positions;
    ASSERT_THAT(CpuDecode(stream, kSymbols), IsOk());
    ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(stream, Rest(kSymbols), 5));
  }
}

TEST(HuffmanDecodeKernel, StreamsOfOneLaunchAreIndependent) {
  HuffmanDevice device;
  std::vector<std::vector<uint16_t>> expected;
  for (size_t n : {30000, 1, 50000, 777}) {
    const std::vector<uint8_t> symbols = n == 777 ? LongCodes(12, 1) : Skewed(n, n);
    HuffmanStream stream = EncodeHuffman(symbols).value();
    const HuffmanStream planned = stream;
    if (n == 50000) stream.gaps[kHuffmanBlockGapBytes + 5] ^= 1;
    const std::vector<uint8_t> rest = Rest(symbols.size());
    expected.push_back(Join(symbols, rest));
    ASSERT_THAT(device.Add(planned, stream, rest), IsOk());
  }
  ASSERT_THAT(device.Decode(6, 3), IsOk());
  for (size_t t = 0; t < device.plan().tasks.size(); ++t) {
    const HuffmanTask& task = device.plan().tasks[t];
    const bool broken = task.source == 2 && task.block == 1;
    const auto part = [&](std::span<const uint16_t> all) { return all.subspan(task.first_symbol, task.num_symbols); };
    EXPECT_NE(std::ranges::equal(part(device.out(task.source)), part(expected[task.source])), broken) << t;
  }
  EXPECT_TRUE(device.status()[2] & kHuffmanWrongGap);
  for (size_t good : {0, 1, 3}) EXPECT_EQ(device.status()[good], kHuffmanOk);
}

TEST(HuffmanDecodeKernel, CodesCutAtAnyByteGiveAStatusWord) {
  const HuffmanStream stream = EncodeHuffman(Skewed(700, 6)).value();
  for (size_t bytes = 1; bytes < stream.codes.size(); ++bytes) {
    HuffmanStream cut = stream;
    cut.codes.resize(bytes);
    ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(cut, Rest(700), bytes)) << bytes;
  }
}

TEST(HuffmanDecodeKernel, EveryFlippedBitGivesWhatTheCpuMakesOfIt) {
  constexpr size_t kSymbols = 15000;
  const HuffmanStream stream = EncodeHuffman(Skewed(kSymbols, 7)).value();
  ASSERT_EQ(stream.gaps.size(), 2 * kHuffmanBlockGapBytes);
  for (auto part : {&HuffmanStream::luts, &HuffmanStream::codes, &HuffmanStream::gaps}) {
    HuffmanStream flipped = stream;
    const size_t bits = 8 * (flipped.*part).size();
    for (size_t bit = 0; bit < bits; bit += bits / 200 + 1) {
      (flipped.*part)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(flipped, Rest(kSymbols), bit)) << bit;
      (flipped.*part)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

// Around the end every bit counts: gaps behind it and what fills the last byte do not.
TEST(HuffmanDecodeKernel, EveryFlippedBitOfTheLastThreadsGivesWhatTheCpuMakesOfIt) {
  for (size_t n : {50, 53, 60}) {
    const HuffmanStream stream = EncodeHuffman(Skewed(n, n)).value();
    for (auto part : {&HuffmanStream::codes, &HuffmanStream::gaps}) {
      HuffmanStream flipped = stream;
      for (size_t bit = 0; bit < 8 * std::min<size_t>((flipped.*part).size(), 40); ++bit) {
        (flipped.*part)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
        ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(flipped, Rest(n), bit)) << bit;
        (flipped.*part)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      }
    }
  }
}

TEST(HuffmanDecodeKernel, OtherPositionsGiveWhatTheCpuMakesOfThem) {
  const HuffmanStream stream = EncodeHuffman(Skewed(24000, 5)).value();
  for (size_t entry : {0, 1, 2}) {
    const auto position = LoadLe<uint32_t>(&stream.output_positions[4 * entry]);
    for (uint32_t other : {position + 1, position - 1, uint32_t{0xffffffff}}) {
      HuffmanStream moved = stream;
      StoreLe(other, &moved.output_positions[4 * entry]);
      ASSERT_NO_FATAL_FAILURE(ExpectSameAsCpu(moved, Rest(24000), entry)) << entry << " " << other;
    }
  }
}

// What a status word says of a stream of one block.
uint32_t StatusOf(const HuffmanStream& planned, const HuffmanStream& on_device, size_t n) {
  HuffmanDevice device;
  EXPECT_THAT(device.Add(planned, on_device, Rest(n)), IsOk());
  EXPECT_THAT(device.Decode(1), IsOk());
  EXPECT_EQ(device.ok(), device.written(0));
  return device.status()[0];
}

// What is wrong with the first part of a block mostly makes more of it wrong.
TEST(HuffmanDecodeKernel, StatusWordsSayWhatIsWrong) {
  const HuffmanStream good = EncodeHuffman(Skewed(1000, 8)).value();
  EXPECT_EQ(StatusOf(good, good, 1000), kHuffmanOk);
  HuffmanStream bad = good;
  bad.gaps[3] ^= 1;
  EXPECT_TRUE(StatusOf(good, bad, 1000) & kHuffmanWrongGap);
  bad = good;
  std::fill_n(bad.luts.end() - kHuffmanRowBytes, kHuffmanRowBytes, uint8_t{0});
  EXPECT_TRUE(StatusOf(good, bad, 1000) & kHuffmanNoCode);
  bad = good;
  bad.codes.push_back(0);
  EXPECT_EQ(StatusOf(bad, bad, 1000), kHuffmanWrongEnd);
  const HuffmanStream full = EncodeHuffman(std::vector<uint8_t>(kHuffmanBlockBits / 2, 3)).value();
  bad = full;
  bad.output_positions = Positions({0, kHuffmanBlockBits / 2 + 1});
  EXPECT_TRUE(StatusOf(bad, bad, kHuffmanBlockBits / 2 + 1) & kHuffmanWrongCount);
}

// A device that has other bytes than the plan was made from: anything but a fault, and no hang.
TEST(HuffmanDecodeKernel, NoiseInPlaceOfAPartStaysInItsBuffers) {
  Random random(9);
  const HuffmanStream good = EncodeHuffman(Skewed(20000, 9)).value();
  for (int trial = 0; trial < 20; ++trial) {
    for (auto part : {&HuffmanStream::luts, &HuffmanStream::codes, &HuffmanStream::gaps}) {
      HuffmanStream bad = good;
      bad.*part = RandomBytes((good.*part).size(), random);
      EXPECT_NE(StatusOf(good, bad, 20000), kHuffmanOk);
    }
  }
}

TEST(HuffmanDecodeKernel, PointersThatLeadInACircleOrAwayAreNoCode) {
  const HuffmanStream good = EncodeHuffman(LongCodes(14, 3)).value();
  const size_t n = LongCodes(14, 3).size();
  for (size_t row : {1, 2, 9, 16}) {
    HuffmanStream bad = good;
    std::fill_n(bad.luts.begin(), kHuffmanRowBytes, HuffmanPointerTo(row));
    std::fill_n(bad.luts.begin() + kHuffmanRowBytes, kHuffmanRowBytes, HuffmanPointerTo(1));
    EXPECT_EQ(StatusOf(good, bad, n) & kHuffmanNoCode, kHuffmanNoCode) << row;
  }
}

// Codes that are shorter than the plan has room for.
TEST(HuffmanDecodeKernel, ShorterCodesThanThePlanHasSeenAreNone) {
  const HuffmanStream good = EncodeHuffman(std::vector<uint8_t>(9000, 3)).value();
  HuffmanStream bad = good;
  bad.luts[bad.luts.size() - kHuffmanRowBytes + 3] = 1;
  EXPECT_EQ(StatusOf(good, bad, 9000) & kHuffmanNoCode, kHuffmanNoCode);
}

// bf16 exponents of a normal distribution, as trained weights have them.
std::vector<uint8_t> NormalExponents(size_t n, Random& random) {
  std::vector<uint8_t> exponents(n);
  for (uint8_t& exponent : exponents) {
    float sum = -6;
    for (int k = 0; k < 12; ++k) sum += static_cast<float>(random() >> 40) * 0x1p-24f;
    uint32_t bits = 0;
    std::memcpy(&bits, &sum, sizeof(bits));
    exponent = static_cast<uint8_t>(bits >> 23);
  }
  return exponents;
}

TEST(HuffmanDecodeKernel, AsksForNoMorePassesThroughSharedMemoryThanItsBudget) {
  Random random(18);
  constexpr size_t kWeights = 256 << 10;
  const HuffmanStream stream = EncodeHuffman(NormalExponents(kWeights, random)).value();
  HuffmanDevice device;
  ASSERT_THAT(device.Add(stream, stream, Rest(kWeights), kHuffmanMaxSharedBytes), IsOk());
  const Counters c = device.Decode(1, 1).value();
  const auto per_unit = [](uint64_t wavefronts) { return static_cast<double>(wavefronts) * 2048 / kWeights; };
  const double wavefronts = per_unit(c.pipe_wavefronts() - c.global_stores.wavefronts);
  const size_t coded = stream.codes.size() + stream.gaps.size() + stream.luts.size() + kWeights;
  const double bytes = static_cast<double>(device.loaded_bytes()) / static_cast<double>(coded);
  std::printf(
      "%.0f wavefronts for 2048 weights: shared %.0f + %.0f, global loads %.0f, shuffles %.0f; stores %.0f; "
      "bytes loaded / coded %.3f; %u shared bytes\n",
      wavefronts, per_unit(c.shared_loads.wavefronts), per_unit(c.shared_stores.wavefronts),
      per_unit(c.global_loads.wavefronts), per_unit(c.shuffles), per_unit(c.global_stores.wavefronts), bytes,
      device.plan().capacity.shared_bytes());
  EXPECT_LE(wavefronts, 520);
  EXPECT_LE(bytes, 1.01);
}

}  // namespace
}  // namespace plait::gpu
