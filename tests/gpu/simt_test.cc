// The host executor itself: what operations give, what is counted, and that planted bugs of every kind are found.
#include <cstring>

#include "codec/base/status.h"
#include "gpu/simt/executor.h"
#include "tests/unit/testing.h"

namespace plait::simt {
namespace {

using U32 = HostContext::U32;

// The example of gpu/simt/README.md.
struct SumParams {
  const uint32_t* values;  // 32 for each warp of the grid
  uint32_t* sums;          // one for each
};

template <class Ctx>
constexpr void SumBody(Ctx& ctx, const SumParams& params) {
  const uint32_t warp = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp();
  typename Ctx::U32 sum = ctx.GlobalLoad(params.values, warp * 32 + ctx.LaneIndex());
  for (uint32_t lanes = 16; lanes > 0; lanes /= 2) sum += ctx.ShuffleXor(sum, lanes);
  ctx.GlobalStoreIf(ctx.LaneIndex() == 0, params.sums + warp, typename Ctx::U32(0), sum);
}

// The message of the fault that `body` must have on this grid.
std::string FaultOf(const Grid& grid, GlobalMemory& memory, const std::function<void(HostContext&)>& body) {
  const auto counters = RunGrid(grid, memory, body);
  return counters.ok() ? "no fault" : std::string(Std(counters.status().message()));
}

std::string FaultOf(const Grid& grid, const std::function<void(HostContext&)>& body) {
  GlobalMemory memory;
  return FaultOf(grid, memory, body);
}

MATCHER_P(Names, kind, std::string("names the fault '") + FaultName(kind) + "'") {
  return arg.find(FaultName(kind)) != std::string::npos;
}

Counters CountersOf(const Grid& grid, const std::function<void(HostContext&)>& body) {
  GlobalMemory memory;
  return RunGrid(grid, memory, body).value();
}

constexpr Grid kOneWarp{.shared_bytes = 4096};
constexpr Grid kFourWarps{.warps = 4, .shared_bytes = 4096, .seed = 3};

// A value travels from each warp to the next by shared memory; with `barrier`, as it should.
void PassOn(HostContext& ctx, bool barrier) {
  ctx.SharedStore32(ctx.SharedBegin() + ctx.Warp() * 128 + ctx.LaneIndex() * 4, ctx.LaneIndex());
  if (barrier) ctx.BlockBarrier();
  ctx.SharedLoad32(ctx.SharedBegin() + (ctx.Warp() + 1) % ctx.NumWarps() * 128 + ctx.LaneIndex() * 4);
}

TEST(SimtFault, MissingBlockBarrierIsFoundInEveryOrder) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Grid grid{.warps = 4, .shared_bytes = 512, .seed = seed};
    EXPECT_THAT(FaultOf(grid, [](HostContext& ctx) { PassOn(ctx, true); }), "no fault");
    EXPECT_THAT(FaultOf(grid, [](HostContext& ctx) { PassOn(ctx, false); }),
                testing::AnyOf(Names(FaultKind::kSharedRace), Names(FaultKind::kSharedUninitialised)));
  }
}

TEST(SimtFault, MissingBlockBarrierBeforeAnOverwriteIsFound) {
  const auto body = [](bool barrier) {
    return [barrier](HostContext& ctx) {
      PassOn(ctx, true);
      if (barrier) ctx.BlockBarrier();
      ctx.SharedStore32(ctx.SharedBegin() + ctx.Warp() * 128 + ctx.LaneIndex() * 4, 7);
    };
  };
  EXPECT_THAT(FaultOf(kFourWarps, body(true)), "no fault");
  EXPECT_THAT(FaultOf(kFourWarps, body(false)), Names(FaultKind::kSharedRace));
}

TEST(SimtFault, MissingWarpBarrierIsFound) {
  const auto body = [](bool barrier) {
    return [barrier](HostContext& ctx) {
      ctx.SharedStore32(ctx.SharedBegin() + ctx.LaneIndex() * 4, ctx.LaneIndex());
      if (barrier) ctx.WarpBarrier();
      ctx.SharedLoad32(ctx.SharedBegin() + (31 - ctx.LaneIndex()) * 4);
    };
  };
  EXPECT_THAT(FaultOf(kOneWarp, body(true)), "no fault");
  EXPECT_THAT(FaultOf(kOneWarp, body(false)), Names(FaultKind::kSharedRace));
}

TEST(SimtFault, MissingWarpBarrierBeforeAnOverwriteIsFound) {
  const auto body = [](bool barrier) {
    return [barrier](HostContext& ctx) {
      ctx.SharedStore32(ctx.SharedBegin() + ctx.LaneIndex() * 4, 0);
      ctx.WarpBarrier();
      ctx.SharedLoad32(ctx.SharedBegin() + (31 - ctx.LaneIndex()) * 4);
      if (barrier) ctx.WarpBarrier();
      ctx.SharedStore32(ctx.SharedBegin() + ctx.LaneIndex() * 4, 1);
    };
  };
  EXPECT_THAT(FaultOf(kOneWarp, body(true)), "no fault");
  EXPECT_THAT(FaultOf(kOneWarp, body(false)), Names(FaultKind::kSharedRace));
}

// A shuffle moves values, not memory.
TEST(SimtFault, AShuffleIsNoWarpBarrier) {
  EXPECT_THAT(FaultOf(kOneWarp,
                      [](HostContext& ctx) {
                        ctx.SharedStore32(ctx.SharedBegin() + ctx.LaneIndex() * 4, 0);
                        ctx.ShuffleUp(ctx.LaneIndex(), 1);
                        ctx.SharedLoad32(ctx.SharedBegin() + (31 - ctx.LaneIndex()) * 4);
                      }),
              Names(FaultKind::kSharedRace));
}

// A warp barrier orders the lanes of its own warp only.
TEST(SimtFault, AWarpBarrierIsNoBlockBarrier) {
  EXPECT_THAT(FaultOf({.warps = 2, .shared_bytes = 128},
                      [](HostContext& ctx) {
                        ctx.WarpBarrier();
                        ctx.SharedStore32(ctx.SharedBegin() + ctx.LaneIndex() * 4, 0);
                        ctx.WarpBarrier();
                      }),
              Names(FaultKind::kSharedRace));
}

TEST(SimtFault, RacingLanesAreFound) {
  EXPECT_THAT(
      FaultOf(kOneWarp,
              [](HostContext& ctx) { ctx.SharedStore32(ctx.SharedBegin() + ctx.LaneIndex() * 0, ctx.LaneIndex()); }),
      Names(FaultKind::kSharedRace));
  EXPECT_THAT(FaultOf(kOneWarp,
                      [](HostContext& ctx) { ctx.SharedStore8(ctx.SharedBegin() + ctx.LaneIndex(), ctx.LaneIndex()); }),
              "no fault");
}

TEST(SimtFault, SharedMemoryOutOfBoundsIsFound) {
  EXPECT_THAT(
      FaultOf(kOneWarp, [](HostContext& ctx) { ctx.SharedStore32(ctx.SharedBegin() + ctx.LaneIndex() * 4 + 3972, 0); }),
      Names(FaultKind::kSharedBounds));
  EXPECT_THAT(
      FaultOf(kOneWarp, [](HostContext& ctx) { ctx.SharedStore32(ctx.SharedBegin() + ctx.LaneIndex() * 4 + 3968, 0); }),
      "no fault");
  EXPECT_THAT(FaultOf(kOneWarp, [](HostContext& ctx) { ctx.SharedLoad32(ctx.SharedBegin() - ctx.LaneIndex() * 4); }),
              Names(FaultKind::kSharedUninitialised));
}

TEST(SimtFault, SharedMemoryThatNobodyWroteIsFound) {
  const auto body = [](uint32_t bytes) {
    return [bytes](HostContext& ctx) {
      ctx.SharedStore8If(ctx.LaneIndex() < bytes, ctx.SharedBegin() + ctx.LaneIndex(), 0);
      ctx.WarpBarrier();
      ctx.SharedLoad32(U32(ctx.SharedBegin()));
    };
  };
  EXPECT_THAT(FaultOf(kOneWarp, body(3)), Names(FaultKind::kSharedUninitialised));
  EXPECT_THAT(FaultOf(kOneWarp, body(4)), "no fault");
}

TEST(SimtFault, SharedMemoryOfAnEarlierThreadBlockIsNotInitialised) {
  EXPECT_THAT(FaultOf({.thread_blocks = 2, .shared_bytes = 128},
                      [](HostContext& ctx) {
                        if (ctx.ThreadBlock() == 0) ctx.SharedStore32(ctx.SharedBegin() + ctx.LaneIndex() * 4, 0);
                        if (ctx.ThreadBlock() == 1) ctx.SharedLoad32(ctx.SharedBegin() + ctx.LaneIndex() * 4);
                      }),
              Names(FaultKind::kSharedUninitialised));
}

TEST(SimtFault, MisalignedAddressesAreFound) {
  EXPECT_THAT(
      FaultOf(kOneWarp, [](HostContext& ctx) { ctx.SharedStore32(ctx.SharedBegin() + ctx.LaneIndex() * 4 + 2, 0); }),
      Names(FaultKind::kMisaligned));
  EXPECT_THAT(FaultOf(kOneWarp,
                      [](HostContext& ctx) {
                        ctx.SharedStore128(ctx.SharedBegin() + ctx.LaneIndex() * 16 + 8, Quad<U32>{0, 0, 0, 0});
                      }),
              Names(FaultKind::kMisaligned));
  GlobalMemory memory;
  const auto* bytes = memory.Upload<uint8_t>("bytes", std::vector<uint8_t>(200));
  EXPECT_THAT(
      FaultOf(kOneWarp, memory,
              [&](HostContext& ctx) { ctx.GlobalLoad(reinterpret_cast<const uint32_t*>(bytes + 1), ctx.LaneIndex()); }),
      Names(FaultKind::kMisaligned));
}

TEST(SimtFault, GlobalMemoryOutOfBoundsIsFound) {
  GlobalMemory memory;
  const auto* words = memory.Upload<uint32_t>("words", std::vector<uint32_t>(40));
  auto* out = memory.Allocate<uint32_t>("out", 40);
  const auto load = [&](uint32_t from) {
    return [&, from](HostContext& ctx) { ctx.GlobalLoad(words, from + ctx.LaneIndex()); };
  };
  const auto store = [&](uint32_t from) {
    return [&, from](HostContext& ctx) { ctx.GlobalStore(out, from + ctx.LaneIndex(), U32(0)); };
  };
  EXPECT_THAT(FaultOf(kOneWarp, memory, load(8)), "no fault");
  EXPECT_THAT(FaultOf(kOneWarp, memory, load(9)), Names(FaultKind::kGlobalBounds));
  EXPECT_THAT(FaultOf(kOneWarp, memory, load(0u - 1)), Names(FaultKind::kGlobalBounds));
  EXPECT_THAT(FaultOf(kOneWarp, memory, store(8)), "no fault");
  EXPECT_THAT(FaultOf(kOneWarp, memory, store(9)), Names(FaultKind::kGlobalBounds));
}

TEST(SimtFault, GlobalMemoryThatNobodyWroteIsFound) {
  GlobalMemory memory;
  const auto* out = memory.Allocate<uint8_t>("out", 32);
  EXPECT_THAT(FaultOf(kOneWarp, memory, [&](HostContext& ctx) { ctx.GlobalLoad(out, ctx.LaneIndex()); }),
              Names(FaultKind::kGlobalUninitialised));
  EXPECT_THAT(FaultOf(kOneWarp, memory, [&](HostContext& ctx) { ctx.GlobalLoadUniform(out); }),
              Names(FaultKind::kGlobalUninitialised));
}

TEST(SimtFault, GlobalMemoryStoredTwiceOrLoadedAgainIsFound) {
  GlobalMemory memory;
  auto* out = memory.AllocateZeroed<uint8_t>("out", 32);
  EXPECT_THAT(FaultOf({.warps = 2}, memory, [&](HostContext& ctx) { ctx.GlobalStore(out, ctx.LaneIndex(), U32(1)); }),
              Names(FaultKind::kGlobalRace));
  EXPECT_THAT(FaultOf({}, memory,
                      [&](HostContext& ctx) {
                        ctx.GlobalStore(out, ctx.LaneIndex(), U32(1));
                        ctx.GlobalLoad(out, ctx.LaneIndex());
                      }),
              Names(FaultKind::kGlobalRace));
  EXPECT_THAT(FaultOf({}, memory, [&](HostContext& ctx) { ctx.GlobalLoad(out, ctx.LaneIndex()); }), "no fault");
}

TEST(SimtFault, StoresToInputsAreFound) {
  GlobalMemory memory;
  auto* in = const_cast<uint8_t*>(memory.Upload<uint8_t>("in", std::vector<uint8_t>(32)));
  EXPECT_THAT(FaultOf({}, memory, [&](HostContext& ctx) { ctx.GlobalStore(in, ctx.LaneIndex(), U32(1)); }),
              Names(FaultKind::kReadOnly));
}

TEST(SimtFault, CollectivesWithoutSomeOfTheirLanesAreFound) {
  const auto ballot = [](uint32_t mask) {
    return [mask](HostContext& ctx) { ctx.Where(ctx.LaneIndex() < 8, [&] { ctx.Ballot(true, mask); }); };
  };
  EXPECT_THAT(FaultOf(kOneWarp, ballot(0xff)), "no fault");
  EXPECT_THAT(FaultOf(kOneWarp, ballot(kEveryLane)), Names(FaultKind::kDivergedCollective));
  EXPECT_THAT(FaultOf(kOneWarp, ballot(0x1ff)), Names(FaultKind::kDivergedCollective));
  EXPECT_THAT(FaultOf(kOneWarp, [](HostContext& ctx) { ctx.Where(ctx.LaneIndex() != 5, [&] { ctx.WarpBarrier(); }); }),
              Names(FaultKind::kDivergedCollective));
}

TEST(SimtFault, WrongMasksAreFound) {
  EXPECT_THAT(FaultOf(kOneWarp, [](HostContext& ctx) { ctx.ShuffleUp(ctx.LaneIndex(), 1, 0x7fffffff); }),
              Names(FaultKind::kWrongMask));
  EXPECT_THAT(FaultOf(kOneWarp,
                      [](HostContext& ctx) {
                        ctx.Where(ctx.LaneIndex() < 8, [&] { ctx.ShuffleIdx(ctx.LaneIndex(), 8, 0xff); });
                      }),
              Names(FaultKind::kWrongMask));
}

TEST(SimtFault, BlockBarriersAtDifferentPlacesAreFound) {
  // Not inside the macro, all of which is one place.
  const auto two_places = [](HostContext& ctx) {
    if (ctx.Warp() == 2) {
      ctx.BlockBarrier();
    } else {
      ctx.BlockBarrier();
    }
  };
  EXPECT_THAT(FaultOf(kFourWarps, two_places), Names(FaultKind::kDivergedBarrier));
  EXPECT_THAT(FaultOf(kFourWarps,
                      [](HostContext& ctx) {
                        if (ctx.Warp() != 2) ctx.BlockBarrier();
                      }),
              Names(FaultKind::kDivergedBarrier));
}

TEST(SimtFault, LanesThatDifferAreNotUniform) {
  EXPECT_THAT(FaultOf({}, [](HostContext& ctx) { ctx.Uniform(ctx.LaneIndex() >> 5); }), "no fault");
  EXPECT_THAT(FaultOf({}, [](HostContext& ctx) { ctx.Uniform(ctx.LaneIndex() >> 4); }), Names(FaultKind::kNotUniform));
}

TEST(SimtFault, ShiftsByTheWholeWordAreFound) {
  EXPECT_THAT(FaultOf({}, [](HostContext& ctx) { ctx.Uniform(U32(1) << (ctx.LaneIndex() + 1)); }),
              Names(FaultKind::kBadShift));
}

TEST(SimtFault, TheMessageSaysWhere) {
  EXPECT_THAT(FaultOf(kOneWarp, [](HostContext& ctx) { ctx.SharedLoad32(ctx.SharedBegin() + ctx.LaneIndex() * 4); }),
              testing::StartsWith("simt_test.cc:"));
}

TEST(SimtExecutor, WarpsRunInAnOrderOfTheSeed) {
  const auto order = [](uint64_t seed) {
    std::vector<uint32_t> warps;
    CountersOf({.thread_blocks = 3, .warps = 8, .seed = seed},
               [&](HostContext& ctx) { warps.push_back(ctx.ThreadBlock() * 8 + ctx.Warp()); });
    return warps;
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
  EXPECT_THAT(order(5), testing::SizeIs(24));
}

TEST(SimtExecutor, TheExampleOfTheReadmeSumsUp) {
  std::vector<uint32_t> values(256);
  for (uint32_t i = 0; i < 256; ++i) values[i] = i;
  GlobalMemory memory;
  const SumParams params{memory.Upload<uint32_t>("values", values), memory.Allocate<uint32_t>("sums", 8)};
  ASSERT_THAT(
      RunGrid({.thread_blocks = 2, .warps = 4, .seed = 1}, memory, [&](HostContext& ctx) { SumBody(ctx, params); }),
      IsOk());
  for (uint32_t warp = 0; warp < 8; ++warp) EXPECT_EQ(params.sums[warp], warp * 32 * 32 + 496);
}

TEST(SimtExecutor, OnlyExecutingLanesAreAssigned) {
  CountersOf({}, [](HostContext& ctx) {
    U32 value(0);
    ctx.Where(ctx.LaneIndex() < 3, [&] { value += 5; });
    EXPECT_EQ(ctx.Ballot(value == 5), 7);
    EXPECT_EQ(ctx.Ballot(value == 0), ~7u);
  });
}

// Matrices in the lanes' places as the PTX manual has them, written out from its formulas.
struct MmaOperands {
  Quad<U32> a{0, 0, 0, 0};
  Pair<U32> b{0, 0};
  Quad<Lanes<float>> c{0, 0, 0, 0};

  void SetA(uint32_t row, uint32_t k, uint16_t value) {
    U32& word = row < 8 ? (k < 8 ? a.x : a.z) : (k < 8 ? a.y : a.w);
    word[row % 8 * 4 + k % 8 / 2] |= uint32_t{value} << k % 2 * 16;
  }
  void SetB(uint32_t k, uint32_t column, uint16_t value) {
    (k < 8 ? b.x : b.y)[column * 4 + k % 8 / 2] |= uint32_t{value} << k % 2 * 16;
  }
};
float At(const Quad<Lanes<float>>& d, uint32_t row, uint32_t column) {
  const uint32_t lane = row % 8 * 4 + column / 2;
  return row < 8 ? (column % 2 == 0 ? d.x : d.y)[lane] : (column % 2 == 0 ? d.z : d.w)[lane];
}
uint16_t Bf16(float value) { return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16); }

TEST(SimtExecutor, MatrixProductsOfSmallIntegersAreExact) {
  CountersOf({}, [](HostContext& ctx) {
    MmaOperands m;
    for (uint32_t k = 0; k < 16; ++k) {
      for (uint32_t row = 0; row < 16; ++row) m.SetA(row, k, Bf16(static_cast<float>((row * 7 + k * 3) % 32) - 11));
      for (uint32_t column = 0; column < 8; ++column) m.SetB(k, column, Bf16(static_cast<float>(column * 5 + k) - 9));
    }
    m.c = {1000, 1000, 1000, 1000};
    const auto d = ctx.Mma16816Bf16(m.a, m.b, m.c);
    for (uint32_t row = 0; row < 16; ++row) {
      for (uint32_t column = 0; column < 8; ++column) {
        float expected = 1000;
        for (uint32_t k = 0; k < 16; ++k) {
          expected += (static_cast<float>((row * 7 + k * 3) % 32) - 11) * (static_cast<float>(column * 5 + k) - 9);
        }
        ASSERT_EQ(At(d, row, column), expected) << row << " " << column;
      }
    }
  });
}

TEST(SimtExecutor, MatrixProductsAddInDoubleInTheOrderOfKAndRoundOnce) {
  CountersOf({}, [](HostContext& ctx) {
    MmaOperands m;
    for (uint32_t k = 0; k < 16; ++k) m.SetB(k, 0, Bf16(1));
    m.SetA(0, 0, Bf16(0x1p-24f));  // lost, twice, if the sum were a float
    m.SetA(0, 15, Bf16(0x1p-24f));
    m.SetA(1, 3, Bf16(0x1p60f));  // swallows c, which stands before it, and not what stands behind its opposite
    m.SetA(1, 8, Bf16(-0x1p60f));
    m.SetA(1, 9, Bf16(3));
    m.c.x = Lanes<float>(1);
    const auto d = ctx.Mma16816Bf16(m.a, m.b, m.c);
    EXPECT_EQ(At(d, 0, 0), 1 + 0x1p-23f);
    EXPECT_EQ(At(d, 1, 0), 3);
  });
}

TEST(SimtExecutor, OperationsGiveWhatTheHardwareGives) {
  CountersOf({}, [](HostContext& ctx) {
    EXPECT_EQ(ctx.Uniform(ctx.BitsOfFloat(ctx.FloatOfBits(U32(0xc0400000)))), 0xc0400000u);
    EXPECT_EQ(ctx.Uniform(ctx.BytePermute(U32(0x33221100), U32(0x77665544), U32(0xabcd0427))), 0x00442277u);
    EXPECT_EQ(ctx.Uniform(ctx.FunnelShiftRight(U32(0x33221100), U32(0x77665544), U32(8))), 0x44332211u);
    EXPECT_EQ(ctx.Uniform(ctx.FunnelShiftRight(U32(0x33221100), U32(0x77665544), U32(40))), 0x44332211u);
    EXPECT_EQ(ctx.Uniform(ctx.FunnelShiftRight(U32(0x33221100), U32(0x77665544), U32(32))), 0x33221100u);
    EXPECT_EQ(ctx.Uniform(ctx.FunnelShiftRightClamped(U32(1), U32(2), U32(32))), 2u);
    EXPECT_EQ(ctx.Uniform(ctx.FunnelShiftRightClamped(U32(1), U32(2), U32(31))), 4u);
    EXPECT_EQ(ctx.Uniform(ctx.LowBits(U32(0))), 0u);
    EXPECT_EQ(ctx.Uniform(ctx.LowBits(U32(31))), 0x7fffffffu);
    EXPECT_EQ(ctx.Uniform(ctx.LowBits(U32(33))), 0xffffffffu);
    EXPECT_EQ(ctx.Uniform(ctx.BitSelect(0xff00, U32(0x1234), U32(0xabcd))), 0x12cdu);
    EXPECT_EQ(ctx.Broadcast(ctx.InclusiveScan(ctx.LaneIndex()), 7), 28u);
    EXPECT_EQ(ctx.Broadcast(ctx.ShuffleUp(ctx.LaneIndex(), 3), 2), 2u);
    EXPECT_EQ(ctx.Broadcast(ctx.ShuffleUp(ctx.LaneIndex(), 3), 9), 6u);
    EXPECT_EQ(ctx.Broadcast(ctx.ShuffleDown(ctx.LaneIndex(), 3), 30), 30u);
    EXPECT_EQ(ctx.Broadcast(ctx.ShuffleDown(ctx.LaneIndex(), 3), 9), 12u);
    EXPECT_EQ(ctx.Broadcast(ctx.ShuffleXor(ctx.LaneIndex(), 5), 9), 12u);
  });
}

// Wavefronts of one access of all lanes at `stride` bytes from each other.
template <class Load>
uint64_t SharedWavefrontsOf(uint32_t stride, const Load& load) {
  const Counters counters = CountersOf({.shared_bytes = 8192}, [&](HostContext& ctx) {
    for (uint32_t at = 0; at < 8192; at += 512) {
      ctx.SharedStore128(ctx.SharedBegin() + ctx.LaneIndex() * 16 + at, Quad<U32>{0, 0, 0, 0});
    }
    ctx.WarpBarrier();
    load(ctx, ctx.LaneIndex() * stride);
  });
  return counters.shared_loads.wavefronts;
}

TEST(SimtCounters, SharedWavefrontsAreThoseOfThirtyTwoBanks) {
  const auto load32 = [](HostContext& ctx, const U32& at) { ctx.SharedLoad32(ctx.SharedBegin() + at); };
  const auto load64 = [](HostContext& ctx, const U32& at) { ctx.SharedLoad64(ctx.SharedBegin() + at); };
  const auto load128 = [](HostContext& ctx, const U32& at) { ctx.SharedLoad128(ctx.SharedBegin() + at); };
  const auto load8 = [](HostContext& ctx, const U32& at) { ctx.SharedLoad8(ctx.SharedBegin() + at); };
  EXPECT_EQ(SharedWavefrontsOf(0, load32), 1);
  EXPECT_EQ(SharedWavefrontsOf(4, load32), 1);
  EXPECT_EQ(SharedWavefrontsOf(8, load32), 2);
  EXPECT_EQ(SharedWavefrontsOf(12, load32), 1);
  EXPECT_EQ(SharedWavefrontsOf(128, load32), 32);
  EXPECT_EQ(SharedWavefrontsOf(1, load8), 1);
  EXPECT_EQ(SharedWavefrontsOf(8, load64), 2);
  EXPECT_EQ(SharedWavefrontsOf(16, load64), 4);
  EXPECT_EQ(SharedWavefrontsOf(16, load128), 4);
  EXPECT_EQ(SharedWavefrontsOf(32, load128), 8);
}

TEST(SimtCounters, SectorsAndBytesOfGlobalLoads) {
  GlobalMemory memory;
  const auto* words = memory.Upload<uint32_t>("words", std::vector<uint32_t>(1024));
  const auto counters = RunGrid({}, memory, [&](HostContext& ctx) {
                          ctx.GlobalLoad(words, ctx.LaneIndex());
                          ctx.GlobalLoad(words, ctx.LaneIndex() * 32);
                          ctx.GlobalLoadIf(ctx.LaneIndex() < 2, words, ctx.LaneIndex() + 7);
                          ctx.GlobalLoadIf(false, words, ctx.LaneIndex());
                        }).value();
  EXPECT_EQ(counters.global_loads.requests, 3);
  EXPECT_EQ(counters.global_loads.sectors, 4 + 32 + 2);
  EXPECT_EQ(counters.global_loads.wavefronts, 1 + 32 + 1);
  EXPECT_EQ(counters.global_loads.bytes, 128 + 128 + 8);
  EXPECT_EQ(memory.LoadedBytes(words), 32 * (4 + 31));
}

TEST(SimtCounters, ShufflesBallotsAndBarriers) {
  const Counters counters = CountersOf({.thread_blocks = 2, .warps = 3}, [](HostContext& ctx) {
    ctx.ShuffleUp(ctx.LaneIndex(), 1);
    ctx.Broadcast(ctx.LaneIndex(), 1);
    ctx.Any(false);
    ctx.Mma16816Bf16({0, 0, 0, 0}, {0, 0}, {0, 0, 0, 0});
    ctx.WarpBarrier();
    ctx.BlockBarrier();
    ctx.BlockBarrier();
  });
  EXPECT_EQ(counters.shuffles, 12);
  EXPECT_EQ(counters.ballots, 6);
  EXPECT_EQ(counters.mmas, 6);
  EXPECT_EQ(counters.warp_barriers, 6);
  EXPECT_EQ(counters.block_barriers, 12);
}

}  // namespace
}  // namespace plait::simt
