// The matrix product kernels on the host executor: bit by bit what their CPU twin gives for the decoded weights, in
// every order of warps and on every grid, for rows of many lengths; and the twin is close to a sum in double precision.
#include <bit>
#include <cmath>
#include <cstring>

#include "codec/base/status.h"
#include "gpu/cpu_gemv.h"
#include "gpu/executor_gemv.h"
#include "gpu/gemv.h"
#include "gpu/kernels/gemv_plan.h"
#include "gpu/kernels/gemv_twin.h"
#include "gpu/simt/executor.h"
#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

using simt::GlobalMemory;

// A matrix's image in the host's memory.
struct Image {
  std::vector<uint8_t> bytes;
  GemvPlan plan;
};

// `choice`: of every block, instead of the cheapest.
absl::StatusOr<Image> BuildImage(const GemvLayout& layout, std::span<const uint16_t> weights,
                                 const TierPlan* choice = nullptr) {
  std::vector<uint8_t> bytes;
  const auto sink = [&](uint64_t offset, std::span<const uint8_t> piece) {
    EXPECT_EQ(offset, bytes.size());
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return absl::OkStatus();
  };
  const auto choose = [&](const ByteHistogram& counts, size_t n) {
    return choice != nullptr ? *choice : PlanTier(counts, n, kGemvMaxLevels);
  };
  GemvImageBuilder builder(layout, sink, choose);
  for (size_t at = 0; at < weights.size(); at += 1000) {  // pieces that have nothing to do with rows
    PLAIT_RETURN_IF_ERROR(builder.Add(weights.subspan(at, std::min<size_t>(1000, weights.size() - at))));
  }
  PLAIT_ASSIGN_OR_RETURN(const GemvPlan plan, builder.Finish());
  return Image{std::move(bytes), plan};
}

// Results and status words of a product, and what it asked of the machine.
struct Product {
  std::vector<float> y;
  std::vector<uint32_t> status;
  simt::Counters counters;
  uint64_t loaded_bytes = 0;  // each sector once
};

constexpr simt::Grid kGrid{.thread_blocks = 2, .warps = 5};

absl::StatusOr<Product> Multiply(const Image& image, std::span<const uint16_t> x, uint32_t batch,
                                 const simt::Grid& grid) {
  GlobalMemory memory;
  const GemvPlan& plan = image.plan;
  const size_t num_results = size_t{plan.layout.rows()} * batch;
  auto* const scratch = memory.Allocate<uint8_t>("scratch", plan.scratch_bytes(batch));
  auto* const y = memory.Allocate<float>("y", num_results);
  auto* const status = memory.AllocateZeroed<uint32_t>("status", plan.status_words());
  const GemvBuffers buffers{.image = {memory.Upload<uint8_t>("image", image.bytes), image.bytes.size()},
                            .x = {memory.Upload<uint16_t>("x", x), x.size()},
                            .scratch = {scratch, plan.scratch_bytes(batch)},
                            .y = {y, num_results},
                            .status = {status, plan.status_words()}};
  ExecutorGemv executor(&memory, grid);
  PLAIT_RETURN_IF_ERROR(executor.Multiply(plan, batch, buffers));
  Product product{{y, y + num_results}, {status, status + plan.status_words()}, executor.counters()};
  product.loaded_bytes = memory.LoadedBytes(buffers.image.data()) + memory.LoadedBytes(buffers.x.data()) +
                         memory.LoadedBytes(buffers.scratch.data());
  return product;
}

// The same by the CPU twin.
absl::StatusOr<Product> MultiplyByCpu(const Image& image, std::span<const uint16_t> x, uint32_t batch) {
  std::vector<uint8_t> scratch(image.plan.scratch_bytes(batch));
  Product product{std::vector<float>(size_t{image.plan.layout.rows()} * batch),
                  std::vector<uint32_t>(image.plan.status_words()),
                  {}};
  PLAIT_RETURN_IF_ERROR(CpuGemv().Multiply(image.plan, batch, {image.bytes, x, scratch, product.y, product.status}));
  return product;
}

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

// By the definition of the layout, straight from the matrix: padding is 1.
std::vector<float> MultiplyByTwin(const GemvLayout& layout, std::span<const uint16_t> weights,
                                  std::span<const uint16_t> x, uint32_t batch) {
  std::vector<float> y(size_t{layout.rows()} * batch);
  GemvTwin twin(layout, x, batch, y);
  for (uint32_t window = 0; window < layout.windows(); ++window) {
    for (uint32_t group = 0; group < layout.window_groups(); ++group) {
      std::array<uint16_t, kGroupSymbols> own;
      for (uint32_t i = 0; i < kGroupSymbols; ++i) {
        const uint32_t at = group * kGroupSteps + i % kRunWeights / kLaneStepWeights;
        const GemvPlace place = PlaceInStep(i / kRunWeights, i % kLaneStepWeights);
        const size_t row = size_t{at} / layout.steps() * kStripRows + place.row;
        const size_t column = (size_t{window} * layout.steps() + at % layout.steps()) * kStepColumns + place.column;
        const bool exists = row < layout.rows() && column < layout.in_features();
        own[i] = exists ? weights[row * layout.in_features() + column] : uint16_t{0x3f80};
      }
      twin.Add(own);
    }
  }
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

// As many whole rows as there are weights for.
struct Case {
  std::vector<uint16_t> weights;
  std::vector<uint16_t> x;
  uint32_t batch;
  GemvLayout layout;

  Case(std::vector<uint16_t> all, uint32_t in_features, uint32_t vectors, Random& random)
      : weights(std::move(all)),
        x(Bf16s(WeightLikeBf16(in_features * vectors, random))),
        batch(vectors),
        layout(static_cast<uint32_t>(weights.size() / in_features), in_features) {
    weights.resize(size_t{layout.rows()} * in_features);
  }
  std::vector<float> ByTwin() const { return MultiplyByTwin(layout, weights, x, batch); }
};

void ExpectTwins(const Case& c, const simt::Grid& grid, const TierPlan* choice = nullptr) {
  const auto image = BuildImage(c.layout, c.weights, choice);
  ASSERT_THAT(image, IsOk());
  const auto product = Multiply(*image, c.x, c.batch, grid);
  ASSERT_THAT(product, IsOk());
  ASSERT_THAT(product->status, testing::Each(kTierOk));
  ASSERT_TRUE(std::ranges::equal(product->y, c.ByTwin(), SameBits));
  const auto by_cpu = MultiplyByCpu(*image, c.x, c.batch);
  ASSERT_THAT(by_cpu, IsOk());
  ASSERT_EQ(by_cpu->status, product->status);
  ASSERT_TRUE(std::ranges::equal(by_cpu->y, product->y, SameBits));
}

constexpr uint32_t kLengths[] = {1,   2,   17,   128,  255,  256,  257,  272,  300,  576,
                                 640, 960, 1000, 1024, 1536, 3000, 4096, 4100, 5120, 8200};

TEST(TierGemv, RowsOfEveryLengthAndBatchGiveTheTwinsBits) {
  Random random(21);
  for (uint32_t in_features : kLengths) {
    const size_t weights = std::min<size_t>(20000 + random() % 4096, size_t{in_features} * 100);
    for (uint32_t batch = 1; batch <= kGemvMaxBatch; ++batch) {
      SCOPED_TRACE(testing::Message() << in_features << " x " << batch);
      const Case c(NormalBf16(std::max<size_t>(weights, 2 * in_features), random), in_features, batch, random);
      ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, kGrid));
    }
  }
}

TEST(TierGemv, EveryNumberOfRows) {
  Random random(27);
  for (uint32_t rows = 1; rows <= 34; ++rows) {
    SCOPED_TRACE(rows);
    const Case c(NormalBf16(rows * 300, random), 300, 3, random);
    ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, kGrid));
  }
}

TEST(TierGemv, EveryGridAndOrderOfWarpsGivesTheSame) {
  Random random(22);
  for (uint32_t in_features : {1536, 1000}) {
    const Case c(NormalBf16(250000, random), in_features, 2, random);
    for (uint32_t warps : {1, 7, 24}) {
      ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, {.thread_blocks = 4 - warps / 8, .warps = warps, .seed = warps}));
    }
  }
}

TEST(TierGemv, MoreThanOneBlockWindowAndChunk) {
  Random random(23);
  for (uint32_t in_features : {576, 9000, 1008}) {
    const Case c(Bf16s(WeightLikeBf16(450000, random)), in_features, 1, random);
    ASSERT_GT(c.layout.blocks(), 3);
    ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, kGrid));
  }
}

// As large matrices have them, and others.
TEST(TierGemv, ChunksOfOtherLengths) {
  Random random(26);
  static_assert(GemvLayout(70000, 2048).chunk_groups() > GemvLayout(7000, 2048).chunk_groups());
  for (uint32_t chunk_groups : {1u, 5u, GemvLayout(70000, 2048).chunk_groups()}) {
    Case c(NormalBf16(450000, random), 560, 2, random);
    c.layout = GemvLayout(c.layout.rows(), 560, chunk_groups);
    ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, kGrid));
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
      if (input.raw.size() / 2 < 150) continue;
      SCOPED_TRACE(entry.name() + " " + input.name);
      for (uint32_t in_features : {128, 150}) {
        const Case c(Bf16s(input.raw), in_features, 1, random);
        ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, kGrid));
      }
      ++inputs;
    }
  }
  EXPECT_GT(inputs, 100);
}

TEST(TierGemv, EveryShapeAndTheFullestGroups) {
  Random random(25);
  for (int code = 0; code < 256; ++code) {
    const TierShape shape(static_cast<uint8_t>(code));
    if (!IsGemvShape(shape)) continue;
    SCOPED_TRACE(code);
    TierPlan plan{.shape = shape};  // knows only the symbol 0, so that everything escapes every level
    const Case worst(Bf16s(RandomBytes(2 * 6000, random)), 256, 1, random);
    ASSERT_NO_FATAL_FAILURE(ExpectTwins(worst, kGrid, &plan));
    for (size_t i = 0; i < shape.table_begin(shape.num_levels()); ++i) plan.table[i] = 110 + random() % 20;
    const Case some(Bf16s(WeightLikeBf16(6000, random)), 256, 1, random);
    ASSERT_NO_FATAL_FAILURE(ExpectTwins(some, kGrid, &plan));
  }
}

// An infinity or a NaN is in its row's result and in no other: not in those of rows whose steps share its group, nor
// where padding meets it, even if nearly all weights are such.
TEST(TierGemv, InfinitiesAndNaNsStayInTheirRows) {
  Random random(31);
  constexpr uint32_t kColumns = 300;
  for (uint32_t every : {1, 40}) {
    Case c(NormalBf16(50 * kColumns, random), kColumns, 2, random);
    for (uint32_t row = 0; row < c.layout.rows(); ++row) {
      for (uint32_t i = 0; i < kColumns; ++i) {
        if (row % 7 == 3 && i % every == 0) c.weights[row * kColumns + i] = i % 2 == 0 ? 0x7f80 : 0xffc0;
      }
    }
    ASSERT_NO_FATAL_FAILURE(ExpectTwins(c, kGrid));
    const std::vector<float> y = c.ByTwin();
    for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(std::isfinite(y[i]), i % c.layout.rows() % 7 != 3);
  }
  const Case all(std::vector<uint16_t>(20 * kColumns, 0x7f80), kColumns, 1, random);
  Case ones = all;
  ones.x.assign(kColumns, 0x3f80);
  const auto image = BuildImage(ones.layout, ones.weights);
  ASSERT_THAT(image, IsOk());
  const auto product = Multiply(*image, ones.x, 1, kGrid);
  ASSERT_THAT(product, IsOk());
  ASSERT_THAT(product->y, testing::Each(INFINITY));
}

TEST(TierGemv, TheTwinIsCloseToSumsInDouble) {
  Random random(28);
  for (uint32_t in_features : {200, 1536, 8192}) {
    const Case c(Bf16s(WeightLikeBf16(40000, random)), in_features, 2, random);
    const std::vector<float> y = c.ByTwin();
    const auto value = [](uint16_t bf16) { return double{std::bit_cast<float>(uint32_t{bf16} << 16)}; };
    for (size_t b = 0; b < 2; ++b) {
      for (size_t row = 0; row < c.layout.rows(); ++row) {
        double sum = 0;
        double size = 0;
        for (size_t i = 0; i < in_features; ++i) {
          const double product = value(c.weights[row * in_features + i]) * value(c.x[b * in_features + i]);
          sum += product;
          size += std::abs(product);
        }
        ASSERT_NEAR(y[b * c.layout.rows() + row], sum, size * 1e-5);
      }
    }
  }
}

// The device's bytes differ from those that the plan was made of: a wrong count, or other weights, but never a fault.
TEST(TierGemv, DamageAfterPlanningIsNeverAFault) {
  Random random(30);
  const Case c(NormalBf16(40 * 304, random), 304, 1, random);
  const auto good = BuildImage(c.layout, c.weights);
  ASSERT_THAT(good, IsOk());
  size_t found = 0;
  for (int i = 0; i < 300; ++i) {
    Image damaged = *good;
    damaged.bytes[random() % good->plan.blocks_at] ^= 1 << random() % 8;
    const auto product = Multiply(damaged, c.x, 1, kGrid);
    ASSERT_THAT(product, IsOk());
    found += product->status[0] == kTierWrongCounts;
    const auto by_cpu = MultiplyByCpu(damaged, c.x, 1);
    ASSERT_THAT(by_cpu, IsOk());
    ASSERT_EQ(by_cpu->status, product->status);
  }
  EXPECT_GT(found, 20);
}

TEST(TierGemv, AGroupWithWrongCountsDoesNoHarmToOthers) {
  Random random(29);
  const Case c(NormalBf16(64 * 4096, random), 4096, 2, random);  // a strip fills 16 groups
  auto image = BuildImage(c.layout, c.weights);
  ASSERT_THAT(image, IsOk());
  auto* const tasks = reinterpret_cast<GemvTask*>(image->bytes.data() + image->plan.tasks_at);
  tasks[33].counts[0] ^= 1;
  const auto product = Multiply(*image, c.x, 2, kGrid);
  ASSERT_THAT(product, IsOk());
  EXPECT_THAT(product->status, testing::ElementsAre(kTierOk, kTierWrongCounts));
  const std::vector<float> expected = c.ByTwin();
  for (size_t i = 0; i < expected.size(); ++i) {
    const size_t strip = i % c.layout.rows() / kStripRows;
    ASSERT_EQ(SameBits(product->y[i], expected[i]), strip != 2) << i;
  }
}

TEST(TierGemv, ShapesThatTheKernelsCannotHoldAreRefused) {
  EXPECT_THAT(CheckGemvShape(0, 127), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckGemvShape(10, 0), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckGemvShape(uint64_t{1} << 22, 1024), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(CheckGemvShape((1 << 24) - 15, 256), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(CheckGemvShape(uint64_t{1} << 40, 1), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(CheckGemvShape(1, uint64_t{1} << 40), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(CheckGemvShape((1 << 24) - 16, 256), IsOk());
  EXPECT_THAT(CheckGemvShape(1, 1), IsOk());
}

TEST(TierGemv, KeepsItsBudget) {
  Random random(32);
  constexpr double kUnitWeights = 2048;
  for (uint32_t batch : {1, 4}) {
    const Case c(NormalBf16(512 * 4096, random), 4096, batch, random);
    const auto image = BuildImage(c.layout, c.weights);
    ASSERT_THAT(image, IsOk());
    const auto product = Multiply(*image, c.x, batch, {.thread_blocks = 1, .warps = 12});
    ASSERT_THAT(product, IsOk());
    const double units = static_cast<double>(c.weights.size()) / kUnitWeights;
    EXPECT_LE(static_cast<double>(product->counters.pipe_wavefronts()) / units, 160);
    EXPECT_EQ(product->counters.mmas * kUnitWeights, 8 * c.weights.size());
    const double stored_bytes = static_cast<double>(product->counters.global_stores.sectors) * 32;
    const double bytes = static_cast<double>(product->loaded_bytes) + stored_bytes;
    EXPECT_LE(bytes, static_cast<double>(image->plan.blocks_at) * 1.02);
  }
}

TEST(TierGemv, BuffersThatAreTooSmallAreRefused) {
  Random random(33);
  const Case c(NormalBf16(40 * 400, random), 400, 2, random);  // chunks cut strips
  const auto image = BuildImage(c.layout, c.weights);
  ASSERT_THAT(image, IsOk());
  std::vector<uint8_t> scratch(image->plan.scratch_bytes(2));
  std::vector<float> y(size_t{c.layout.rows()} * 2);
  std::vector<uint32_t> status(image->plan.status_words());
  ASSERT_GT(scratch.size(), 0);
  const GemvBuffers good{image->bytes, c.x, scratch, y, status};
  const auto multiply = [&](uint32_t batch, const std::function<void(GemvBuffers&)>& change) {
    GemvBuffers buffers = good;
    change(buffers);
    return CpuGemv().Multiply(image->plan, batch, buffers);
  };
  const auto is_refused = StatusIs(absl::StatusCode::kInvalidArgument);
  const auto as_they_are = [](GemvBuffers&) {};
  EXPECT_THAT(multiply(2, as_they_are), IsOk());
  EXPECT_THAT(multiply(0, as_they_are), is_refused);
  EXPECT_THAT(multiply(3, as_they_are), is_refused);
  EXPECT_THAT(multiply(kGemvMaxBatch + 1, as_they_are), is_refused);
  EXPECT_THAT(multiply(2, [](GemvBuffers& b) { b.image = b.image.first(b.image.size() - 1); }), is_refused);
  EXPECT_THAT(multiply(2, [](GemvBuffers& b) { b.x = b.x.first(b.x.size() - 1); }), is_refused);
  EXPECT_THAT(multiply(1, [](GemvBuffers& b) { b.x = b.x.subspan(1); }), is_refused);
  EXPECT_THAT(multiply(2, [](GemvBuffers& b) { b.scratch = b.scratch.first(b.scratch.size() - 1); }), is_refused);
  EXPECT_THAT(multiply(2, [](GemvBuffers& b) { b.y = b.y.first(b.y.size() - 1); }), is_refused);
  EXPECT_THAT(multiply(2, [](GemvBuffers& b) { b.status = {}; }), is_refused);
}

TEST(TierGemv, AsManyWarpsAsSharedMemoryHolds) {
  const GemvPlan plan{
      .layout = GemvLayout(4096, 4096), .image_bytes = 0, .blocks_at = 0, .tasks_at = 0, .chunks_at = 0};
  const GemvBuffers none;
  const auto most = [&](uint32_t batch, uint32_t kib) { return GemvLaunches{&plan, batch, &none}.MaxWarps(kib << 10); };
  EXPECT_EQ(most(1, 227), 24);
  EXPECT_EQ(most(4, 227), 24);
  EXPECT_EQ(most(1, 163), 24);
  EXPECT_EQ(most(4, 163), 18);
  EXPECT_EQ(most(1, 99), 11);
  EXPECT_EQ(most(4, 99), 5);
  EXPECT_EQ(most(1, 48), 0);
}

TEST(TierGemv, WeightsThatAreMissingOrTooManyAreRefused) {
  const GemvLayout layout(20, 100);
  EXPECT_THAT(BuildImage(layout, std::vector<uint16_t>(1999)), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(BuildImage(layout, std::vector<uint16_t>(2001)), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(BuildImage(layout, std::vector<uint16_t>(2000)), IsOk());
}

// The kernels' strip numbers inside a chunk.
TEST(TierGemv, ReciprocalsAreExact) {
  for (uint32_t steps = 16; steps <= 256; ++steps) {
    for (uint32_t distance = 0; distance < steps + 96 * kGroupSteps; ++distance) {
      ASSERT_EQ(uint64_t{distance} * ReciprocalOf(steps) >> 32, distance / steps);
    }
  }
}

}  // namespace
}  // namespace plait::gpu
