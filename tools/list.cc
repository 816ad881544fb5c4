// plait list: one row per tensor.
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "codec/base/status.h"
#include "formats/container/container_reader.h"
#include "tools/exit_code.h"
#include "tools/json_output.h"
#include "tools/names.h"
#include "tools/pipeline/plait_input.h"
#include "tools/pipeline/progress.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

namespace plait {
namespace {

uint64_t Elements(const TensorInfo& tensor) {
  uint64_t elements = 1;
  for (uint64_t dimension : tensor.shape) elements *= dimension;
  return elements;
}

double BitsPerElement(const StoredTensor& tensor) {
  const uint64_t elements = Elements(tensor.original);
  return elements == 0 ? 0 : 8.0 * tensor.coded_bytes / elements;
}

std::string Codec(const StoredTensor& tensor) {
  return tensor.framed() ? std::string(CodecName(tensor.entry.main_codec)) : "plain";
}

double Percent(const StoredTensor& tensor) { return PercentOf(tensor.coded_bytes, tensor.original.bytes()); }

// Whether any of `patterns`, as a shell has them, fits the whole name; * also stands for dots and slashes.
bool FitsOne(const std::vector<std::string>& patterns, const std::string& name) {
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
}

bool IsAskedFor(const StoredTensor& tensor, const ListOptions& options) {
  const std::string dtype(GetDtypeInfo(tensor.original.dtype).name);
  if (!options.dtypes.empty() && std::ranges::find(options.dtypes, dtype) == options.dtypes.end()) return false;
  return options.names.empty() || FitsOne(options.names, tensor.original.name);
}

// An opaque file is one row, an empty one too.
std::vector<StoredTensor> Rows(const ContainerReader& container) {
  std::vector<StoredTensor> rows = container.tensors();
  if (container.kind() == ContainerKind::kOpaque && rows.empty()) {
    StoredTensor empty;
    empty.original.name = kOpaqueName;
    empty.original.shape = {0};
    empty.entry.decoded_hash = Hash128Of({});
    rows.push_back(std::move(empty));
  }
  return rows;
}

// The rows in the order asked for, which is all of them in the order of the original's data unless something was.
std::vector<const StoredTensor*> Select(std::span<const StoredTensor> rows, const ListOptions& options) {
  std::vector<const StoredTensor*> selected;
  for (const StoredTensor& row : rows) {
    if (IsAskedFor(row, options)) selected.push_back(&row);
  }
  const auto before = [&](const StoredTensor* a, const StoredTensor* b) {
    if (options.sort == "name") return a->original.name < b->original.name;
    if (options.sort == "size") return a->original.bytes() > b->original.bytes();
    if (options.sort == "coded") return a->coded_bytes > b->coded_bytes;
    if (options.sort == "ratio") return Percent(*a) > Percent(*b);
    return options.sort == "offset" && a->offset < b->offset;
  };
  std::ranges::stable_sort(selected, before);
  if (options.reverse) std::ranges::reverse(selected);
  if (options.top && *options.top < selected.size()) selected.resize(*options.top);
  return selected;
}

void PrintAsJson(const std::string& path, const ContainerReader& container, std::span<const StoredTensor> rows,
                 std::span<const StoredTensor* const> selected) {
  uint64_t coded_bytes = 0;
  for (const StoredTensor& row : rows) coded_bytes += row.coded_bytes;
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const StoredTensor* row : selected) {
    tensors.push_back({{"name", row->original.name},
                       {"dtype", GetDtypeInfo(row->original.dtype).name},
                       {"shape", row->original.shape},
                       {"original_bytes", row->original.bytes()},
                       {"coded_bytes", row->coded_bytes},
                       {"codec", Codec(*row)},
                       {"bits_per_element", BitsPerElement(*row)},
                       {"xxh3_128", HexDigits(row->entry.decoded_hash)}});
  }
  const nlohmann::ordered_json document = {{"schema", "plait.list/1"},
                                           {"file", path},
                                           {"original_bytes", container.original_bytes()},
                                           {"coded_bytes", coded_bytes},
                                           {"overhead_bytes", container.source().size() - coded_bytes},
                                           {"tensors", std::move(tensors)}};
  PrintJson(document);
}

// "1.6 MB -> 1.0 MB (66.68 %)"
std::string FromTo(uint64_t original_bytes, uint64_t coded_bytes) {
  return absl::StrFormat("%s -> %s (%.2f %%)", HumanBytes(original_bytes), HumanBytes(coded_bytes),
                         PercentOf(coded_bytes, original_bytes));
}

// What is counted: the rows shown where they are not all, and the file with its headers and indexes always.
std::string Totals(const ContainerReader& container, size_t num_rows, std::span<const StoredTensor* const> selected) {
  const char* noun = num_rows == 1 ? "tensor" : "tensors";
  const std::string file = FromTo(container.original_bytes(), container.source().size());
  if (selected.size() == num_rows) return absl::StrFormat("%d %s; whole file: %s", num_rows, noun, file);
  uint64_t original_bytes = 0;
  uint64_t coded_bytes = 0;
  for (const StoredTensor* row : selected) {
    original_bytes += row->original.bytes();
    coded_bytes += row->coded_bytes;
  }
  return absl::StrFormat("%d of %d %s: %s\nwhole file: %s", selected.size(), num_rows, noun,
                         FromTo(original_bytes, coded_bytes), file);
}

void PrintTable(const std::string& path, const ContainerReader& container, size_t num_rows,
                std::span<const StoredTensor* const> selected) {
  Table table({{"TENSOR"},
               {"DTYPE"},
               {"SHAPE", false, 3},
               {"ORIGINAL", true, 2},
               {"CODED", true},
               {"PERCENT", true},
               {"BITS", true, 1},
               {"CODEC"}});
  for (const StoredTensor* row : selected) {
    table.AddRow({Printable(row->original.name), std::string(GetDtypeInfo(row->original.dtype).name),
                  absl::StrCat("[", absl::StrJoin(row->original.shape, ", "), "]"), HumanBytes(row->original.bytes()),
                  HumanBytes(row->coded_bytes), absl::StrFormat("%.2f %%", Percent(*row)),
                  absl::StrFormat("%.3f", BitsPerElement(*row)), Codec(*row)});
  }
  std::fputs(table.Text(TerminalColumns(STDOUT_FILENO)).c_str(), stdout);
  std::printf("%s\n%s\n", Totals(container, num_rows, selected).c_str(), path.c_str());
}

absl::Status ListFile(const ListOptions& options) {
  PLAIT_ASSIGN_OR_RETURN(const PlaitInput input, PlaitInput::OpenContainer(options.file));
  const ContainerReader& container = *input.container();
  const std::vector<StoredTensor> rows = Rows(container);
  const std::vector<const StoredTensor*> selected = Select(rows, options);
  if (options.json) {
    PrintAsJson(DisplayName(options.file), container, rows, selected);
  } else {
    PrintTable(DisplayName(options.file), container, rows.size(), selected);
  }
  return absl::OkStatus();
}

}  // namespace

int RunList(const ListOptions& options) {
  if (absl::Status status = ListFile(options); !status.ok()) return Report(DisplayName(options.file), status);
  return kExitOk;
}

}  // namespace plait
