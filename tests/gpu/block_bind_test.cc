// Addresses of an image, where it stands: 64 bits each, made of words.
#include "gpu/kernels/block_bind.h"

#include "gpu/simt/executor.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

template <class Pointer>
uint64_t Number(Pointer pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

TEST(BlockBind, AddressesCarryIntoTheirHighWords) {
  std::vector<TierBlock> blocks(40);
  std::vector<uint32_t> first_status(40);
  for (uint32_t b = 0; b < 40; ++b) {
    blocks[b].stream = reinterpret_cast<const uint8_t*>(uint64_t{b} << 4);
    blocks[b].noise = reinterpret_cast<const uint8_t*>(uint64_t{b} << 30);
    blocks[b].out = reinterpret_cast<uint8_t*>((uint64_t{b} << 32) + 48);
    blocks[b].stream_bytes = 0xfffffff0 + b;
    blocks[b].elements = b;
    blocks[b].tables[kTierMaxLevels - 1] = ~b;
    first_status[b] = 100 + b;
  }
  simt::GlobalMemory memory;
  const BlockBindParams params{.blocks = memory.Upload<TierBlock>("blocks", blocks),
                               .first_status = memory.Upload<uint32_t>("first status", first_status),
                               .bound = memory.Allocate<TierBlock>("bound", 40),
                               .status = memory.Allocate<uint32_t>("status", 40),
                               .num_blocks = 40,
                               .image = 0x1'ffff'ff00,
                               .output = 0xffff'ffff'ffff'fff0};
  ASSERT_THAT(simt::RunGrid({.thread_blocks = 2, .warps = kBindWarps, .seed = 3}, memory,
                            [&](simt::HostContext& ctx) { BlockBindBody(ctx, params); }),
              IsOk());
  for (uint32_t b = 0; b < 40; ++b) {
    const TierBlock& bound = params.bound[b];
    EXPECT_EQ(Number(bound.stream), Number(blocks[b].stream) + params.image);
    EXPECT_EQ(Number(bound.noise), Number(blocks[b].noise) + params.image);
    EXPECT_EQ(Number(bound.out), Number(blocks[b].out) + params.output);
    EXPECT_EQ(bound.stream_bytes, blocks[b].stream_bytes);
    EXPECT_EQ(bound.elements, b);
    EXPECT_EQ(bound.tables[kTierMaxLevels - 1], ~b);
    EXPECT_EQ(params.status[b], 100 + b);
  }
}

}  // namespace
}  // namespace plait::gpu
