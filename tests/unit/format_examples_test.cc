// Every ```hex example of every FORMAT.md is decoded, so that a specification cannot drift from the code.
#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/block/block_codec.h"
#include "codec/huffman/huffman.h"
#include "codec/kv/kv_rans.h"
#include "codec/range/range_kv.h"
#include "codec/rans/rans.h"
#include "codec/tier/tier.h"
#include "formats/frame/frame_reader.h"
#include "tests/registry/files.h"
#include "tests/registry/kv_caches.h"
#include "tests/registry/kv_golden.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

// "```hex KIND key=value ..." and the bytes up to the closing fence.
struct Example {
  std::string file;
  std::string kind;
  std::map<std::string, std::string> values;
  std::vector<uint8_t> bytes;
};

Example ParseFence(const std::string& file, const std::string& info, std::istream& lines) {
  Example example{.file = file, .kind = {}, .values = {}, .bytes = {}};
  std::istringstream words(info);
  words >> example.kind;
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    example.values[word.substr(0, equals)] = word.substr(equals + 1);
  }
  std::string hex;
  for (std::string line; std::getline(lines, line) && line != "```";) hex += line;
  example.bytes = FromHex(hex);
  return example;
}

std::vector<Example> ExamplesOf(const std::filesystem::path& path) {
  constexpr std::string_view kFence = "```hex ";
  std::vector<Example> examples;
  std::ifstream lines(path);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kFence)) examples.push_back(ParseFence(path.string(), line.substr(kFence.size()), lines));
  }
  return examples;
}

std::vector<std::filesystem::path> Specifications() {
  std::vector<std::filesystem::path> paths;
  for (const char* folder : {"codec", "formats"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::filesystem::path(PLAIT_SOURCE_DIR) / folder)) {
      if (entry.path().filename() == "FORMAT.md") paths.push_back(entry.path());
    }
  }
  return paths;
}

void CheckTier(const Example& example) {
  const std::vector<uint8_t> expected = FromHex(example.values.at("symbols"));
  std::vector<uint8_t> symbols(expected.size());
  const auto scratch = std::make_unique<TierScratch>();
  ASSERT_THAT(TierDecode(example.bytes, *scratch, symbols), IsOk());
  EXPECT_EQ(symbols, expected);
}

void CheckRans(const Example& example) {
  const std::vector<uint8_t> expected = FromHex(example.values.at("symbols"));
  std::vector<uint8_t> symbols(expected.size());
  RansScratch scratch;
  ASSERT_THAT(RansDecode(example.bytes, scratch, symbols), IsOk());
  EXPECT_EQ(symbols, expected);
}

// luts=ENTRY*TIMES,... of row 0 and lengths=SYMBOL:BITS,...; gaps are zero, positions those of one block.
void CheckHuffman(const Example& example) {
  std::vector<uint8_t> luts;
  for (absl::string_view run : absl::StrSplit(example.values.at("luts"), ',')) {
    luts.insert(luts.end(), std::stoul(std::string(run.substr(3))), FromHex(Std(run.substr(0, 2)))[0]);
  }
  luts.resize(2 * kHuffmanRowBytes);
  for (absl::string_view entry : absl::StrSplit(example.values.at("lengths"), ',')) {
    luts[kHuffmanRowBytes + FromHex(Std(entry.substr(0, 2)))[0]] =
        static_cast<uint8_t>(std::stoul(std::string(entry.substr(3))));
  }
  const std::vector<uint8_t> expected = FromHex(example.values.at("symbols"));
  const std::vector<uint8_t> gaps(kHuffmanBlockGapBytes);
  std::vector<uint8_t> positions(2 * kHuffmanPositionBytes);
  StoreLe(static_cast<uint32_t>(expected.size()), positions.data() + kHuffmanPositionBytes);
  std::vector<uint8_t> symbols(expected.size());
  ASSERT_THAT(DecodeHuffman(luts, example.bytes, gaps, positions, symbols), IsOk());
  EXPECT_EQ(symbols, expected);
}

// SYMBOL:NUMBER,... for each of kKvSymbols; * stands for all symbols.
KvTables::Frequencies ParseNumbers(absl::string_view text) {
  KvTables::Frequencies numbers{};
  for (absl::string_view item : absl::StrSplit(text, ',')) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(item, ':');
    const auto number = static_cast<uint16_t>(std::stoul(pair.second));
    if (pair.first == "*") {
      numbers.fill(number);
    } else {
      numbers[FromHex(pair.first)[0]] = number;
    }
  }
  return numbers;
}

unsigned LanesLog2(const Example& example) {
  return static_cast<unsigned>(std::countr_zero(std::stoul(example.values.at("lanes"))));
}

// One class: contexts=SYMBOL:CONTEXT,..., frequencies= of each context, between slashes.
void CheckKvSymbols(const Example& example) {
  KvTables tables{.num_contexts = 0, .contexts = {KvTables::ContextMap{}}, .frequencies = {}};
  std::ranges::copy(ParseNumbers(example.values.at("contexts")), tables.contexts[0].begin());
  for (absl::string_view context : absl::StrSplit(example.values.at("frequencies"), '/')) {
    tables.frequencies.push_back(ParseNumbers(context));
    ++tables.num_contexts;
  }
  ASSERT_THAT(CheckKvTables(tables), IsOk());
  const std::vector<uint8_t> class_of(std::stoul(example.values.at("channels")));
  const std::vector<uint8_t> expected = FromHex(example.values.at("symbols"));
  std::vector<uint8_t> symbols(expected.size());
  const KvSymbolPlane<uint8_t> plane[] = {{symbols, class_of}};
  ASSERT_THAT(KvRansDecode(KvDecodeTables(tables), LanesLog2(example), example.bytes, plane), IsOk());
  EXPECT_EQ(symbols, expected);
}

void CheckKvDecisions(const Example& example) {
  KvBitTables tables(1);
  const std::vector<std::string> zeros = absl::StrSplit(example.values.at("zeros"), ',');
  for (size_t c = 0; c < kKvBitContexts; ++c) tables[0][c] = static_cast<uint16_t>(std::stoul(zeros[c]));
  const std::vector<uint8_t> class_of(std::stoul(example.values.at("channels")));
  const std::vector<uint8_t> states = FromHex(example.values.at("states"));
  std::vector<uint8_t> bits(states.size());
  const KvBitPlane<uint8_t> plane[] = {{states, bits, class_of}};
  ASSERT_THAT(KvBitsDecode(tables, LanesLog2(example), example.bytes, plane), IsOk());
  EXPECT_EQ(bits, FromHex(example.values.at("decisions")));
}

void CheckRange(const Example& example) {
  const std::vector<uint8_t> expected = FromHex(example.values.at("elements"));
  const RangePlane plane = {.dtype = DtypeFromName(example.values.at("dtype")).value(),
                            .tokens = static_cast<uint32_t>(std::stoul(example.values.at("tokens"))),
                            .channels = static_cast<uint32_t>(std::stoul(example.values.at("channels"))),
                            .rotation = {}};
  std::vector<uint8_t> elements(expected.size());
  RangeModel model;
  ASSERT_THAT(DecodeRangePlane(plane, example.bytes, {}, model, nullptr, elements), IsOk());
  EXPECT_EQ(elements, expected);
}

void CheckBlock(const Example& example) {
  const BlockSpec spec{.dtype = DtypeFromName(example.values.at("dtype")).value(),
                       .elements = static_cast<uint32_t>(std::stoul(example.values.at("elements"))),
                       .seed = std::stoull(example.values.at("seed"))};
  BlockWorkspace workspace;
  std::vector<uint8_t> raw(BlockRawBytes(spec));
  ASSERT_THAT(DecodeBlock(spec, example.bytes, workspace, raw), IsOk());
  EXPECT_EQ(raw, FromHex(example.values.at("raw")));
}

void CheckFrame(const Example& example) {
  const absl::StatusOr<std::vector<uint8_t>> raw = DecodeFrame(example.bytes);
  ASSERT_THAT(raw, IsOk());
  const std::vector<uint8_t> fill = FromHex(example.values.at("fill"));
  std::vector<uint8_t> expected;
  while (expected.size() < raw->size()) expected.insert(expected.end(), fill.begin(), fill.end());
  EXPECT_EQ(*raw, expected);
  const absl::StatusOr<FrameHeader> header = ParseFrameHeader(example.bytes);
  EXPECT_EQ(GetDtypeInfo(header->dtype).name, example.values.at("dtype"));
  EXPECT_EQ(absl::StrJoin(header->shape, ","), example.values.at("shape"));
}

void CheckContainer(const Example& example) {
  EXPECT_EQ(Decompress(example.bytes).value(), FromHex(example.values.at("original")));
}

void CheckStream(const Example& example) {
  EXPECT_EQ(DecompressStream(example.bytes).value(), FromHex(example.values.at("original")));
}

void CheckKvObject(const Example& example) {
  EXPECT_EQ(DecodeKvObject(example.bytes).value(), FromHex(example.values.at("elements")));
}

// The body of the file, as hex.
void CheckKvProfile(const Example& example) {
  EXPECT_EQ(DecodeKvProfileFile(example.bytes).value(), FromHex(example.values.at("body")));
}

const std::map<std::string, void (*)(const Example&)> kChecks = {{"huffman", CheckHuffman},
                                                                 {"tier", CheckTier},
                                                                 {"rans", CheckRans},
                                                                 {"range", CheckRange},
                                                                 {"block", CheckBlock},
                                                                 {"frame", CheckFrame},
                                                                 {"container", CheckContainer},
                                                                 {"stream", CheckStream},
                                                                 {"kv-symbols", CheckKvSymbols},
                                                                 {"kv-decisions", CheckKvDecisions},
                                                                 {"kv-object", CheckKvObject},
                                                                 {"kv-profile", CheckKvProfile}};

TEST(FormatExamples, EverySpecificationHasOneAndEveryOneDecodes) {
  const std::vector<std::filesystem::path> paths = Specifications();
  ASSERT_GE(paths.size(), 5) << "a test that finds nothing holds nothing";
  for (const auto& path : paths) {
    const std::vector<Example> examples = ExamplesOf(path);
    EXPECT_FALSE(examples.empty()) << path;
    for (const Example& example : examples) {
      SCOPED_TRACE(example.file + ", " + example.kind);
      ASSERT_TRUE(kChecks.contains(example.kind)) << "an example of this kind needs a check here";
      kChecks.at(example.kind)(example);
    }
  }
}

}  // namespace
}  // namespace plait
