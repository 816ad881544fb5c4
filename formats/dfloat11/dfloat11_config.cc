#include "formats/dfloat11/dfloat11_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "codec/base/checked.h"
#include "codec/base/status.h"
#include "codec/huffman/huffman_layout.h"
#include "formats/dfloat11/module_pattern.h"

namespace plait {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kEntry[] = "dfloat11_config";
constexpr char kShapes[] = "plait_shapes";
constexpr char kPackageVersion[] = "0.5.0";
constexpr size_t kMaxConfigBytes = size_t{16} << 20;
constexpr size_t kMaxRank = 64;

// The last part of a weight's module, in models whose matrices have the hidden size as their columns, or as their rows.
constexpr std::string_view kFromHidden[] = {"q_proj",  "k_proj",       "v_proj", "gate_proj",
                                            "up_proj", "embed_tokens", "lm_head"};
constexpr std::string_view kToHidden[] = {"o_proj", "down_proj"};

absl::Status WrongField(std::string_view field, const std::string& expected) {
  return absl::DataLossError(FoundExpected(absl::StrCat(kEntry, ".", Absl(field)), "something else", expected));
}

absl::Status ReadLaunch(const Json& entry) {
  const Json threads = entry.value("threads_per_block", Json());
  const Json bytes = entry.value("bytes_per_thread", Json());
  if (threads == Json::array({kHuffmanBlockThreads}) && bytes == kHuffmanThreadBytes) return absl::OkStatus();
  return absl::UnimplementedError(
      FoundExpected("threads_per_block and bytes_per_thread", absl::StrCat(threads.dump(), " and ", bytes.dump()),
                    absl::StrCat("[", kHuffmanBlockThreads, "] and ", kHuffmanThreadBytes)));
}

absl::Status ReadPatterns(const Json& entry, DFloat11Config* config) {
  const Json dict = entry.value("pattern_dict", Json());
  if (!dict.is_object()) return WrongField("pattern_dict", "an object");
  for (const auto& [expression, attributes] : dict.items()) {
    const absl::StatusOr<ModulePattern> parsed = ModulePattern::Parse(expression);
    if (!parsed.ok()) return parsed.status();
    const bool is_list = attributes.is_array() && std::ranges::all_of(attributes, &Json::is_string);
    if (!is_list) return WrongField("pattern_dict", "lists of strings");
    config->patterns.push_back({expression, attributes.get<std::vector<std::string>>()});
  }
  return absl::OkStatus();
}

absl::Status ReadShapes(const Json& entry, DFloat11Config* config) {
  const Json shapes = entry.value(kShapes, Json::object());
  if (!shapes.is_object()) return WrongField(kShapes, "an object");
  for (const auto& [name, shape] : shapes.items()) {
    const bool is_shape =
        shape.is_array() && shape.size() <= kMaxRank && std::ranges::all_of(shape, &Json::is_number_unsigned);
    if (!is_shape) return WrongField(kShapes, "lists of numbers");
    config->shapes[name] = shape.get<std::vector<uint64_t>>();
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> ParseObject(std::string_view text) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) return json;
  return absl::DataLossError("config.json: found something else, expected a JSON object");
}

bool IsOneOf(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

// Of "a.b.q_proj.weight": "q_proj".
std::string_view ModuleOf(std::string_view weight) {
  const size_t end = weight.rfind('.');
  if (end == std::string_view::npos) return "";
  const std::string_view module = weight.substr(0, end);
  return module.substr(module.rfind('.') + 1);
}

}  // namespace

absl::StatusOr<DFloat11Config> ParseDFloat11Config(std::span<const uint8_t> json) {
  if (json.size() > kMaxConfigBytes) {
    return absl::ResourceExhaustedError(
        FoundExpected("config.json bytes", json.size(), absl::StrCat("at most ", kMaxConfigBytes)));
  }
  PLAIT_ASSIGN_OR_RETURN(const Json whole, ParseObject({reinterpret_cast<const char*>(json.data()), json.size()}));
  if (!whole.contains(kEntry)) {
    return absl::FailedPreconditionError(absl::StrCat("config.json: found no ", kEntry, ", expected one"));
  }
  const Json& entry = whole[kEntry];
  if (!entry.is_object()) return absl::DataLossError(FoundExpected(kEntry, "something else", "an object"));
  DFloat11Config config;
  PLAIT_RETURN_IF_ERROR(ReadLaunch(entry));
  PLAIT_RETURN_IF_ERROR(ReadPatterns(entry, &config));
  PLAIT_RETURN_IF_ERROR(ReadShapes(entry, &config));
  const Json hidden_size = whole.value("hidden_size", Json());
  if (hidden_size.is_number_unsigned() && hidden_size != 0) config.hidden_size = hidden_size.get<uint64_t>();
  return config;
}

absl::StatusOr<std::string> MakeDFloat11ConfigJson(std::string_view original, const DFloat11Config& config) {
  Json json = Json::object();
  if (!original.empty()) {
    PLAIT_ASSIGN_OR_RETURN(json, ParseObject(original));
  }
  Json patterns = Json::object();
  for (const DFloat11Pattern& pattern : config.patterns) patterns[pattern.expression] = pattern.attributes;
  Json shapes = Json::object();
  for (const auto& [name, shape] : config.shapes) shapes[name] = shape;
  json[kEntry] = {{"version", kPackageVersion},
                  {"threads_per_block", {kHuffmanBlockThreads}},
                  {"bytes_per_thread", kHuffmanThreadBytes},
                  {"pattern_dict", std::move(patterns)},
                  {kShapes, std::move(shapes)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<DFloat11Pattern> ParsePatternOption(std::string_view text) {
  const size_t equals = text.find('=');
  DFloat11Pattern pattern = {.expression = std::string(text.substr(0, equals)), .attributes = {}};
  if (equals != std::string_view::npos) {
    pattern.attributes = absl::StrSplit(Absl(text.substr(equals + 1)), ',');
  }
  if (pattern.expression.empty() || std::ranges::find(pattern.attributes, "") != pattern.attributes.end()) {
    return absl::InvalidArgumentError(FoundExpected("pattern", Absl(text), "EXPRESSION or EXPRESSION=ATTRIBUTE,..."));
  }
  const absl::StatusOr<ModulePattern> parsed = ModulePattern::Parse(pattern.expression);
  if (!parsed.ok()) return parsed.status();
  return pattern;
}

absl::StatusOr<std::vector<uint64_t>> DFloat11WeightShape(const DFloat11Config& config, const std::string& name,
                                                          uint64_t elements) {
  std::vector<uint64_t> shape;
  if (const auto found = config.shapes.find(name); found != config.shapes.end()) {
    shape = found->second;
  } else if (const uint64_t hidden = config.hidden_size.value_or(0); hidden != 0 && elements % hidden == 0) {
    if (IsOneOf(ModuleOf(name), kFromHidden)) shape = {elements / hidden, hidden};
    if (IsOneOf(ModuleOf(name), kToHidden)) shape = {hidden, elements / hidden};
  }
  if (shape.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor ", name, ": its shape is not in the checkpoint; --shapes names a file that has it"));
  }
  uint64_t product = 1;
  for (uint64_t dimension : shape) {
    if (!CheckedMul(product, dimension, &product)) product = 0;
  }
  if (product == elements) return shape;
  return absl::DataLossError(FoundExpected(absl::StrCat("tensor ", name, ": elements"), elements, product));
}

}  // namespace plait
