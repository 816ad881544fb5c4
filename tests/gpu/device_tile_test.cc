// Tiles for other people's kernels: the example gives what the elements say, for blocks that end anywhere.
#include "gpu/device_tile.h"

#include <utility>

#include "codec/base/endian.h"
#include "gpu/decode_launches.h"
#include "gpu/examples/largest_magnitudes.h"
#include "gpu/loader/image_loader.h"
#include "gpu/simt/executor.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

using simt::HostContext;

uint32_t LargestOf(std::span<const uint8_t> bf16) {
  uint32_t largest = 0;
  for (size_t i = 0; i < bf16.size(); i += 2)
    largest = std::max<uint32_t>(largest, LoadLe<uint16_t>(&bf16[i]) & 0x7fff);
  return largest;
}

constexpr uint32_t kNarrowBf16 = 2;
constexpr uint32_t kUnset = 0xffffffff;

// The image of one block in device memory, bound, and what a kernel of tiles gets.
class TiledBlock {
 public:
  explicit TiledBlock(const std::vector<uint8_t>& raw) {
    const Input input{"weights", Dtype::kBf16, raw};
    BlockWorkspace workspace;
    std::vector<uint8_t> coded;
    EXPECT_THAT(EncodeBlockWith(PlaneKind::kBf16, CodecId::kTier, input.spec(), raw, workspace, &coded), IsOk());
    std::vector<uint8_t> image;
    const CodedTensor tensor{"t", {{input.spec(), coded}}};
    plan_ = LoadImage({&tensor, 1}, {.recode = false}, [&](uint64_t, std::span<const uint8_t> piece) {
              image.insert(image.end(), piece.begin(), piece.end());
              return absl::OkStatus();
            })->plan;
    buffers_ = {.image = {memory_.Upload<uint8_t>("image", image), image.size()},
                .scratch = {memory_.Allocate<uint8_t>("scratch", plan_.scratch_bytes()), plan_.scratch_bytes()},
                .output = {},
                .status = {memory_.Allocate<uint32_t>("status", 1), 1}};
    const BlockBindParams bind = launches().bind();
    EXPECT_THAT(simt::RunGrid({.warps = kBindWarps}, memory_, [&](HostContext& ctx) { BlockBindBody(ctx, bind); }),
                IsOk());
  }

  DecodeLaunches launches() const { return {&plan_, plan_.all_blocks(), &buffers_}; }
  simt::GlobalMemory& memory() { return memory_; }
  uint32_t status() const { return buffers_.status[0]; }

  // Runs the example over the tasks of a kernel.
  std::vector<uint32_t> Largest(uint32_t kernel, uint64_t seed) {
    const TierDecodeParams tiles = launches().tier(kernel);
    const LargestMagnitudesParams params{tiles, memory_.Allocate<uint32_t>("largest", tiles.num_tasks)};
    const TierCapacity capacity = CapacityOfKernel(kernel);
    EXPECT_THAT(
        simt::RunGrid(
            {.thread_blocks = 2, .warps = capacity.warps, .shared_bytes = capacity.shared_bytes(), .seed = seed},
            memory_, [&](HostContext& ctx) { LargestMagnitudesBody(ctx, capacity, params); }),
        IsOk());
    return {params.largest, params.largest + tiles.num_tasks};
  }

  // The same of every tile of the block, whichever kernel has it.
  std::vector<uint32_t> LargestOfAll(uint64_t seed) {
    std::vector<uint32_t> all;
    for (const uint32_t kernel : {kNarrowBf16, kNarrowBf16 + 1}) {
      const std::vector<uint32_t> some = Largest(kernel, seed);
      for (size_t t = 0; t < some.size(); ++t) {
        const uint32_t tile = launches().tier(kernel).tasks[t].group;
        all.resize(std::max<size_t>(all.size(), tile + 1), kUnset);
        EXPECT_EQ(std::exchange(all[tile], some[t]), kUnset);
      }
    }
    return all;
  }

 private:
  simt::GlobalMemory memory_;
  DecodePlan plan_;
  DecodeBuffers buffers_;
};

TEST(DeviceTile, TheExampleFindsTheLargestMagnitudeOfEveryTile) {
  Random random(31);
  for (size_t n : {3, 15, 16, 17, 511, 512, 513, 4095, 4096, 4097, 20000}) {
    SCOPED_TRACE(n);
    const std::vector<uint8_t> raw = WeightLikeBf16(n, random);
    TiledBlock block(raw);
    const std::vector<uint32_t> largest = block.LargestOfAll(n);
    EXPECT_EQ(block.status(), kTierOk);
    ASSERT_EQ(largest.size(), (n + kGroupSymbols - 1) / kGroupSymbols);
    for (size_t tile = 0; tile < largest.size(); ++tile) {
      const size_t first = tile * kGroupSymbols;
      EXPECT_EQ(largest[tile],
                LargestOf(std::span(raw).subspan(2 * first, 2 * std::min<size_t>(kGroupSymbols, n - first))));
    }
  }
}

// The largest of all is moved through every place of a tile, the last one of the block included.
TEST(DeviceTile, NoElementIsMissed) {
  Random random(32);
  std::vector<uint8_t> raw = WeightLikeBf16(600, random);
  for (size_t at = 0; at < 600; at += 1 + at % 7) {
    std::vector<uint8_t> changed = raw;
    StoreLe<uint16_t>(0xbfff, &changed[2 * at]);
    TiledBlock block(changed);
    EXPECT_EQ(block.LargestOfAll(at), std::vector<uint32_t>{0x3fff}) << at;
  }
}

TEST(DeviceTile, TilesThatOnlyTheWideKernelHolds) {
  Random random(33);
  std::vector<uint8_t> raw = RandomBytes(2 * kGroupSymbols, random);
  TiledBlock block(raw);
  EXPECT_TRUE(block.Largest(kNarrowBf16, 1).empty());
  EXPECT_EQ(block.Largest(kNarrowBf16 + 1, 1), std::vector<uint32_t>{LargestOf(raw)});
}

}  // namespace
}  // namespace plait::gpu
