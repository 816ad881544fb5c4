// DFloat11 checkpoints: patterns, configurations, modules, and a checkpoint that DFloat11's own encoder made
// (tests/golden/dfloat11, by bench/dfloat11/make_fixture.py).
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "codec/base/endian.h"
#include "formats/dfloat11/dfloat11_config.h"
#include "formats/dfloat11/dfloat11_modules.h"
#include "formats/dfloat11/module_pattern.h"
#include "tests/registry/files.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"
#include "tools/pipeline/dfloat11_export.h"
#include "tools/pipeline/dfloat11_import.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(PLAIT_SOURCE_DIR) / "tests" / "golden" / "dfloat11";

// ---- Patterns ----

struct Fit {
  const char* pattern;
  const char* name;
  bool fits;
};

constexpr Fit kFits[] = {
    {"lm_head", "lm_head", true},
    {"lm_head", "lm_heads", false},
    {"lm_head", "a.lm_head", false},
    {"model\\.layers\\.\\d+", "model.layers.17", true},
    {"model\\.layers\\.\\d+", "model.layers.", false},
    {"model\\.layers\\.\\d+", "model.layers.1x", false},
    {"model\\.layers\\.\\d+", "modelxlayers.1", false},
    {"model.layers.\\d*", "modelxlayers.", true},
    {"(a|bc)*d", "abcad", true},
    {"(a|bc)*d", "abad", false},
    {"(?:a|bc)?d", "bcd", true},
    {"(?:a|bc)?d", "d", true},
    {"(?:a|bc)?d", "bcbcd", false},
    {"[a-c_]+[^.]", "ab_cz", true},
    {"[a-c_]+[^.]", "ab.", false},
    {"[.\\d]+", "1.2", true},
    {"\\w+", "Az_09", true},
    {"\\w+", "a-b", false},
    {"", "", true},
    {"a|", "", true},
};

TEST(ModulePattern, FitsAsPythonSays) {
  for (const Fit& fit : kFits) {
    EXPECT_EQ(ModulePattern::Parse(fit.pattern)->Matches(fit.name), fit.fits) << fit.pattern << " " << fit.name;
  }
}

TEST(ModulePattern, WhatIsNotUnderstoodIsUnimplemented) {
  for (const char* pattern : {"a{2}", "^a", "a$", "(a", "a)", "*a", "a**", "[a", "[b-a]", "[]", "\\s", "\\", "(?=a)",
                              "(?P<n>a)", "\xc3\xa4"}) {
    EXPECT_THAT(ModulePattern::Parse(pattern), StatusIs(absl::StatusCode::kUnimplemented)) << pattern;
  }
  EXPECT_THAT(ModulePattern::Parse(std::string(1025, 'a')), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(ModulePattern::Parse(std::string(100, '(')), StatusIs(absl::StatusCode::kUnimplemented));
}

// A matcher that tries one way after the other would not come back.
TEST(ModulePattern, NestedRepetitionsEnd) {
  EXPECT_FALSE(ModulePattern::Parse("((((a*)*)*)*)*b")->Matches(std::string(500, 'a')));
  EXPECT_FALSE(ModulePattern::Parse("(a|a|aa)+b")->Matches(std::string(500, 'a')));
}

TEST(ModulePattern, EscapedTextFitsItselfAlone) {
  const std::string name = "a.b-c_d(1)[2]";
  const ModulePattern pattern = ModulePattern::Parse(ModulePattern::Escaped(name)).value();
  EXPECT_TRUE(pattern.Matches(name));
  EXPECT_FALSE(pattern.Matches("axb-c_d(1)[2]"));
}

// ---- config.json ----

std::string ConfigWith(const std::string& entry) {
  return R"({"hidden_size": 64, "dfloat11_config": {"version": "0.5.0", "threads_per_block": [512], )" + entry + "}}";
}

TEST(ParseDFloat11Config, ReadsWhatThePackageWrites) {
  const DFloat11Config config =
      ParseDFloat11Config(
          AsBytes(ConfigWith(R"("bytes_per_thread": 8, "pattern_dict": {"b\\.\\d+": ["x", "y"], "a": []})")))
          .value();
  ASSERT_EQ(config.patterns.size(), 2);
  EXPECT_EQ(config.patterns[0].expression, "b\\.\\d+") << "in the order of the file";
  EXPECT_THAT(config.patterns[0].attributes, testing::ElementsAre("x", "y"));
  EXPECT_EQ(config.hidden_size, 64);
}

TEST(ParseDFloat11Config, WrongFieldsHaveTheirStatus) {
  const std::pair<std::string, absl::StatusCode> wrong[] = {
      {"", absl::StatusCode::kDataLoss},
      {"[1]", absl::StatusCode::kDataLoss},
      {"{\"a\": ", absl::StatusCode::kDataLoss},
      {"{}", absl::StatusCode::kFailedPrecondition},
      {R"({"dfloat11_config": 3})", absl::StatusCode::kDataLoss},
      {ConfigWith(R"("bytes_per_thread": 4, "pattern_dict": {})"), absl::StatusCode::kUnimplemented},
      {ConfigWith(R"("pattern_dict": {})"), absl::StatusCode::kUnimplemented},
      {ConfigWith(R"("bytes_per_thread": 8)"), absl::StatusCode::kDataLoss},
      {ConfigWith(R"("bytes_per_thread": 8, "pattern_dict": [])"), absl::StatusCode::kDataLoss},
      {ConfigWith(R"("bytes_per_thread": 8, "pattern_dict": {"a": "b"})"), absl::StatusCode::kDataLoss},
      {ConfigWith(R"("bytes_per_thread": 8, "pattern_dict": {"a": [1]})"), absl::StatusCode::kDataLoss},
      {ConfigWith(R"("bytes_per_thread": 8, "pattern_dict": {"a{2}": []})"), absl::StatusCode::kUnimplemented},
      {ConfigWith(R"("bytes_per_thread": 8, "pattern_dict": {}, "plait_shapes": {"a": [-1]})"),
       absl::StatusCode::kDataLoss},
  };
  for (const auto& [json, code] : wrong) EXPECT_THAT(ParseDFloat11Config(AsBytes(json)), StatusIs(code)) << json;
}

TEST(MakeDFloat11ConfigJson, KeepsTheModelsOwnAndReplacesTheEntry) {
  DFloat11Config config;
  config.patterns = {{"z", {}}, {"a\\.\\d+", {"x"}}};
  config.shapes = {{"z.weight", {3, 4}}};
  const std::string first = MakeDFloat11ConfigJson(R"({"hidden_size": 7, "name": "m"})", config).value();
  config.patterns.pop_back();
  const std::string second = MakeDFloat11ConfigJson(first, config).value();
  EXPECT_THAT(second, testing::HasSubstr("\"name\": \"m\""));
  const DFloat11Config read = ParseDFloat11Config(AsBytes(second)).value();
  ASSERT_EQ(read.patterns.size(), 1);
  EXPECT_EQ(read.patterns[0].expression, "z");
  EXPECT_EQ(read.shapes, config.shapes);
  EXPECT_EQ(read.hidden_size, 7);
  EXPECT_THAT(MakeDFloat11ConfigJson("[]", config), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ParsePatternOption, ReadsExpressionAndAttributes) {
  EXPECT_THAT(ParsePatternOption("a\\.\\d+=x.y,z")->attributes, testing::ElementsAre("x.y", "z"));
  EXPECT_TRUE(ParsePatternOption("lm_head")->attributes.empty());
  for (const char* wrong : {"", "=a", "a=", "a=x,,y"}) {
    EXPECT_THAT(ParsePatternOption(wrong), StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
  }
}

TEST(DFloat11WeightShape, IsWhatTheConfigKnowsOrTheNameSays) {
  DFloat11Config config;
  config.shapes = {{"x.q_proj.weight", {3, 4}}};
  EXPECT_THAT(*DFloat11WeightShape(config, "x.q_proj.weight", 12), testing::ElementsAre(3, 4));
  EXPECT_THAT(DFloat11WeightShape(config, "x.q_proj.weight", 13), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(DFloat11WeightShape(config, "y.q_proj.weight", 12), StatusIs(absl::StatusCode::kInvalidArgument));
  config.hidden_size = 6;
  EXPECT_THAT(*DFloat11WeightShape(config, "y.q_proj.weight", 12), testing::ElementsAre(2, 6));
  EXPECT_THAT(*DFloat11WeightShape(config, "y.down_proj.weight", 12), testing::ElementsAre(6, 2));
  EXPECT_THAT(*DFloat11WeightShape(config, "lm_head.weight", 60), testing::ElementsAre(10, 6));
  EXPECT_THAT(DFloat11WeightShape(config, "y.q_proj.weight", 13), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(DFloat11WeightShape(config, "y.other.weight", 12), StatusIs(absl::StatusCode::kInvalidArgument));
}

// ---- Modules ----

TensorInfo Tensor(std::string name, Dtype dtype, std::vector<uint64_t> shape) {
  uint64_t bits = GetDtypeInfo(dtype).bits;
  for (uint64_t dimension : shape) bits *= dimension;
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .begin = 0, .end = bits / 8};
}

std::vector<TensorInfo> CodedModule() {
  return {Tensor("m.encoded_exponent", Dtype::kU8, {9}), Tensor("m.gaps", Dtype::kU8, {320}),
          Tensor("m.luts", Dtype::kU8, {2, 256}),        Tensor("m.output_positions", Dtype::kU8, {8}),
          Tensor("m.sign_mantissa", Dtype::kU8, {20}),   Tensor("m.split_positions", Dtype::kI64, {1}),
          Tensor("m.norm.weight", Dtype::kBf16, {4})};
}

const DFloat11Config kTwoWeights = {.patterns = {{"x", {}}, {"m", {"a", "b"}}}, .shapes = {}, .hidden_size = {}};

TEST(FindDFloat11Modules, FindsModulesAndLeavesTheOthers) {
  const DFloat11Layout layout = FindDFloat11Modules(CodedModule(), kTwoWeights).value();
  ASSERT_EQ(layout.modules.size(), 1);
  EXPECT_THAT(layout.modules[0].weights, testing::ElementsAre("m.a.weight", "m.b.weight"));
  EXPECT_EQ(layout.modules[0].part(DFloat11Part::kSignMantissa), 4);
  EXPECT_THAT(layout.others, testing::ElementsAre(6));
}

TEST(FindDFloat11Modules, AMissingOrWrongPartIsDataLoss) {
  for (size_t part = 1; part < kDFloat11PartNames.size(); ++part) {
    std::vector<TensorInfo> tensors = CodedModule();
    tensors[part].dtype = Dtype::kI32;
    EXPECT_THAT(FindDFloat11Modules(tensors, kTwoWeights), StatusIs(absl::StatusCode::kDataLoss)) << part;
    tensors = CodedModule();
    tensors[part].shape = {1, 2, 3};
    EXPECT_THAT(FindDFloat11Modules(tensors, kTwoWeights), StatusIs(absl::StatusCode::kDataLoss)) << part;
    tensors.erase(tensors.begin() + static_cast<ptrdiff_t>(part));
    EXPECT_THAT(FindDFloat11Modules(tensors, kTwoWeights), StatusIs(absl::StatusCode::kDataLoss)) << part;
  }
}

TEST(FindDFloat11Modules, AnotherNumberOfWeightsIsDataLoss) {
  std::vector<TensorInfo> tensors = CodedModule();
  tensors[5].shape = {2};
  EXPECT_THAT(FindDFloat11Modules(tensors, kTwoWeights), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(FindDFloat11Modules, AModuleWithoutAPatternIsInvalid) {
  EXPECT_THAT(FindDFloat11Modules(CodedModule(), {.patterns = {{"n", {}}}, .shapes = {}, .hidden_size = {}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ParseSplitPositions, MustRiseToTheEnd) {
  std::vector<uint8_t> bytes(16);
  StoreLe(uint64_t{3}, bytes.data());
  StoreLe(uint64_t{5}, bytes.data() + 8);
  EXPECT_THAT(*ParseSplitPositions(bytes, 9), testing::ElementsAre(3, 5, 9));
  EXPECT_THAT(ParseSplitPositions(bytes, 4), StatusIs(absl::StatusCode::kDataLoss));
  StoreLe(uint64_t{2}, bytes.data() + 8);
  EXPECT_THAT(ParseSplitPositions(bytes, 9), StatusIs(absl::StatusCode::kDataLoss));
}

std::vector<TensorInfo> Model() {
  return {Tensor("layers.0.up.weight", Dtype::kBf16, {4, 6}),   Tensor("layers.0.down.weight", Dtype::kBf16, {6, 4}),
          Tensor("layers.0.norm.weight", Dtype::kBf16, {4}),    Tensor("layers.1.up.weight", Dtype::kBf16, {4, 6}),
          Tensor("layers.1.down.weight", Dtype::kBf16, {6, 4}), Tensor("embed.weight", Dtype::kBf16, {9, 4}),
          Tensor("extra.weight", Dtype::kF32, {9, 4})};
}

TEST(DefaultDFloat11Patterns, AreBlocksAndOtherMatrices) {
  std::vector<TensorInfo> model = Model();
  std::vector<DFloat11Pattern> patterns = DefaultDFloat11Patterns(model);
  ASSERT_EQ(patterns.size(), 1) << "without lm_head the embedding may be tied to it";
  EXPECT_EQ(patterns[0].expression, "layers\\.\\d+");
  EXPECT_THAT(patterns[0].attributes, testing::ElementsAre("down", "up"));
  model.push_back(Tensor("lm_head.weight", Dtype::kBf16, {9, 4}));
  model.push_back(Tensor("layers.2.up.weight", Dtype::kBf16, {4, 6}));
  patterns = DefaultDFloat11Patterns(model);
  ASSERT_EQ(patterns.size(), 4);
  EXPECT_EQ(patterns[0].expression, "layers\\.(0|1)");
  EXPECT_EQ(patterns[1].expression, "layers\\.(2)");
  EXPECT_EQ(patterns[2].expression, "embed");
  EXPECT_EQ(patterns[3].expression, "lm_head");
  const DFloat11ExportPlan plan = PlanDFloat11Export(model, patterns).value();
  EXPECT_EQ(plan.modules.size(), 5);
  EXPECT_THAT(plan.others, testing::ElementsAre(2, 6));
}

TEST(PlanDFloat11Export, WhatDoesNotFitIsRefusedByName) {
  const std::pair<std::vector<DFloat11Pattern>, absl::StatusCode> wrong[] = {
      {{{"nothing", {}}}, absl::StatusCode::kInvalidArgument},
      {{{"layers\\.\\d+", {"sideways"}}}, absl::StatusCode::kInvalidArgument},
      {{{"layers\\.\\d+", {"up"}}, {"layers\\.0", {"up"}}}, absl::StatusCode::kInvalidArgument},
      {{{"layers\\.\\d+", {"up", "norm"}}}, absl::StatusCode::kUnimplemented},
      {{{"layers\\.0\\.norm", {}}}, absl::StatusCode::kUnimplemented},
      {{{"extra", {}}}, absl::StatusCode::kUnimplemented},
  };
  for (const auto& [patterns, code] : wrong) {
    EXPECT_THAT(PlanDFloat11Export(Model(), patterns), StatusIs(code)) << patterns[0].expression;
  }
}

// ---- Whole checkpoints ----

std::vector<uint8_t> ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Checkpoint : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Write(const std::string& name, std::span<const uint8_t> bytes) {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
    return path;
  }

  static DFloat11Config ReadConfig() {
    return ParseDFloat11Config(ReadFile(kGolden / "checkpoint/config.json")).value();
  }

  // What the checkpoint in `path` holds, with the shapes of the model in `shapes`.
  static absl::StatusOr<std::vector<uint8_t>> Import(const std::string& path, const TensorFiles& shapes) {
    DFloat11Config config = ReadConfig();
    for (const TensorInfo& tensor : shapes.tensors()) config.shapes[tensor.name] = tensor.shape;
    const TensorFiles files = TensorFiles::Open(path).value();
    const absl::StatusOr<DFloat11Layout> layout = FindDFloat11Modules(files.tensors(), config);
    if (!layout.ok()) return layout.status();
    MemorySink sink;
    Progress progress;
    const absl::Status status = ImportDFloat11(files, *layout, config, 2, sink, progress);
    if (!status.ok()) return status;
    return sink.bytes();
  }

  static absl::StatusOr<std::vector<uint8_t>> Export(const TensorFiles& files, int threads) {
    const DFloat11ExportPlan plan = PlanDFloat11Export(files.tensors(), ReadConfig().patterns).value();
    MemorySink sink;
    Progress progress;
    const absl::Status status = ExportDFloat11(files, plan, threads, sink, progress);
    if (!status.ok()) return status;
    return sink.bytes();
  }

  void ExpectSameTensors(std::span<const uint8_t> file, const TensorFiles& expected) {
    const TensorFiles found = TensorFiles::Open(Write("found.safetensors", file)).value();
    ASSERT_EQ(found.tensors().size(), expected.tensors().size());
    for (size_t i = 0; i < expected.tensors().size(); ++i) {
      const TensorInfo& tensor = expected.tensors()[i];
      const std::optional<size_t> index = found.Find(tensor.name);
      ASSERT_TRUE(index.has_value()) << tensor.name;
      EXPECT_EQ(found.tensors()[*index].shape, tensor.shape) << tensor.name;
      EXPECT_EQ(found.tensors()[*index].dtype, tensor.dtype) << tensor.name;
      EXPECT_EQ(found.ReadAll(*index).value(), expected.ReadAll(i).value()) << tensor.name;
    }
  }

  const fs::path folder_ = fs::temp_directory_path() / ("plait-dfloat11-test-" + std::to_string(getpid()));
  const TensorFiles weights_ = TensorFiles::Open(kGolden / "weights.safetensors").value();
};

TEST_F(Checkpoint, OfThePackageGivesTheWeights) {
  ExpectSameTensors(Import(kGolden / "checkpoint", weights_).value(), weights_);
}

// Encoder bytes are not golden elsewhere; these are another encoder's, and being the same is what is promised. lm_head
// has a code of one bit there.
TEST_F(Checkpoint, OfTheSameWeightsHasTheBytesOfThePackage) {
  const TensorFiles expected = TensorFiles::Open(kGolden / "checkpoint/model.safetensors").value();
  for (int threads : {1, 3}) {
    const TensorFiles found = TensorFiles::Open(Write("model.safetensors", Export(weights_, threads).value())).value();
    ASSERT_EQ(found.tensors().size(), expected.tensors().size());
    for (size_t i = 0; i < expected.tensors().size(); ++i) {
      const std::string& name = expected.tensors()[i].name;
      EXPECT_EQ(found.tensors()[i].name, name);
      if (!name.starts_with("lm_head.")) {
        EXPECT_EQ(found.ReadAll(i).value(), expected.ReadAll(i).value()) << name;
      }
    }
  }
}

TEST_F(Checkpoint, ComesBackFromOurOwn) {
  const std::string path = Write("model.safetensors", Export(weights_, 2).value());
  const TensorFiles exported = TensorFiles::Open(path).value();
  const DFloat11ExportPlan plan = PlanDFloat11Export(weights_.tensors(), ReadConfig().patterns).value();
  EXPECT_THAT(CompareDFloat11(weights_, plan, exported, 2), IsOk());
  ExpectSameTensors(Import(path, weights_).value(), weights_);
}

TEST_F(Checkpoint, AnotherWeightIsSeenByTheComparison) {
  std::vector<uint8_t> bytes = Export(weights_, 1).value();
  bytes.back() ^= 1;  // of the last sign_mantissa
  const TensorFiles exported = TensorFiles::Open(Write("model.safetensors", bytes)).value();
  const DFloat11ExportPlan plan = PlanDFloat11Export(weights_.tensors(), ReadConfig().patterns).value();
  EXPECT_THAT(CompareDFloat11(weights_, plan, exported, 1), StatusIs(absl::StatusCode::kInternal));
}

TEST_F(Checkpoint, AnExponentThatIsAPointerIsRefusedByTheTensorsName) {
  Random random(1);
  std::vector<uint8_t> infinite = WeightLikeBf16(64, random);
  StoreLe(uint16_t{0x7f80}, infinite.data() + 40);
  const std::vector<uint8_t> model =
      MakeSafetensors({{"blocks.0.down.weight", Dtype::kBf16, {8, 8}, WeightLikeBf16(64, random)},
                       {"blocks.0.up.weight", Dtype::kBf16, {8, 8}, infinite},
                       {"lm_head.weight", Dtype::kBf16, {8, 8}, WeightLikeBf16(64, random)},
                       {"embed_tokens.weight", Dtype::kBf16, {8, 8}, WeightLikeBf16(64, random)}});
  const TensorFiles files = TensorFiles::Open(Write("model.safetensors", model)).value();
  const absl::StatusOr<std::vector<uint8_t>> exported = Export(files, 2);
  EXPECT_THAT(exported, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(std::string(exported.status().message()),
              testing::HasSubstr("tensor blocks.0.up.weight: exponent: found 255"));
}

// Several pieces of a tensor, several runs of blocks, and a tensor that ends between two.
TEST_F(Checkpoint, LargeModulesComeBack) {
  Random random(2);
  constexpr uint64_t kRows = 700;
  const std::vector<uint8_t> model =
      MakeSafetensors({{"blocks.0.down.weight", Dtype::kBf16, {kRows, 611}, WeightLikeBf16(kRows * 611, random)},
                       {"blocks.0.up.weight", Dtype::kBf16, {kRows, 3}, WeightLikeBf16(kRows * 3, random)},
                       {"lm_head.weight", Dtype::kBf16, {1, 2}, WeightLikeBf16(2, random)},
                       {"embed_tokens.weight", Dtype::kBf16, {1, 1}, WeightLikeBf16(1, random)}});
  const TensorFiles files = TensorFiles::Open(Write("model.safetensors", model)).value();
  const std::vector<uint8_t> exported = Export(files, 3).value();
  EXPECT_EQ(exported, Export(files, 1).value());
  ExpectSameTensors(Import(Write("exported.safetensors", exported), files).value(), files);
}

TEST_F(Checkpoint, EveryFlippedByteOfTheHeaderPartsIsRejectedOrRead) {
  const std::vector<uint8_t> good = ReadFile(kGolden / "checkpoint/model.safetensors");
  for (size_t at = 0; at < good.size(); at += 7) {
    std::vector<uint8_t> bytes = good;
    bytes[at] ^= 0x41;
    const std::string path = Write("flipped.safetensors", bytes);
    if (!TensorFiles::Open(path).ok()) continue;
    const absl::StatusOr<std::vector<uint8_t>> imported = Import(path, weights_);
    ASSERT_THAT(imported, testing::AnyOf(IsOk(), IsRejected(), StatusIs(absl::StatusCode::kInvalidArgument))) << at;
  }
}

}  // namespace
}  // namespace plait
