// plait list: one row per tensor.
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

void PrintAsJson(const std::string& path, const ContainerReader& container, std::span<const StoredTensor> rows) {
  uint64_t coded_bytes = 0;
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const StoredTensor& row : rows) {
    coded_bytes += row.coded_bytes;
    tensors.push_back({{"name", row.original.name},
                       {"dtype", GetDtypeInfo(row.original.dtype).name},
                       {"shape", row.original.shape},
                       {"original_bytes", row.original.bytes()},
                       {"coded_bytes", row.coded_bytes},
                       {"codec", Codec(row)},
                       {"bits_per_element", BitsPerElement(row)},
                       {"xxh3_128", HexDigits(row.entry.decoded_hash)}});
  }
  const nlohmann::ordered_json document = {{"schema", "plait.list/1"},
                                           {"file", path},
                                           {"original_bytes", container.original_bytes()},
                                           {"coded_bytes", coded_bytes},
                                           {"overhead_bytes", container.source().size() - coded_bytes},
                                           {"tensors", std::move(tensors)}};
  PrintJson(document);
}

void PrintTable(const std::string& path, const ContainerReader& container, std::span<const StoredTensor> rows) {
  std::vector<std::string> shapes;
  size_t name_width = 6;
  size_t shape_width = 5;
  for (const StoredTensor& row : rows) {
    shapes.push_back(absl::StrCat("[", absl::StrJoin(row.original.shape, ", "), "]"));
    name_width = std::max(name_width, row.original.name.size());
    shape_width = std::max(shape_width, shapes.back().size());
  }
  const auto print = [&](const std::string& name, const std::string& dtype, const std::string& shape,
                         const std::string& original, const std::string& coded, const std::string& percent,
                         const std::string& bits, const std::string& codec) {
    const std::string line = absl::StrFormat("%-*s  %-7s  %-*s  %10s  %10s  %7s  %6s  %s", name_width, name, dtype,
                                             shape_width, shape, original, coded, percent, bits, codec);
    std::printf("%s\n", line.c_str());
  };
  print("TENSOR", "DTYPE", "SHAPE", "ORIGINAL", "CODED", "PERCENT", "BITS", "CODEC");
  for (size_t i = 0; i < rows.size(); ++i) {
    const StoredTensor& row = rows[i];
    const double percent = row.original.bytes() == 0 ? 100 : 100.0 * row.coded_bytes / row.original.bytes();
    print(row.original.name, std::string(GetDtypeInfo(row.original.dtype).name), shapes[i],
          HumanBytes(row.original.bytes()), HumanBytes(row.coded_bytes), absl::StrFormat("%.2f %%", percent),
          absl::StrFormat("%.3f", BitsPerElement(row)), Codec(row));
  }
  const uint64_t file_bytes = container.source().size();
  const double percent = container.original_bytes() == 0 ? 100 : 100.0 * file_bytes / container.original_bytes();
  const std::string total = absl::StrFormat("%d tensors, %s -> %s (%.2f %%)", rows.size(),
                                            HumanBytes(container.original_bytes()), HumanBytes(file_bytes), percent);
  std::printf("%s\n%s\n", total.c_str(), path.c_str());
}

absl::Status ListFile(const ListOptions& options) {
  PLAIT_ASSIGN_OR_RETURN(const PlaitInput input, PlaitInput::OpenContainer(options.file));
  const ContainerReader& container = *input.container();
  const std::vector<StoredTensor> rows = Rows(container);
  if (options.json) {
    PrintAsJson(DisplayName(options.file), container, rows);
  } else {
    PrintTable(DisplayName(options.file), container, rows);
  }
  return absl::OkStatus();
}

}  // namespace

int RunList(const ListOptions& options) {
  if (absl::Status status = ListFile(options); !status.ok()) return Report(DisplayName(options.file), status);
  return kExitOk;
}

}  // namespace plait
