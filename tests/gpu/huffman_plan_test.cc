// The plan that the host makes of a DFloat11 stream rejects what the CPU decoder's reader rejects, for the same reason,
// and asks for as much shared memory as the stream's blocks need.
#include "gpu/kernels/huffman_plan.h"

#include "codec/base/endian.h"
#include "codec/huffman/huffman.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

HuffmanStream Stream(size_t n) {
  Random random(n);
  return EncodeHuffman(GeometricBytes(n, random)).value();
}

HuffmanDeviceStream Describe(const HuffmanStream& stream, uint64_t num_symbols) {
  return {.luts = stream.luts,
          .output_positions = stream.output_positions,
          .code_bytes = stream.codes.size(),
          .gap_bytes = stream.gaps.size(),
          .num_symbols = num_symbols};
}

absl::Status Plan(const HuffmanStream& stream, uint64_t num_symbols, HuffmanDevicePlan* plan,
                  uint32_t max_shared_bytes = kHuffmanMaxSharedBytes) {
  return AddHuffmanStream(Describe(stream, num_symbols), max_shared_bytes, plan);
}

void ExpectStatusOfReader(const HuffmanStream& stream, uint64_t num_symbols) {
  const auto reader =
      HuffmanReader::Open(stream.luts, stream.gaps, stream.output_positions, stream.codes.size(), num_symbols);
  HuffmanDevicePlan plan;
  ASSERT_THAT(Plan(stream, num_symbols, &plan, 1 << 20), StatusIs(reader.status().code())) << reader.status();
  ASSERT_EQ(plan.sources.size(), reader.ok() ? 1 : 0);
  ASSERT_EQ(plan.tasks.size(), reader.ok() ? reader->num_blocks() : 0);
  for (size_t block = 0; block < plan.tasks.size(); ++block) {
    ASSERT_EQ(plan.tasks[block].block, block);
    ASSERT_EQ(plan.tasks[block].first_symbol, reader->FirstSymbol(block));
    ASSERT_EQ(plan.tasks[block].num_symbols, reader->FirstSymbol(block + 1) - reader->FirstSymbol(block));
  }
}

constexpr std::vector<uint8_t> HuffmanStream::*kParts[] = {&HuffmanStream::luts, &HuffmanStream::codes,
                                                           &HuffmanStream::gaps, &HuffmanStream::output_positions};

TEST(HuffmanDevicePlan, PartsOfEverySizeHaveTheStatusOfTheReader) {
  for (size_t n : {400, 40000}) {
    const HuffmanStream stream = Stream(n);
    ASSERT_NO_FATAL_FAILURE(ExpectStatusOfReader(stream, n));
    for (auto part : kParts) {
      HuffmanStream cut = stream;
      (cut.*part).push_back(0);
      ASSERT_NO_FATAL_FAILURE(ExpectStatusOfReader(cut, n));
      while (!(cut.*part).empty()) {
        (cut.*part).resize((cut.*part).size() - std::min<size_t>((cut.*part).size(), n / 400));
        ASSERT_NO_FATAL_FAILURE(ExpectStatusOfReader(cut, n)) << (cut.*part).size();
      }
    }
  }
}

TEST(HuffmanDevicePlan, EveryFlippedBitHasTheStatusOfTheReader) {
  const HuffmanStream stream = Stream(40000);
  for (auto part : {&HuffmanStream::luts, &HuffmanStream::output_positions}) {
    HuffmanStream flipped = stream;
    for (size_t bit = 0; bit < 8 * (flipped.*part).size(); ++bit) {
      (flipped.*part)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_NO_FATAL_FAILURE(ExpectStatusOfReader(flipped, 40000)) << bit;
      (flipped.*part)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(HuffmanDevicePlan, NumbersOfSymbolsHaveTheStatusOfTheReader) {
  for (uint64_t n : {uint64_t{0}, uint64_t{399}, uint64_t{401}, kHuffmanMaxSymbols, kHuffmanMaxSymbols + 1}) {
    ASSERT_NO_FATAL_FAILURE(ExpectStatusOfReader(Stream(400), n)) << n;
  }
}

TEST(HuffmanDevicePlan, MoreSubTablesThanPointersAreUnimplemented) {
  HuffmanStream stream = Stream(400);
  stream.luts.insert(stream.luts.begin(), (kHuffmanMaxRows + 1) * kHuffmanRowBytes - stream.luts.size(), 0);
  ASSERT_NO_FATAL_FAILURE(ExpectStatusOfReader(stream, 400));
}

TEST(HuffmanDevicePlan, MoreCodesThanCountersHoldAreResourceExhausted) {
  const HuffmanStream stream = Stream(400);
  HuffmanDeviceStream huge = Describe(stream, 400);
  huge.code_bytes = kHuffmanMaxCodeBytes + 1;
  HuffmanDevicePlan plan;
  EXPECT_THAT(AddHuffmanStream(huge, 1 << 20, &plan), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(HuffmanDevicePlan, SharedMemoryFollowsThePositionsAndTheCodes) {
  HuffmanDevicePlan plan;
  const HuffmanStream small = Stream(400);
  ASSERT_THAT(Plan(small, 400, &plan), IsOk());
  EXPECT_EQ(plan.capacity.symbols, 400);
  EXPECT_EQ(plan.capacity.slot_words, 8);  // codes of two bits: 32 in a thread
  EXPECT_EQ(plan.capacity.num_tables, small.luts.size() / kHuffmanRowBytes - 1);
  const HuffmanStream large = Stream(40000);
  ASSERT_THAT(Plan(large, 40000, &plan), IsOk());
  EXPECT_EQ(plan.capacity.symbols, LoadLe<uint32_t>(&large.output_positions[4]));
  ASSERT_THAT(Plan(small, 400, &plan), IsOk());
  EXPECT_EQ(plan.capacity.symbols, LoadLe<uint32_t>(&large.output_positions[4]));
  EXPECT_EQ(plan.tasks.back().source, 2);
}

TEST(HuffmanDevicePlan, AStreamAboveTheCapIsRefusedAndChangesNothing) {
  HuffmanDevicePlan plan;
  const HuffmanStream small = Stream(400);
  ASSERT_THAT(Plan(small, 400, &plan), IsOk());
  const uint32_t small_bytes = plan.capacity.shared_bytes();
  const HuffmanStream large = Stream(40000);
  HuffmanDevicePlan both = plan;
  ASSERT_THAT(Plan(large, 40000, &both), IsOk());
  const uint32_t needed = both.capacity.shared_bytes();
  EXPECT_THAT(Plan(large, 40000, &plan, needed - 1), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(plan.sources.size(), 1);
  EXPECT_EQ(plan.capacity.shared_bytes(), small_bytes);
  EXPECT_THAT(Plan(large, 40000, &plan, needed), IsOk());
}

// As AddHuffmanStream promises.
constexpr HuffmanCapacity kMostOfTwoBits{
    .num_tables = 1 + kHuffmanMaxSubTables, .slot_words = 8, .symbols = kHuffmanBlockBits / kHuffmanMinCodeBits};
static_assert(kMostOfTwoBits.shared_bytes() <= kHuffmanMaxSharedBytes);

TEST(HuffmanDevicePlan, OddDeviceAddressesAreInvalid) {
  const HuffmanStream stream = Stream(400);
  alignas(16) static uint8_t memory[32];
  for (size_t odd : {2, 4, 8}) {
    for (auto part : {&HuffmanDeviceStream::device_luts, &HuffmanDeviceStream::device_codes,
                      &HuffmanDeviceStream::device_gaps, &HuffmanDeviceStream::device_sign_mantissas}) {
      HuffmanDeviceStream described = Describe(stream, 400);
      described.*part = memory + odd;
      HuffmanDevicePlan plan;
      EXPECT_THAT(AddHuffmanStream(described, 1 << 20, &plan), StatusIs(absl::StatusCode::kInvalidArgument));
    }
    HuffmanDeviceStream described = Describe(stream, 400);
    described.device_out = reinterpret_cast<uint16_t*>(memory + odd);
    HuffmanDevicePlan plan;
    EXPECT_THAT(AddHuffmanStream(described, 1 << 20, &plan), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace plait::gpu
