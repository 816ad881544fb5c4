// What is wrong with blocks is ORed together, so that every bit must mean one thing.
#include <bit>

#include "gpu/kernels/huffman_task.h"
#include "gpu/kernels/tier_task.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

TEST(StatusWords, EveryMeaningHasABitOfItsOwn) {
  uint32_t seen = 0;
  for (uint32_t word :
       {uint32_t{kTierWrongCounts}, uint32_t{kTierTruncated}, uint32_t{kTierCorrupt}, uint32_t{kHuffmanNoCode},
        uint32_t{kHuffmanWrongGap}, uint32_t{kHuffmanWrongCount}, uint32_t{kHuffmanWrongEnd}}) {
    EXPECT_TRUE(std::has_single_bit(word)) << word;
    EXPECT_EQ(seen & word, 0) << word;
    seen |= word;
  }
  EXPECT_EQ(uint32_t{kTierOk} | uint32_t{kHuffmanOk}, 0);
}

}  // namespace
}  // namespace plait::gpu
