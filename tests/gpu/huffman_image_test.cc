// DFloat11 streams as blocks of an image, on every target: the bytes that the CPU's own reader gives, a checkpoint of
// DFloat11's own encoder included; a status word for what is wrong; other blocks not affected.
#include <fstream>
#include <iterator>

#include "codec/base/endian.h"
#include "codec/huffman/huffman.h"
#include "codec/tier/tier.h"
#include "codec/transform/planes.h"
#include "formats/dfloat11/dfloat11_modules.h"
#include "formats/safetensors/safetensors_header.h"
#include "gpu/loader/dfloat11_loader.h"
#include "gpu/loader/image_loader.h"
#include "tests/gpu/decode_target.h"
#include "tests/gpu/decoded.h"
#include "tests/registry/registry.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

// Weights, and the stream that is made of them.
struct Module {
  std::vector<uint8_t> raw;
  HuffmanStream stream;
  std::vector<uint8_t> sign_mantissas;

  HuffmanParts parts() const {
    return {stream.luts, stream.codes, stream.gaps, stream.output_positions, sign_mantissas};
  }
};

Module Make(std::vector<uint8_t> raw) {
  const size_t n = raw.size() / 2;
  std::vector<uint8_t> exponents(n), rest(n);
  SplitPlanes(PlaneKind::kBf16, raw, {exponents, rest});
  return {std::move(raw), EncodeHuffman(exponents).value(), std::move(rest)};
}

Module MakeWeights(size_t n) {
  Random random(n);
  return Make(WeightLikeBf16(n, random));
}

std::vector<uint8_t> ReadGolden(const std::string& name) {
  std::ifstream file(PLAIT_SOURCE_DIR "/tests/golden/dfloat11/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Image {
  DecodePlan plan;
  std::vector<uint8_t> bytes;
};

std::vector<DFloat11Weights> Describe(const std::vector<Module>& modules) {
  std::vector<DFloat11Weights> described;
  for (const Module& module : modules) described.push_back({absl::StrCat("m", described.size()), module.parts()});
  return described;
}

absl::StatusOr<Image> Load(std::span<const DFloat11Weights> modules, const DFloat11LoadOptions& options = {}) {
  std::vector<uint8_t> bytes(MaxDFloat11ImageBytes(modules));
  absl::StatusOr<DecodePlan> plan = LoadDFloat11Image(modules, options, SinkTo(bytes));
  if (!plan.ok()) return plan.status();
  bytes.resize(plan->image_bytes());
  return Image{*std::move(plan), std::move(bytes)};
}

std::span<const uint8_t> OutputOf(const Decoded& decoded, const DecodePlan& plan, uint32_t block, uint32_t first = 0) {
  return std::span(decoded.output).subspan(plan.output_offset(block, first), plan.block_bytes(block));
}

class HuffmanImageTest : public testing::TestWithParam<DecodeTargetEntry> {
 protected:
  Decoded DecodeAll(const DecodePlan& plan, std::span<const uint8_t> image, uint64_t seed = 1) const {
    return DecodeRun(plan, image, plan.all_blocks(), seed);
  }
  Decoded DecodeRun(const DecodePlan& plan, std::span<const uint8_t> image, BlockRun run, uint64_t seed = 1) const {
    const auto target = GetParam().make(seed);
    absl::StatusOr<Decoded> decoded = Decode(*target, plan, image, run);
    EXPECT_THAT(decoded, IsOk());
    return *std::move(decoded);
  }
};

INSTANTIATE_TEST_SUITE_P(Targets, HuffmanImageTest, testing::ValuesIn(DecodeTargets().begin(), DecodeTargets().end()),
                         [](const auto& target) { return target.param.name; });

TEST_P(HuffmanImageTest, EveryBf16InputOfTheRegistryComesOutAsItWentIn) {
  std::vector<Module> modules;
  for (const CodecEntry& entry : CodecRegistry()) {
    if (entry.id != CodecId::kTier || entry.kind != PlaneKind::kBf16) continue;
    std::vector<Input> inputs = entry.edge_inputs();
    inputs.push_back(entry.generate(3, 40000));
    for (Input& input : inputs) {
      input.raw.resize(input.raw.size() / 2 * 2);
      std::vector<uint8_t> exponents(input.raw.size() / 2), rest(exponents.size());
      SplitPlanes(PlaneKind::kBf16, input.raw, {exponents, rest});
      if (EncodeHuffman(exponents).ok()) modules.push_back(Make(input.raw));
    }
  }
  ASSERT_GT(modules.size(), 10);
  const auto image = Load(Describe(modules));
  ASSERT_THAT(image, IsOk());
  const Decoded decoded = DecodeAll(image->plan, image->bytes);
  for (uint32_t m = 0; m < modules.size(); ++m) {
    EXPECT_EQ(decoded.status[m], kTierOk) << m;
    EXPECT_TRUE(std::ranges::equal(OutputOf(decoded, image->plan, m), modules[m].raw)) << m;
  }
}

TEST_P(HuffmanImageTest, AnyRunIsDecodedAloneAndBesideBlocksOfOtherKernels) {
  const std::vector<Module> modules = {MakeWeights(30000), MakeWeights(777)};
  const std::vector<uint8_t> plain(1000, 9);
  const Module tier = MakeWeights(5000);
  std::vector<uint8_t> exponents(5000), stream(TierMaxBytes(5000));
  std::vector<uint8_t> rest(5000);
  SplitPlanes(PlaneKind::kBf16, tier.raw, {exponents, rest});
  stream.resize(TierEncode(exponents, PlanTier(CountBytes(exponents), 5000), stream));
  std::vector<uint8_t> bytes;
  ImageBuilder builder([&](uint64_t, std::span<const uint8_t> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return absl::OkStatus();
  });
  builder.BeginTensor("huffman");
  ASSERT_THAT(builder.AddHuffman(modules[0].parts()), IsOk());
  builder.BeginTensor("tier");
  ASSERT_THAT(builder.AddTier(PlaneKind::kBf16, stream, tier.sign_mantissas, 5000), IsOk());
  builder.BeginTensor("plain");
  ASSERT_THAT(builder.AddPlain(plain), IsOk());
  builder.BeginTensor("more huffman");
  ASSERT_THAT(builder.AddHuffman(modules[1].parts()), IsOk());
  const auto plan = builder.Finish();
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->image_bytes(), bytes.size());
  const std::span<const uint8_t> raw[] = {modules[0].raw, tier.raw, plain, modules[1].raw};
  for (const BlockRun run : {BlockRun{0, 4}, BlockRun{0, 1}, BlockRun{1, 3}, BlockRun{3, 1}, BlockRun{2, 1}}) {
    const Decoded decoded = DecodeRun(*plan, bytes, run, run.first + run.count);
    for (uint32_t block = 0; block < 4; ++block) {
      if (block < run.first || block >= run.first + run.count) {
        EXPECT_EQ(decoded.status[block], kUntouched * 0x01010101u);
        continue;
      }
      EXPECT_EQ(decoded.status[block], kTierOk);
      EXPECT_TRUE(std::ranges::equal(OutputOf(decoded, *plan, block, run.first), raw[block])) << block;
    }
  }
}

// Flips of codes and gaps in the image, which no plan looks at: a status word on every target or on none, and where
// there is none the same elements; the other module's come out.
TEST_P(HuffmanImageTest, FlippedCodesAndGapsGiveAStatusWordOrWhatTheCpuMakesOfThem) {
  const std::vector<Module> modules = {MakeWeights(15000), MakeWeights(500)};
  const auto image = Load(Describe(modules));
  ASSERT_THAT(image, IsOk());
  const auto gaps_at = std::ranges::search(image->bytes, modules[0].stream.gaps).begin() - image->bytes.begin();
  Random random(4);
  int wrong = 0;
  for (int i = 0; i < 40; ++i) {
    std::vector<uint8_t> flipped = image->bytes;
    const bool in_gaps = i % 4 == 0;
    const size_t part_bytes = in_gaps ? modules[0].stream.gaps.size() : modules[0].stream.codes.size();
    flipped[(in_gaps ? gaps_at : 0) + random() % part_bytes] ^= 1 << random() % 8;
    const Decoded decoded = DecodeAll(image->plan, flipped, i);
    const auto cpu = MakeCpuTarget();
    const auto expected = Decode(*cpu, image->plan, flipped, image->plan.all_blocks());
    ASSERT_THAT(expected, IsOk());
    EXPECT_EQ(decoded.status[0] == kTierOk, expected->status[0] == kTierOk);
    if (decoded.status[0] == kTierOk) {
      EXPECT_EQ(decoded.output, expected->output);
    }
    EXPECT_EQ(decoded.status[1], kTierOk);
    EXPECT_TRUE(std::ranges::equal(OutputOf(decoded, image->plan, 1), modules[1].raw));
    wrong += decoded.status[0] != kTierOk;
  }
  EXPECT_GT(wrong, 10);
}

TEST_P(HuffmanImageTest, DamagedModulesThatAreKeptGetAStatusWordAndTheOthersTheirElements) {
  std::vector<Module> modules = {MakeWeights(900), MakeWeights(901), MakeWeights(902)};
  modules[0].stream.gaps.pop_back();
  modules[1].stream.output_positions[0] = 1;
  EXPECT_THAT(Load(Describe(modules)), StatusIs(absl::StatusCode::kOutOfRange));
  const auto image = Load(Describe(modules), {.keep_damaged = true});
  ASSERT_THAT(image, IsOk());
  const Decoded decoded = DecodeAll(image->plan, image->bytes);
  EXPECT_THAT(decoded.status, testing::ElementsAre(kTierTruncated, kTierCorrupt, kTierOk));
  EXPECT_EQ(decoded.output[0], kUntouched);
  EXPECT_TRUE(std::ranges::equal(OutputOf(decoded, image->plan, 2), modules[2].raw));
}

// The checkpoint that DFloat11's own encoder has made, from its file to elements.
TEST_P(HuffmanImageTest, ACheckpointOfDFloat11GivesItsWeights) {
  const std::vector<uint8_t> file = ReadGolden("checkpoint/model.safetensors");
  const MemorySource source(file);
  const auto header = ParseSafetensorsHeader(ReadSafetensorsHeader(source).value(), file.size()).value();
  const auto config = ParseDFloat11Config(ReadGolden("checkpoint/config.json")).value();
  const auto layout = FindDFloat11Modules(header.tensors, config).value();
  std::vector<DFloat11Weights> modules;
  for (const DFloat11Module& module : layout.modules) {
    const auto part = [&](DFloat11Part which) {
      const TensorInfo& tensor = header.tensors[module.part(which)];
      return std::span(file).subspan(header.header_bytes + tensor.begin, tensor.bytes());
    };
    modules.push_back({module.name,
                       {.luts = part(DFloat11Part::kLuts),
                        .codes = part(DFloat11Part::kEncodedExponent),
                        .gaps = part(DFloat11Part::kGaps),
                        .output_positions = part(DFloat11Part::kOutputPositions),
                        .sign_mantissas = part(DFloat11Part::kSignMantissa)}});
  }
  const auto image = Load(modules);
  ASSERT_THAT(image, IsOk());
  const Decoded decoded = DecodeAll(image->plan, image->bytes);
  const std::vector<uint8_t> original = ReadGolden("weights.safetensors");
  const MemorySource original_source(original);
  const auto weights = ParseSafetensorsHeader(ReadSafetensorsHeader(original_source).value(), original.size()).value();
  size_t compared = 0;
  for (uint32_t m = 0; m < layout.modules.size(); ++m) {
    EXPECT_EQ(decoded.status[m], kTierOk);
    auto rest = OutputOf(decoded, image->plan, m);
    for (const std::string& name : layout.modules[m].weights) {
      const auto found = std::ranges::find(weights.tensors, name, &TensorInfo::name);
      ASSERT_NE(found, weights.tensors.end()) << name;
      const auto raw = std::span(original).subspan(weights.header_bytes + found->begin, found->bytes());
      ASSERT_LE(raw.size(), rest.size());
      EXPECT_TRUE(std::ranges::equal(rest.first(raw.size()), raw)) << name;
      rest = rest.subspan(raw.size());
      ++compared;
    }
    EXPECT_TRUE(rest.empty());
  }
  EXPECT_GT(compared, 2);
}

TEST(DFloat11Loader, TheBoundOfAnImageHoldsAndIsNear) {
  const std::vector<Module> modules = {MakeWeights(30000), MakeWeights(1)};
  const auto image = Load(Describe(modules));
  ASSERT_THAT(image, IsOk());
  EXPECT_LE(image->plan.image_bytes(), MaxDFloat11ImageBytes(Describe(modules)));
  EXPECT_GE(image->plan.image_bytes() + 500, MaxDFloat11ImageBytes(Describe(modules)));
}

TEST(DFloat11Loader, WhatTheSinkReturnsEndsTheLoadEvenWhereDamageWouldNot) {
  const std::vector<Module> modules = {MakeWeights(900)};
  const auto fails = [](uint64_t, std::span<const uint8_t>) { return absl::DataLossError("upload"); };
  const auto plan = LoadDFloat11Image(Describe(modules), {.keep_damaged = true}, fails);
  EXPECT_THAT(plan, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(plan.status().message(), "module m0: upload");
}

TEST(DFloat11Loader, CodesOfOneBitAreRefused) {
  Module module = MakeWeights(kHuffmanBlockBits);
  module.stream.luts.assign(2 * kHuffmanRowBytes, 0);
  std::fill_n(module.stream.luts.begin(), 128, uint8_t{1});
  std::fill_n(module.stream.luts.begin() + 128, 128, uint8_t{2});
  module.stream.luts[kHuffmanRowBytes + 1] = module.stream.luts[kHuffmanRowBytes + 2] = 1;
  module.stream.codes.assign(kHuffmanBlockBytes, 0);
  module.stream.gaps.assign(kHuffmanBlockGapBytes, 0);
  module.stream.output_positions.assign(8, 0);
  StoreLe(static_cast<uint32_t>(kHuffmanBlockBits), &module.stream.output_positions[4]);
  EXPECT_THAT(Load(Describe({module}), {.keep_damaged = true}), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace plait::gpu
