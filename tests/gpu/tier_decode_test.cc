// The tier kernels on the host executor: what they give is what the CPU decoder gives, for everything in the registry,
// every shape, every order of warps; what is wrong becomes a status word and no fault.
#include "gpu/kernels/tier_decode.h"

#include <cstring>
#include <memory>

#include "codec/tier/tier.h"
#include "codec/transform/planes.h"
#include "gpu/kernels/tier_plan.h"
#include "gpu/simt/executor.h"
#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

using simt::Counters;
using simt::GlobalMemory;
using simt::HostContext;

constexpr PlaneKind kKinds[] = {PlaneKind::kBytes, PlaneKind::kBf16, PlaneKind::kE4m3, PlaneKind::kE5m2};

// The two planes that a kernel joins.
struct Planes {
  PlaneKind kind;
  std::vector<uint8_t> symbols, noise;
};

Planes Split(PlaneKind kind, std::span<const uint8_t> raw) {
  const size_t n = raw.size() / GetPlaneLayout(kind).element_bytes;
  Planes planes{kind, std::vector<uint8_t>(n), {}};
  if (kind == PlaneKind::kBytes) {
    planes.symbols.assign(raw.begin(), raw.end());
    return planes;
  }
  planes.noise.resize(PlaneBytes(kind, 1, n));
  SplitPlanes(kind, raw.first(n * GetPlaneLayout(kind).element_bytes), {planes.symbols, planes.noise});
  return planes;
}

std::vector<uint8_t> Encode(std::span<const uint8_t> symbols, const TierPlan& plan) {
  std::vector<uint8_t> stream(TierMaxBytes(symbols.size()));
  stream.resize(TierEncode(symbols, plan, stream));
  return stream;
}
std::vector<uint8_t> Encode(std::span<const uint8_t> symbols) {
  return Encode(symbols, PlanTier(CountBytes(symbols), symbols.size()));
}

// What the CPU makes of a stream.
absl::StatusOr<std::vector<uint8_t>> CpuDecode(PlaneKind kind, std::span<const uint8_t> stream,
                                               std::span<const uint8_t> noise, size_t n) {
  const auto scratch = std::make_unique<TierScratch>();
  std::vector<uint8_t> out(n * GetPlaneLayout(kind).element_bytes);
  const absl::Status status = kind == PlaneKind::kBytes
                                  ? TierDecode(stream, *scratch, out)
                                  : TierDecodeAndJoin(stream, *scratch, kind, {std::span<const uint8_t>(), noise}, out,
                                                      StoreMode::kCached, [](size_t, size_t) {});
  if (!status.ok()) return status;
  return out;
}

void Run(PlaneKind kind, TierCapacity capacity, HostContext& ctx, const TierDecodeParams& params) {
  switch (kind) {
    case PlaneKind::kBf16: return TierDecodeBody<PlaneKind::kBf16>(ctx, capacity, params);
    case PlaneKind::kE4m3: return TierDecodeBody<PlaneKind::kE4m3>(ctx, capacity, params);
    case PlaneKind::kE5m2: return TierDecodeBody<PlaneKind::kE5m2>(ctx, capacity, params);
    default: return TierDecodeBody<PlaneKind::kBytes>(ctx, capacity, params);
  }
}

// Device memory with some blocks in it.
class Device {
 public:
  // Adds a block whose kernels find `on_device` where the plan has seen `stream`.
  void Add(PlaneKind kind, std::span<const uint8_t> stream, std::span<const uint8_t> noise, uint32_t n,
           std::span<const uint8_t> on_device) {
    const auto upload = [&](const char* name, std::span<const uint8_t> bytes, size_t slack) {
      return memory_.Upload(name, bytes, slack);
    };
    auto* out = memory_.Allocate<uint8_t>("out", n * GetPlaneLayout(kind).element_bytes);
    outs_.push_back({out, n * GetPlaneLayout(kind).element_bytes});
    AddTierPlane(
        {stream, n, upload("stream", on_device, 16), upload("noise", noise, (16 - noise.size() % 16) % 16), out},
        &plan_)
        .IgnoreError();
  }
  void Add(const Planes& planes, std::span<const uint8_t> stream) {
    Add(planes.kind, stream, planes.noise, static_cast<uint32_t>(planes.symbols.size()), stream);
  }

  // Runs what the plan has for each kernel; with `all_wide`, all of it by the wide one.
  absl::StatusOr<Counters> Decode(PlaneKind kind, uint64_t seed, bool all_wide = false) {
    const auto* blocks = memory_.Upload<TierBlock>("blocks", plan_.blocks);
    status_ = memory_.AllocateZeroed<uint32_t>("status", plan_.blocks.size());
    std::ranges::copy(plan_.status, status_);
    Counters counters;
    for (const auto& [launch, capacity] :
         {std::pair(&plan_.narrow, all_wide ? kTierWide : kTierNarrow), std::pair(&plan_.wide, kTierWide)}) {
      const TierDecodeParams params{memory_.Upload<TierTask>("tasks", launch->tasks),
                                    memory_.Upload<TierGroup>("groups", launch->groups), blocks, status_,
                                    static_cast<uint32_t>(launch->tasks.size())};
      const auto run = simt::RunGrid(
          {.thread_blocks = 2, .warps = capacity.warps, .shared_bytes = capacity.shared_bytes(), .seed = seed}, memory_,
          [&](HostContext& ctx) { Run(kind, capacity, ctx, params); });
      if (!run.ok()) return run.status();
      if (!launch->tasks.empty()) counters = *run;
    }
    return counters;
  }

  std::span<const uint8_t> out(size_t block) const { return outs_[block]; }
  bool written(size_t block) const { return memory_.Written(outs_[block].data()); }
  uint32_t status(size_t block) const { return status_[block]; }
  TierDevicePlan& plan() { return plan_; }

 private:
  GlobalMemory memory_;
  TierDevicePlan plan_;
  std::vector<std::span<const uint8_t>> outs_;
  uint32_t* status_ = nullptr;
};

void ExpectDecodes(const Planes& planes, std::span<const uint8_t> stream, uint64_t seed, bool all_wide = false) {
  Device device;
  device.Add(planes, stream);
  ASSERT_THAT(device.Decode(planes.kind, seed, all_wide), IsOk());
  ASSERT_EQ(device.status(0), kTierOk);
  ASSERT_TRUE(device.written(0));
  const auto expected = CpuDecode(planes.kind, stream, planes.noise, planes.symbols.size());
  ASSERT_THAT(expected, IsOk());
  ASSERT_TRUE(std::ranges::equal(device.out(0), *expected));
}

std::vector<TierShape> ValidShapes() {
  std::vector<TierShape> shapes;
  for (int code = 0; code < 256; ++code) {
    if (TierShape(static_cast<uint8_t>(code)).valid()) shapes.push_back(TierShape(static_cast<uint8_t>(code)));
  }
  return shapes;
}

TEST(TierDecodeKernel, EveryShapeGivesWhatTheCpuDecoderGives) {
  Random random(11);
  for (const TierShape shape : ValidShapes()) {
    TierPlan plan{.shape = shape};
    for (size_t i = 0; i < shape.table_begin(shape.num_levels()); ++i) plan.table[i] = random() % 20;
    for (PlaneKind kind : kKinds) {
      Planes planes = Split(kind, RandomBytes(2 * (random() % 9000), random));
      planes.symbols = GeometricBytes(planes.symbols.size(), random);
      SCOPED_TRACE(int{shape.code()});
      ASSERT_NO_FATAL_FAILURE(ExpectDecodes(planes, Encode(planes.symbols, plan), shape.code()));
    }
  }
}

TEST(TierDecodeKernel, EverySizeAroundAPieceAUnitAndAGroup) {
  Random random(12);
  std::vector<size_t> sizes = {4095, 4096, 4097, 8191, 8193};
  for (size_t n = 0; n < 132; ++n) sizes.push_back(n);
  for (size_t n : sizes) {
    for (PlaneKind kind : kKinds) {
      Planes planes = Split(kind, RandomBytes(n * GetPlaneLayout(kind).element_bytes, random));
      if (n % 2 == 0) planes.symbols = GeometricBytes(n, random);
      SCOPED_TRACE(n);
      ASSERT_NO_FATAL_FAILURE(ExpectDecodes(planes, Encode(planes.symbols), n));
    }
  }
}

TEST(TierDecodeKernel, TheWideKernelGivesTheSame) {
  Random random(13);
  for (PlaneKind kind : kKinds) {
    const Planes planes = Split(kind, WeightLikeBf16(9000, random));
    ASSERT_NO_FATAL_FAILURE(ExpectDecodes(planes, Encode(planes.symbols), 1, true));
  }
}

// Every symbol escapes every level: the most that the wide kernel must hold.
TEST(TierDecodeKernel, TheWorstGroupsFitTheWideKernel) {
  Random random(14);
  for (const TierShape shape : ValidShapes()) {
    const TierPlan plan{.shape = shape};  // knows only the symbol 0
    Planes planes = Split(PlaneKind::kBf16, RandomBytes(2 * kTierGroupSymbols, random));
    for (uint8_t& symbol : planes.symbols) symbol |= 1;
    ASSERT_NO_FATAL_FAILURE(ExpectDecodes(planes, Encode(planes.symbols, plan), 1));
  }
}

}  // namespace
}  // namespace plait::gpu
