// The join of bf16 planes on the host executor against the CPU's, for every size around a lane's and a warp's share.
#include "gpu/kernels/plane_join.h"

#include "codec/transform/planes.h"
#include "gpu/simt/executor.h"
#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

void ExpectJoins(std::span<const uint8_t> raw, uint64_t seed) {
  const size_t n = raw.size() / 2;
  std::vector<uint8_t> exponents(n);
  std::vector<uint8_t> rest(n);
  SplitPlanes(PlaneKind::kBf16, raw.first(2 * n), {exponents, rest});
  simt::GlobalMemory memory;
  const PlaneJoinParams params{memory.Upload<uint8_t>("exponents", exponents), memory.Upload<uint8_t>("rest", rest),
                               memory.Allocate<uint16_t>("out", n), static_cast<uint32_t>(n)};
  ASSERT_THAT(simt::RunGrid({.thread_blocks = 2, .warps = 3, .seed = seed}, memory,
                            [&](simt::HostContext& ctx) { PlaneJoinBody(ctx, params); }),
              IsOk());
  ASSERT_TRUE(memory.Written(params.elements_out));
  ASSERT_TRUE(std::ranges::equal(std::as_bytes(std::span(params.elements_out, n)), std::as_bytes(raw.first(2 * n))));
}

TEST(PlaneJoinKernel, EverySizeAroundAPieceAndAWarp) {
  Random random(31);
  for (size_t n = 0; n < 70; ++n) ASSERT_NO_FATAL_FAILURE(ExpectJoins(RandomBytes(2 * n, random), n)) << n;
  for (size_t n : {511, 512, 513, 1024, 3071, 3072, 3073, 9999}) {
    ASSERT_NO_FATAL_FAILURE(ExpectJoins(RandomBytes(2 * n, random), n)) << n;
  }
}

TEST(PlaneJoinKernel, EveryRegistryInputInSeveralOrders) {
  for (const CodecEntry& entry : CodecRegistry()) {
    if (entry.kind != PlaneKind::kBf16) continue;
    for (const Input& input : entry.edge_inputs()) {
      for (uint64_t seed : {1, 2, 3}) ASSERT_NO_FATAL_FAILURE(ExpectJoins(input.raw, seed)) << input.name;
    }
  }
}

}  // namespace
}  // namespace plait::gpu
