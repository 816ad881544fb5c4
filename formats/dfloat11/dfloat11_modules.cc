#include "formats/dfloat11/dfloat11_modules.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/huffman/huffman_layout.h"
#include "formats/dfloat11/module_pattern.h"

namespace plait {
namespace {

constexpr std::string_view kWeight = ".weight";
constexpr size_t kSplitBytes = 8;

using Index = std::map<std::string, size_t, std::less<>>;

Index IndexOf(std::span<const TensorInfo> tensors) {
  Index index;
  for (size_t i = 0; i < tensors.size(); ++i) index[tensors[i].name] = i;
  return index;
}

// The weights of a module that a pattern fits.
std::vector<std::string> WeightNames(const std::string& module, const DFloat11Pattern& pattern) {
  if (pattern.attributes.empty()) return {module + std::string(kWeight)};
  std::vector<std::string> names;
  for (const std::string& attribute : pattern.attributes) {
    names.push_back(absl::StrCat(module, ".", attribute, Absl(kWeight)));
  }
  return names;
}

absl::Status CheckPart(const TensorInfo& tensor, DFloat11Part part) {
  const bool is_split = part == DFloat11Part::kSplitPositions;
  const Dtype dtype = is_split ? Dtype::kI64 : Dtype::kU8;
  const size_t rank = part == DFloat11Part::kLuts ? 2 : 1;
  const std::string where = absl::StrCat("tensor ", tensor.name, ": ");
  if (tensor.dtype != dtype) {
    return absl::DataLossError(
        FoundExpected(where + "dtype", Absl(GetDtypeInfo(tensor.dtype).name), Absl(GetDtypeInfo(dtype).name)));
  }
  const bool fits = tensor.shape.size() == rank && (rank == 1 || tensor.shape[1] == kHuffmanRowBytes);
  if (fits) return absl::OkStatus();
  return absl::DataLossError(FoundExpected(where + "shape", absl::StrCat("[", absl::StrJoin(tensor.shape, ","), "]"),
                                           rank == 1 ? "one dimension" : "[rows,256]"));
}

absl::StatusOr<std::vector<std::string>> WeightsOf(const std::string& module, const DFloat11Config& config) {
  for (const DFloat11Pattern& pattern : config.patterns) {
    PLAIT_ASSIGN_OR_RETURN(const ModulePattern expression, ModulePattern::Parse(pattern.expression));
    if (expression.Matches(module)) return WeightNames(module, pattern);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("module ", module, ": found no pattern that fits; --pattern adds one"));
}

absl::StatusOr<DFloat11Module> ModuleAt(const std::string& name, std::span<const TensorInfo> tensors,
                                        const Index& index, const DFloat11Config& config) {
  DFloat11Module module = {.name = name, .parts = {}, .weights = {}};
  for (size_t i = 0; i < kDFloat11PartNames.size(); ++i) {
    const auto part = static_cast<DFloat11Part>(i);
    const auto found = index.find(DFloat11TensorName(name, part));
    if (found == index.end()) {
      return absl::DataLossError(
          FoundExpected(absl::StrCat("module ", name), "no " + std::string(kDFloat11PartNames[i]), "one"));
    }
    module.parts[i] = found->second;
    PLAIT_RETURN_IF_ERROR(CheckPart(tensors[found->second], part));
  }
  PLAIT_ASSIGN_OR_RETURN(module.weights, WeightsOf(name, config));
  const uint64_t splits = tensors[module.part(DFloat11Part::kSplitPositions)].shape[0];
  if (splits + 1 == module.weights.size()) return module;
  return absl::DataLossError(
      FoundExpected(absl::StrCat("module ", name, ": split positions"), splits, module.weights.size() - 1));
}

// ---- Export ----

bool IsMatrix(const TensorInfo& tensor) {
  return tensor.dtype == Dtype::kBf16 && tensor.shape.size() == 2 && tensor.bytes() != 0;
}

// A name cut at its first number: of "layers.3.mlp.up" {"layers", "3", "mlp.up"}.
struct BlockName {
  std::string list;
  std::string number;
  std::string attribute;
};

std::optional<BlockName> CutAtNumber(std::string_view module) {
  for (size_t begin = module.find('.'); begin != std::string_view::npos; begin = module.find('.', begin + 1)) {
    const std::string_view rest = module.substr(begin + 1);
    const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits == 0 || digits == rest.size() || rest[digits] != '.') continue;
    return BlockName{std::string(module.substr(0, begin)), std::string(rest.substr(0, digits)),
                     std::string(rest.substr(digits + 1))};
  }
  return std::nullopt;
}

// Blocks of one list with the same attributes, as one pattern each.
void AppendBlockPatterns(const std::string& list, const std::map<std::string, std::vector<std::string>>& blocks,
                         std::vector<DFloat11Pattern>* patterns) {
  std::map<std::vector<std::string>, std::vector<std::string>> numbers;  // by attributes
  for (const auto& [number, attributes] : blocks) numbers[attributes].push_back(number);
  for (const auto& [attributes, of] : numbers) {
    const std::string number = numbers.size() == 1 ? "\\d+" : absl::StrCat("(", absl::StrJoin(of, "|"), ")");
    patterns->push_back({absl::StrCat(ModulePattern::Escaped(list), "\\.", number), attributes});
  }
}

// Every module that a tensor's name goes through.
std::set<std::string> ModuleNames(std::span<const TensorInfo> tensors) {
  std::set<std::string> names;
  for (const TensorInfo& tensor : tensors) {
    for (size_t dot = tensor.name.find('.'); dot != std::string::npos; dot = tensor.name.find('.', dot + 1)) {
      names.insert(tensor.name.substr(0, dot));
    }
  }
  return names;
}

absl::Status CheckWeight(const TensorInfo& tensor) {
  const std::string where = absl::StrCat("tensor ", tensor.name, ": ");
  if (tensor.dtype != Dtype::kBf16) {
    return absl::UnimplementedError(FoundExpected(where + "dtype", Absl(GetDtypeInfo(tensor.dtype).name), "BF16"));
  }
  if (IsMatrix(tensor)) return absl::OkStatus();
  return absl::UnimplementedError(FoundExpected(where + "shape",
                                                absl::StrCat("[", absl::StrJoin(tensor.shape, ","), "]"),
                                                "two dimensions and at least one element"));
}

class ExportPlanner {
 public:
  explicit ExportPlanner(std::span<const TensorInfo> tensors)
      : tensors_(tensors), index_(IndexOf(tensors)), modules_(ModuleNames(tensors)), used_(tensors.size()) {}

  absl::Status Add(const DFloat11Pattern& pattern, DFloat11ExportPlan* plan) {
    PLAIT_ASSIGN_OR_RETURN(const ModulePattern expression, ModulePattern::Parse(pattern.expression));
    const size_t before = plan->modules.size();
    for (const std::string& module : modules_) {
      if (!expression.Matches(module)) continue;
      DFloat11Source source = {.name = module, .weights = {}};
      for (const std::string& name : WeightNames(module, pattern)) {
        PLAIT_ASSIGN_OR_RETURN(const size_t tensor, Use(name, pattern));
        plan->config.shapes[name] = tensors_[tensor].shape;
        source.weights.push_back(tensor);
      }
      plan->modules.push_back(std::move(source));
    }
    if (plan->modules.size() != before) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("pattern ", pattern.expression, ": found no module that fits"));
  }

  std::vector<size_t> Unused() const {
    std::vector<size_t> unused;
    for (size_t i = 0; i < used_.size(); ++i) {
      if (!used_[i]) unused.push_back(i);
    }
    return unused;
  }

 private:
  absl::StatusOr<size_t> Use(const std::string& name, const DFloat11Pattern& pattern) {
    const auto found = index_.find(name);
    if (found == index_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("pattern ", pattern.expression, ": found no tensor ", name, ", expected one"));
    }
    if (used_[found->second]) {
      return absl::InvalidArgumentError(
          absl::StrCat("pattern ", pattern.expression, ": tensor ", name, " is in another module already"));
    }
    used_[found->second] = true;
    PLAIT_RETURN_IF_ERROR(CheckWeight(tensors_[found->second]));
    return found->second;
  }

  std::span<const TensorInfo> tensors_;
  Index index_;
  std::set<std::string> modules_;
  std::vector<bool> used_;
};

}  // namespace

std::string DFloat11TensorName(const std::string& module, DFloat11Part part) {
  return absl::StrCat(module, ".", Absl(kDFloat11PartNames[static_cast<size_t>(part)]));
}

absl::StatusOr<DFloat11Layout> FindDFloat11Modules(std::span<const TensorInfo> tensors, const DFloat11Config& config) {
  const Index index = IndexOf(tensors);
  const std::string suffix = DFloat11TensorName("", DFloat11Part::kEncodedExponent);
  std::vector<bool> used(tensors.size());
  DFloat11Layout layout;
  for (const TensorInfo& tensor : tensors) {
    if (!tensor.name.ends_with(suffix)) continue;
    const std::string name = tensor.name.substr(0, tensor.name.size() - suffix.size());
    PLAIT_ASSIGN_OR_RETURN(const DFloat11Module module, ModuleAt(name, tensors, index, config));
    for (size_t part : module.parts) used[part] = true;
    layout.modules.push_back(module);
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!used[i]) layout.others.push_back(i);
  }
  return layout;
}

absl::StatusOr<std::vector<uint64_t>> ParseSplitPositions(std::span<const uint8_t> bytes, uint64_t num_elements) {
  std::vector<uint64_t> ends;
  for (size_t i = 0; i + kSplitBytes <= bytes.size(); i += kSplitBytes) {
    const auto end = LoadLe<uint64_t>(bytes.data() + i);
    const uint64_t least = ends.empty() ? 0 : ends.back();
    if (end < least || end > num_elements) {
      return absl::DataLossError(FoundExpected(absl::StrCat("split position ", i / kSplitBytes), end,
                                               absl::StrCat(least, " to ", num_elements)));
    }
    ends.push_back(end);
  }
  ends.push_back(num_elements);
  return ends;
}

std::vector<DFloat11Pattern> DefaultDFloat11Patterns(std::span<const TensorInfo> tensors) {
  std::map<std::string, std::map<std::string, std::vector<std::string>>> lists;  // list, number: attributes
  std::vector<std::string> single;
  bool has_lm_head = false;
  for (const TensorInfo& tensor : tensors) {
    if (!IsMatrix(tensor) || !tensor.name.ends_with(kWeight)) continue;
    const std::string module = tensor.name.substr(0, tensor.name.size() - kWeight.size());
    has_lm_head |= module.ends_with("lm_head");
    if (const auto block = CutAtNumber(module)) {
      lists[block->list][block->number].push_back(block->attribute);
    } else {
      single.push_back(module);
    }
  }
  std::vector<DFloat11Pattern> patterns;
  for (auto& [list, blocks] : lists) {
    for (auto& [number, attributes] : blocks) std::ranges::sort(attributes);
    AppendBlockPatterns(list, blocks, &patterns);
  }
  for (const std::string& module : single) {
    const bool may_be_tied = !has_lm_head && module.find("embed") != std::string::npos;
    if (!may_be_tied) patterns.push_back({ModulePattern::Escaped(module), {}});
  }
  return patterns;
}

absl::StatusOr<DFloat11ExportPlan> PlanDFloat11Export(std::span<const TensorInfo> tensors,
                                                      std::span<const DFloat11Pattern> patterns) {
  DFloat11ExportPlan plan;
  ExportPlanner planner(tensors);
  plan.config.patterns.assign(patterns.begin(), patterns.end());
  for (const DFloat11Pattern& pattern : patterns) PLAIT_RETURN_IF_ERROR(planner.Add(pattern, &plan));
  plan.others = planner.Unused();
  return plan;
}

}  // namespace plait
