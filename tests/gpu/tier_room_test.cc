// Groups of tier streams that need all of the room that kernels have for them: symbols of level 1 up to the capacity,
// and counts for which aligning the begin of every level takes the most.
#include "codec/tier/tier.h"
#include "gpu/decode_plan.h"
#include "gpu/kernels/tier_task.h"
#include "tests/gpu/decode_target.h"
#include "tests/gpu/decoded.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

// Symbols of each level of a group, and of those behind the last one.
using Counts = std::array<size_t, kTierMaxLevels + 1>;

// As many levels as there can be, of which two have digits of 1 bit, and a table of the symbols 0, 1, 2, ...
TierPlan AllLevels() {
  TierPlan plan{.shape = TierShape(0b1001111)};
  const size_t known = plan.shape.table_begin(plan.shape.num_levels());
  for (size_t i = 0; i < known; ++i) plan.table[i] = static_cast<uint8_t>(i);
  return plan;
}

std::vector<uint8_t> SymbolsOf(const Counts& counts) {
  std::vector<uint8_t> symbols;
  for (size_t level = 0; level < kTierMaxLevels; ++level) {
    const size_t known = AllLevels().shape.known_symbols(level);
    const size_t first = AllLevels().shape.table_begin(level);
    for (size_t i = counts[level + 1]; i < counts[level]; ++i) symbols.push_back(first + i % known);
  }
  for (size_t i = 0; i < counts[kTierMaxLevels]; ++i) symbols.push_back(100 + i % 100);
  Random random(counts[1]);
  for (size_t i = symbols.size(); i > 1; --i) std::swap(symbols[i - 1], symbols[random() % i]);
  return symbols;
}

class TierRoomTest : public testing::TestWithParam<DecodeTargetEntry> {};

INSTANTIATE_TEST_SUITE_P(Targets, TierRoomTest, testing::ValuesIn(DecodeTargets().begin(), DecodeTargets().end()),
                         [](const auto& target) { return target.param.name; });

TEST_P(TierRoomTest, LevelsWhoseBeginsAreAlignedByTheMostFitEachKernel) {
  // From the end of the room down, aligning takes 15 bytes six times: the raw symbols are one more than a multiple of
  // 16, and each level has, modulo 16, one more than what stands below it.
  const Counts narrow = {kTierGroupSymbols, kTierNarrow.symbols - 10, 501, 244, 99, 34, 17};
  const Counts wide = {kTierGroupSymbols, kTierWide.symbols - 10, 4085, 4084, 4083, 4082, 4081};
  for (const Counts& counts : {narrow, wide}) {
    for (size_t level = 1; level <= kTierMaxLevels; ++level) ASSERT_EQ(counts[level] % 16, kTierMaxLevels + 1 - level);
    const std::vector<uint8_t> symbols = SymbolsOf(counts);
    std::vector<uint8_t> stream(TierMaxBytes(symbols.size()));
    stream.resize(TierEncode(symbols, AllLevels(), stream));
    std::vector<uint8_t> image;
    ImageBuilder builder([&](uint64_t, std::span<const uint8_t> piece) {
      image.insert(image.end(), piece.begin(), piece.end());
      return absl::OkStatus();
    });
    builder.BeginTensor("symbols");
    ASSERT_THAT(builder.AddTier(PlaneKind::kBytes, stream, {}, static_cast<uint32_t>(symbols.size())), IsOk());
    const auto plan = builder.Finish();
    ASSERT_THAT(plan, IsOk());
    const uint32_t kernel = plan->kernel(0) + (counts == wide);
    ASSERT_EQ(plan->tasks(kernel, plan->all_blocks()).count, 1);
    const auto target = GetParam().make(1);
    const auto decoded = Decode(*target, *plan, image, plan->all_blocks());
    ASSERT_THAT(decoded, IsOk());
    EXPECT_EQ(decoded->status[0], kTierOk);
    EXPECT_EQ(decoded->output, symbols);
  }
}

}  // namespace
}  // namespace plait::gpu
