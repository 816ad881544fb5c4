// The matrix product kernels on the host executor: bit by bit what their CPU twin gives for the decoded weights, in
// every order of warps, for rows of many lengths; and the twin is close to a sum in double precision.
#include "gpu/kernels/tier_gemv.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "codec/tier/tier.h"
#include "codec/transform/planes.h"
#include "gpu/kernels/gemv_plan.h"
#include "gpu/kernels/gemv_twin.h"
#include "gpu/simt/executor.h"
#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

using simt::Counters;
using simt::GlobalMemory;
using simt::HostContext;

constexpr size_t kBlockWeights = 128 << 10;

// A plan whose table is what its shape knows of these exponents, or the one given.
ArrangedGemvBlock Arrange(std::span<const uint16_t> weights, const TierPlan* plan = nullptr) {
  const std::span<const uint8_t> raw(reinterpret_cast<const uint8_t*>(weights.data()), weights.size_bytes());
  std::vector<uint8_t> exponents(weights.size());
  std::vector<uint8_t> noise(weights.size());
  SplitPlanes(PlaneKind::kBf16, raw, {exponents, noise});
  const TierPlan chosen = plan != nullptr ? *plan : PlanTier(CountBytes(exponents), exponents.size(), kGemvMaxLevels);
  return ArrangeGemvBlock(chosen.shape, chosen.table, exponents, noise);
}

std::vector<ArrangedGemvBlock> ArrangeBlocks(std::span<const uint16_t> weights, const TierPlan* plan = nullptr) {
  std::vector<ArrangedGemvBlock> blocks;
  for (size_t at = 0; at < weights.size(); at += kBlockWeights) {
    blocks.push_back(Arrange(weights.subspan(at, std::min(kBlockWeights, weights.size() - at)), plan));
  }
  return blocks;
}

template <uint32_t kBatch>
void RunKernel(HostContext& ctx, const GemvParams& params) {
  if (IsStraightRow(params.in_features)) {
    TierGemvBody<kBatch, true>(ctx, params);
  } else {
    TierGemvBody<kBatch, false>(ctx, params);
  }
}

void RunKernel(uint32_t batch, HostContext& ctx, const GemvParams& params) {
  switch (batch) {
    case 1: return RunKernel<1>(ctx, params);
    case 2: return RunKernel<2>(ctx, params);
    case 3: return RunKernel<3>(ctx, params);
    default: return RunKernel<4>(ctx, params);
  }
}

void RunRowsKernel(uint32_t batch, HostContext& ctx, const GemvRowsParams& params) {
  switch (batch) {
    case 1: return GemvRowsBody<1>(ctx, params);
    case 2: return GemvRowsBody<2>(ctx, params);
    case 3: return GemvRowsBody<3>(ctx, params);
    default: return GemvRowsBody<4>(ctx, params);
  }
}

// Device memory with a matrix in it.
class Device {
 public:
  explicit Device(const GemvProblem& problem) : problem_(problem) { plan_.in_features = problem.in_features; }

  absl::Status Add(const absl::StatusOr<ArrangedGemvBlock>& block) {
    if (!block.ok()) return AddGemvBlock(block, nullptr, nullptr, &plan_);
    return AddGemvBlock(block, memory_.Upload<uint8_t>("stream", block->stream),
                        memory_.Upload<uint8_t>("noise", block->noise), &plan_);
  }

  absl::StatusOr<std::vector<float>> Multiply(uint64_t seed) {
    constexpr uint32_t kWarps = 5;
    const GemvProblem& p = problem_;
    status_ = memory_.AllocateZeroed<uint32_t>("status", plan_.blocks.size());
    std::ranges::copy(plan_.status, status_);
    float* const partials =
        memory_.AllocateZeroed<float>("partials", GemvDevicePlan::NumSlots(p.rows, p.in_features) * p.batch);
    const GemvParams params{.tasks = memory_.Upload<GemvTask>("tasks", plan_.tasks),
                            .blocks = memory_.Upload<GemvBlock>("blocks", plan_.blocks),
                            .status = status_,
                            .x = memory_.Upload<uint16_t>("x", p.x),
                            .partials = partials,
                            .num_tasks = static_cast<uint32_t>(plan_.tasks.size()),
                            .in_features = p.in_features,
                            .reciprocal = ReciprocalOf(p.in_features)};
    const simt::Grid grid{.thread_blocks = 2,
                          .warps = kWarps,
                          .shared_bytes = GemvSharedBytes(kWarps, p.in_features, p.batch),
                          .seed = seed};
    const auto products = simt::RunGrid(grid, memory_, [&](HostContext& ctx) { RunKernel(p.batch, ctx, params); });
    if (!products.ok()) return products.status();
    memory_.BeginLaunch();
    auto* y = memory_.Allocate<float>("y", size_t{p.rows} * p.batch);
    const GemvRowsParams rows{partials, y, p.rows, p.in_features};
    const auto run = simt::RunGrid({.thread_blocks = 2, .warps = 2, .seed = seed}, memory_,
                                   [&](HostContext& ctx) { RunRowsKernel(p.batch, ctx, rows); });
    if (!run.ok()) return run.status();
    return std::vector<float>(y, y + size_t{p.rows} * p.batch);
  }

  uint32_t status(size_t block) const { return status_[block]; }
  const GemvDevicePlan& plan() const { return plan_; }

 private:
  GemvProblem problem_;
  GlobalMemory memory_;
  GemvDevicePlan plan_;
  uint32_t* status_ = nullptr;
};

// bf16 of a normal distribution, as trained weights are.
std::vector<uint16_t> NormalBf16(size_t n, Random& random) {
  std::vector<uint16_t> weights(n);
  for (uint16_t& weight : weights) {
    float sum = -6;
    for (int k = 0; k < 12; ++k) sum += static_cast<float>(random() >> 40) * 0x1p-24f;
    weight = static_cast<uint16_t>(std::bit_cast<uint32_t>(sum) >> 16);
  }
  return weights;
}

std::vector<float> MultiplyByTwin(const GemvProblem& problem, std::span<const uint16_t> weights) {
  std::vector<float> partials(GemvDevicePlan::NumSlots(problem.rows, problem.in_features) * problem.batch);
  for (size_t at = 0; at < weights.size(); at += kGroupSymbols) {
    MultiplyGroup(problem, at / kGroupSymbols,
                  weights.subspan(at, std::min<size_t>(kGroupSymbols, weights.size() - at)), partials);
  }
  std::vector<float> y(size_t{problem.rows} * problem.batch);
  SumPartials(problem, partials, y);
  return y;
}

// Every NaN is as good as another.
bool SameBits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

std::vector<uint16_t> Bf16s(std::span<const uint8_t> bytes) {
  std::vector<uint16_t> values(bytes.size() / 2);
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * 2);
  return values;
}

// As many whole rows as there are.
struct Case {
  std::vector<uint16_t> weights;
  std::vector<uint16_t> x;
  GemvProblem problem;

  Case(std::vector<uint16_t> all, uint32_t in_features, uint32_t batch, Random& random)
      : weights(std::move(all)), x(Bf16s(WeightLikeBf16(in_features * batch, random))) {
    weights.resize(weights.size() / in_features * in_features);
    problem = {static_cast<uint32_t>(weights.size() / in_features), in_features, batch, x};
  }
};

void ExpectTwins(const Case& c, uint64_t seed, const TierPlan* plan = nullptr) {
  Device device(c.problem);
  for (const ArrangedGemvBlock& block : ArrangeBlocks(c.weights, plan)) ASSERT_THAT(device.Add(block), IsOk());
  const auto y = device.Multiply(seed);
  ASSERT_THAT(y, IsOk());
  for (size_t i = 0; i < device.plan().blocks.size(); ++i) ASSERT_EQ(device.status(i), kTierOk);
  ASSERT_TRUE(std::ranges::equal(*y, MultiplyByTwin(c.problem, c.weights), SameBits));
}

// With 255, a run begins at column 1 of a row that does not end in it.
constexpr uint32_t kLengths[] = {128,  129,  136,  200,  255,  256,  576,  640, 960,
                                 1000, 1024, 1536, 2048, 3000, 4096, 5120, 8192};

TEST(TierGemv, RowsOfEveryLengthAndBatchGiveTheTwinsBits) {
  Random random(21);
  for (uint32_t in_features : kLengths) {
    for (uint32_t batch = 1; batch <= kGemvMaxBatch; ++batch) {
      SCOPED_TRACE(testing::Message() << in_features << " x " << batch);
      const Case c(NormalBf16(20000 + random() % 4096, random), in_features, batch, random);
      ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, in_features));
    }
  }
}

TEST(TierGemv, EveryOrderOfWarpsGivesTheSame) {
  Random random(22);
  for (uint32_t in_features : {1536, 1000}) {
    const Case c(NormalBf16(50000, random), in_features, 2, random);
    for (uint64_t seed = 0; seed < 5; ++seed) ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, seed));
  }
}

TEST(TierGemv, MoreThanOneBlock) {
  Random random(23);
  for (uint32_t in_features : {1536, 576}) {
    const Case c(Bf16s(WeightLikeBf16(kBlockWeights + 30000, random)), in_features, 1, random);
    ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, 1));
  }
}

TEST(TierGemv, EveryRegistryInput) {
  Random random(24);
  size_t inputs = 0;
  for (const CodecEntry& entry : CodecRegistry()) {
    std::vector<Input> edges = entry.edge_inputs();
    edges.push_back(entry.generate(5, 20000));
    for (const Input& input : edges) {
      const bool own = entry.id == CodecId::kTier && entry.kind == PlaneKind::kBf16;
      if (!own && input.raw.size() > 4 * kGroupSymbols) continue;
      SCOPED_TRACE(entry.name() + " " + input.name);
      for (uint32_t in_features : {128, 150}) {
        const Case c(Bf16s(input.raw), in_features, 1, random);
        ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, inputs));
      }
      ++inputs;
    }
  }
  EXPECT_GT(inputs, 150);
}

TEST(TierGemv, EveryShapeAndTheFullestGroups) {
  Random random(25);
  for (int code = 0; code < 256; ++code) {
    const TierShape shape(static_cast<uint8_t>(code));
    if (!IsGemvShape(shape)) continue;
    SCOPED_TRACE(code);
    TierPlan plan{.shape = shape};  // knows only the symbol 0, so that everything escapes every level
    const Case worst(Bf16s(RandomBytes(2 * 6000, random)), 256, 1, random);
    ASSERT_NO_FATAL_FAILURE(ExpectTwins(worst, 1, &plan));
    for (size_t i = 0; i < shape.table_begin(shape.num_levels()); ++i) plan.table[i] = 110 + random() % 20;
    const Case some(Bf16s(WeightLikeBf16(6000, random)), 256, 1, random);
    ASSERT_NO_FATAL_FAILURE(ExpectTwins(some, 1, &plan));
  }
}

TEST(TierGemv, TheTwinIsCloseToSumsInDouble) {
  Random random(28);
  for (uint32_t in_features : {200, 1536, 8192}) {
    const Case c(Bf16s(WeightLikeBf16(40000, random)), in_features, 2, random);
    const std::vector<float> y = MultiplyByTwin(c.problem, c.weights);
    const auto value = [](uint16_t bf16) { return double{std::bit_cast<float>(uint32_t{bf16} << 16)}; };
    for (size_t b = 0; b < 2; ++b) {
      for (size_t row = 0; row < c.problem.rows; ++row) {
        double sum = 0;
        double size = 0;
        for (size_t i = 0; i < in_features; ++i) {
          const double product = value(c.weights[row * in_features + i]) * value(c.x[b * in_features + i]);
          sum += product;
          size += std::abs(product);
        }
        ASSERT_NEAR(y[b * c.problem.rows + row], sum, size * 1e-5);
      }
    }
  }
}

TEST(TierGemv, CorruptBlocksHaveAStatusWordAndDoNoHarmToOthers) {
  Random random(29);
  const Case c(Bf16s(WeightLikeBf16(2 * kBlockWeights, random)), 1024, 1, random);
  const std::vector<ArrangedGemvBlock> blocks = ArrangeBlocks(c.weights);
  Device device(c.problem);
  EXPECT_THAT(device.Add(absl::OutOfRangeError("")), StatusIs(absl::StatusCode::kOutOfRange));
  ASSERT_THAT(device.Add(blocks[1]), IsOk());
  const auto y = device.Multiply(1);
  ASSERT_THAT(y, IsOk());
  EXPECT_EQ(device.status(0), kTierTruncated);
  EXPECT_EQ(device.status(1), kTierOk);
  const std::vector<float> expected = MultiplyByTwin(c.problem, c.weights);
  const size_t rows = kBlockWeights / 1024;
  EXPECT_TRUE(std::equal(y->begin() + rows, y->end(), expected.begin() + rows, SameBits));
}

// The device's bytes differ from those that the plan was made of: a wrong count, or other weights, but never a fault.
TEST(TierGemv, DamageAfterPlanningIsNeverAFault) {
  Random random(30);
  const Case c(NormalBf16(8192, random), 512, 1, random);
  const ArrangedGemvBlock good = Arrange(c.weights);
  size_t found = 0;
  for (int i = 0; i < 300; ++i) {
    ArrangedGemvBlock damaged = good;
    damaged.stream[random() % good.stream.size()] ^= 1 << random() % 8;
    Device device(c.problem);
    ASSERT_THAT(device.Add(damaged), IsOk());
    ASSERT_THAT(device.Multiply(i), IsOk());
    found += device.status(0) == kTierWrongCounts;
  }
  EXPECT_GT(found, 100);
}

TEST(TierGemv, ShapesThatTheKernelsCannotHoldAreRefused) {
  EXPECT_THAT(CheckGemvShape(10, 127), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckGemvShape(10, kGemvMaxInFeatures + 1), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckGemvShape(uint64_t{1} << 22, 1024), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(CheckGemvShape(1 << 20, 1024), IsOk());
}

// The kernels' row numbers, at the longest rows that are accepted and some others.
TEST(TierGemv, ReciprocalsAreExact) {
  for (uint32_t in_features : {128u, 129u, 1000u, 4096u, 12345u, kGemvMaxInFeatures - 1, kGemvMaxInFeatures}) {
    for (uint32_t distance = 0; distance < in_features + kGroupSymbols; ++distance) {
      ASSERT_EQ(uint64_t{distance} * ReciprocalOf(in_features) >> 32, distance / in_features);
    }
  }
}

}  // namespace
}  // namespace plait::gpu
