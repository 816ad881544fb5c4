// The plan that the host makes of a tier stream rejects what the CPU decoder rejects, for the same reason.
#include "gpu/kernels/tier_plan.h"

#include <memory>

#include "codec/tier/tier.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

std::vector<uint8_t> Encode(std::span<const uint8_t> symbols, const TierPlan& plan) {
  std::vector<uint8_t> stream(TierMaxBytes(symbols.size()));
  stream.resize(TierEncode(symbols, plan, stream));
  return stream;
}
std::vector<uint8_t> Encode(std::span<const uint8_t> symbols) {
  return Encode(symbols, PlanTier(CountBytes(symbols), symbols.size()));
}

void ExpectSameStatus(std::span<const uint8_t> stream, size_t n) {
  const GuardedBytes guarded(stream);
  const auto scratch = std::make_unique<TierScratch>();
  std::vector<uint8_t> symbols(n);
  const absl::Status status = TierDecode(guarded.span(), *scratch, symbols);
  ASSERT_THAT(IndexTierStream(guarded.span(), n), StatusIs(status.code())) << status;

  TierDevicePlan plan;
  ASSERT_THAT(AddTierPlane({.stream = guarded.span(), .elements = static_cast<uint32_t>(n)}, &plan),
              StatusIs(status.code()));
  ASSERT_EQ(plan.status[0] == kTierOk, status.ok());
  ASSERT_EQ(plan.status[0] == kTierTruncated, status.code() == absl::StatusCode::kOutOfRange);
  const size_t tasks = plan.narrow.tasks.size() + plan.wide.tasks.size();
  ASSERT_EQ(tasks, status.ok() ? (n + kTierGroupSymbols - 1) / kTierGroupSymbols : 0);
}

std::vector<std::vector<uint8_t>> Streams(std::vector<size_t>* sizes) {
  Random random(21);
  std::vector<std::vector<uint8_t>> streams;
  for (size_t n : {0, 1, 9, 65, 300, 4096, 4100}) {
    streams.push_back(Encode(GeometricBytes(n, random)));
    streams.push_back(Encode(RandomBytes(n, random)));
    sizes->insert(sizes->end(), 2, n);
  }
  return streams;
}

TEST(TierDevicePlan, TruncatedAtEveryByteHasTheStatusOfTheDecoder) {
  std::vector<size_t> sizes;
  const auto streams = Streams(&sizes);
  for (size_t i = 0; i < streams.size(); ++i) {
    for (size_t bytes = 0; bytes <= streams[i].size(); bytes += streams[i].size() > 2000 ? 37 : 1) {
      ASSERT_NO_FATAL_FAILURE(ExpectSameStatus(std::span(streams[i]).first(bytes), sizes[i])) << bytes;
    }
  }
}

TEST(TierDevicePlan, EveryFlippedBitHasTheStatusOfTheDecoder) {
  std::vector<size_t> sizes;
  const auto streams = Streams(&sizes);
  for (size_t i = 0; i < streams.size(); ++i) {
    for (size_t bit = 0; bit<8 * streams[i].size(); bit += streams[i].size()> 500 ? 97 : 1) {
      std::vector<uint8_t> stream = streams[i];
      stream[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_NO_FATAL_FAILURE(ExpectSameStatus(stream, sizes[i])) << bit;
    }
  }
}

TEST(TierDevicePlan, BytesBehindTheStreamHaveTheStatusOfTheDecoder) {
  std::vector<size_t> sizes;
  const auto streams = Streams(&sizes);
  for (size_t i = 0; i < streams.size(); ++i) {
    ASSERT_NO_FATAL_FAILURE(ExpectSameStatus(Concat({streams[i], FromHex("00")}), sizes[i]));
  }
}

TEST(TierDevicePlan, EveryShapeCodeHasTheStatusOfTheDecoder) {
  Random random(22);
  std::vector<uint8_t> stream = Encode(GeometricBytes(300, random));
  for (int code = 0; code < 256; ++code) {
    stream[0] = static_cast<uint8_t>(code);
    ASSERT_NO_FATAL_FAILURE(ExpectSameStatus(stream, 300)) << code;
  }
}

TEST(TierDevicePlan, OddDeviceAddressesAreInvalid) {
  const std::vector<uint8_t> stream = Encode(std::vector<uint8_t>(100, 1));
  alignas(16) static uint8_t memory[32];
  for (size_t odd : {1, 2, 4, 8}) {
    TierDevicePlan plan;
    EXPECT_THAT(AddTierPlane({.stream = stream, .elements = 100, .device_out = memory + odd}, &plan),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_TRUE(plan.blocks.empty());
  }
}

TEST(TierDevicePlan, GroupsThatDoNotFitTheNarrowKernelGoToTheWideOne) {
  TierPlan coder{.shape = TierShape(0b11)};  // one level: what it does not know is raw
  coder.table = {1, 2, 3};
  std::vector<uint8_t> symbols(2 * kTierGroupSymbols, 1);
  std::fill_n(symbols.begin(), kTierNarrow.symbols, uint8_t{9});
  std::fill_n(symbols.begin() + kTierGroupSymbols, kTierNarrow.symbols + 1, uint8_t{9});
  const std::vector<uint8_t> stream = Encode(symbols, coder);
  TierDevicePlan plan;
  ASSERT_THAT(AddTierPlane({.stream = stream, .elements = 2 * kGroupSymbols}, &plan), IsOk());
  ASSERT_THAT(plan.narrow.tasks, testing::SizeIs(1));
  ASSERT_THAT(plan.wide.tasks, testing::SizeIs(1));
  EXPECT_EQ(plan.narrow.tasks[0].group, 0);
  EXPECT_EQ(plan.wide.tasks[0].group, 1);
  EXPECT_EQ(plan.narrow.groups[0].raw, kTierNarrow.symbols);
}

}  // namespace
}  // namespace plait::gpu
