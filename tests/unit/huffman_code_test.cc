// Codes and lookup tables for every kind of count, followed through the tables as DFloat11's kernel follows them.
#include "codec/huffman/huffman_code.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

// The symbol and the bits of the code at the top of `window`; no bits if the tables lead nowhere.
std::pair<unsigned, unsigned> Follow(std::span<const uint8_t> luts, uint32_t window) {
  const size_t lengths = luts.size() - kHuffmanRowBytes;
  size_t row = 0;
  for (unsigned depth = 0; depth < kHuffmanMaxDepth; ++depth) {
    const uint8_t entry = luts[row * kHuffmanRowBytes + (window >> 24)];
    if (entry < kHuffmanFirstPointer) return {entry, luts[lengths + entry]};
    row = HuffmanRowOf(entry);
    if (row * kHuffmanRowBytes >= lengths) return {entry, 0};
    window <<= 8;
  }
  return {0, 0};
}

ByteHistogram CountsOf(std::initializer_list<std::pair<uint8_t, uint32_t>> counts) {
  ByteHistogram histogram{};
  for (const auto& [symbol, count] : counts) histogram[symbol] = count;
  return histogram;
}

ByteHistogram Fibonacci(size_t symbols) {
  ByteHistogram counts{};
  uint32_t a = 1;
  uint32_t b = 1;
  for (size_t symbol = 0; symbol < symbols; ++symbol) {
    counts[symbol] = a;
    a = std::exchange(b, a + b);
  }
  return counts;
}

ByteHistogram OneFrequentOf(size_t symbols) {
  ByteHistogram counts{};
  std::fill_n(counts.begin(), symbols, 1000);
  counts[3] = 1000000;
  return counts;
}

// From even counts to such as halve from symbol to symbol.
std::vector<ByteHistogram> RandomCounts(size_t symbols) {
  std::vector<ByteHistogram> all;
  Random random(3);
  for (int trial = 0; trial < 72; ++trial) {
    ByteHistogram counts{};
    for (size_t s = 0; s < symbols; ++s) {
      counts[s] = static_cast<uint32_t>(random() % 1000000 >> std::min<size_t>(31, s * (trial % 24) / 16));
    }
    all.push_back(counts);
  }
  return all;
}

std::vector<ByteHistogram> Counts() {
  std::vector<ByteHistogram> all = {
      CountsOf({{127, 1}}),
      CountsOf({{0, 4000000000}}),
      CountsOf({{0, 1}, {239, 1}}),
      CountsOf({{5, 5}, {100, 100}}),
      CountsOf({{1, 1}, {2, 1}, {3, 1}}),
      Fibonacci(20),
      Fibonacci(33),
      Fibonacci(45),
      OneFrequentOf(239),  // 8 bits for all but one, or too many sub-tables
      OneFrequentOf(240),
      OneFrequentOf(20),
  };
  std::ranges::copy(RandomCounts(kHuffmanFirstPointer), std::back_inserter(all));
  return all;
}

TEST(PlanHuffman, EveryCodeLeadsToItsSymbol) {
  for (const ByteHistogram& counts : Counts()) {
    const HuffmanPlan plan = PlanHuffman(counts).value();
    for (size_t symbol = 0; symbol < 256; ++symbol) {
      const unsigned length = plan.code.length[symbol];
      ASSERT_EQ(length != 0, counts[symbol] != 0);
      if (length == 0) continue;
      ASSERT_GE(length, kHuffmanMinCodeBits);
      ASSERT_LE(length, kHuffmanMaxCodeBits);
      const uint32_t first = plan.code.bits[symbol] << (kHuffmanMaxCodeBits - length);
      const uint32_t last = first + static_cast<uint32_t>((uint64_t{1} << (kHuffmanMaxCodeBits - length)) - 1);
      for (uint32_t window : {first, last}) ASSERT_EQ(Follow(plan.luts, window), std::pair(unsigned(symbol), length));
    }
  }
}

// A thread that begins behind the last code decodes whatever is there, and must come to an end.
TEST(PlanHuffman, AnyBitsLeadToSomeSymbol) {
  Random random(4);
  for (const ByteHistogram& counts : Counts()) {
    const HuffmanPlan plan = PlanHuffman(counts).value();
    ASSERT_GT(Follow(plan.luts, 0).second, 0);
    ASSERT_GT(Follow(plan.luts, plan.code.end_bits << (32 - std::max<int>(1, plan.code.end_length))).second, 0);
    for (int trial = 0; trial < 1000; ++trial) ASSERT_GT(Follow(plan.luts, static_cast<uint32_t>(random())).second, 0);
  }
}

TEST(PlanHuffman, TablesFitTheirPointers) {
  for (const ByteHistogram& counts : Counts()) {
    const size_t rows = PlanHuffman(counts)->luts.size() / kHuffmanRowBytes;
    ASSERT_LE(rows, kHuffmanMaxRows);
  }
}

TEST(PlanHuffman, CostsLessThanABitOverTheEntropy) {
  // As many exponents as weights have; far more would need too many sub-tables for the best code.
  for (const ByteHistogram& counts : RandomCounts(60)) {
    // What wants a code of one bit gets one of two.
    if (std::ranges::max(counts) > TotalCount(counts) / 3) continue;
    const HuffmanCode code = PlanHuffman(counts)->code;
    ASSERT_LE(HuffmanCodedBits(code, counts), OrderZeroBits(counts) * 1001 / 1000 + TotalCount(counts));
  }
}

// The tree of the end symbol and 5, 5, 6: the two rarest first, the end symbol before a 1.
//   end(1) + 7(1) = 2 -> end 0, 7 1;  2 + 8(5) = 7;  9(6) + 7 = 13: 9 is 0, end 100, 7 101, 8 11
TEST(PlanHuffman, TiesAreThoseOfDahuffman) {
  const HuffmanCode code = PlanHuffman(CountsOf({{7, 1}, {8, 5}, {9, 6}, {10, 13}, {11, 20}}))->code;
  // 13(end 7 8 9) and 13(10): the first symbols are 9 and 10, so 9's node is the left one.
  //   13 + 13 = 26; 20(11) + 26 = 46: 11 is 0, which is too short for a GPU's shared memory
  EXPECT_EQ(code.end_length, 0) << "so the code is another one";
  const HuffmanCode longer = PlanHuffman(CountsOf({{7, 1}, {8, 5}, {9, 6}, {10, 13}, {11, 14}, {12, 15}}))->code;
  //   14 + 15 = 29, 26 + 29: left 26: 9 00.0, ... 10 01; right: 11 10, 12 11
  EXPECT_EQ(longer.bits[10], 1);
  EXPECT_EQ(longer.length[10], 2);
  EXPECT_EQ(longer.bits[9], 0);
  EXPECT_EQ(longer.length[9], 3);
  EXPECT_EQ(longer.bits[8], 3);
  EXPECT_EQ(longer.length[8], 4);
  EXPECT_EQ(longer.bits[7], 5);
  EXPECT_EQ(longer.length[7], 5);
  EXPECT_EQ(longer.end_bits, 4);
  EXPECT_EQ(longer.end_length, 5);
  EXPECT_EQ(longer.bits[12], 3);
}

TEST(PlanHuffman, LongCodesAreLimited) {
  const HuffmanCode code = PlanHuffman(Fibonacci(45))->code;
  EXPECT_EQ(std::ranges::max(code.length), kHuffmanMaxCodeBits);
  // The best code, but for the most frequent symbol's one bit.
  EXPECT_LE(HuffmanCodedBits(code, Fibonacci(45)), OrderZeroBits(Fibonacci(45)) * 5 / 4);
}

TEST(PlanHuffman, ASymbolThatIsAPointerIsUnimplemented) {
  for (uint8_t symbol : {240, 254, 255}) {
    EXPECT_THAT(PlanHuffman(CountsOf({{symbol, 1}, {120, 9}})), StatusIs(absl::StatusCode::kUnimplemented));
  }
}

TEST(PlanHuffman, NoSymbolsAreInvalid) { EXPECT_THAT(PlanHuffman({}), StatusIs(absl::StatusCode::kInvalidArgument)); }

}  // namespace
}  // namespace plait
