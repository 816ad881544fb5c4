// plait inspect: codecs, blocks, and the entropy of each plane beside what was spent on it.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/inspection.h"
#include "tools/json_output.h"
#include "tools/names.h"
#include "tools/pipeline/plait_input.h"
#include "tools/text.h"
#include "tools/verbs.h"

namespace plait {
namespace {

// That a name keeps on a narrow terminal.
constexpr size_t kRoomForNames = 16;

std::string CodecCounts(const PlaneReport& plane) {
  return absl::StrJoin(plane.blocks_of_codec, " ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, Absl(CodecName(entry.first)), ":", entry.second);
  });
}

nlohmann::ordered_json ToJson(PlaneKind kind, size_t index, const PlaneReport& plane) {
  nlohmann::ordered_json codecs;
  for (const auto& [codec, blocks] : plane.blocks_of_codec) codecs[std::string(CodecName(codec))] = blocks;
  return {{"kind", GetPlaneLayout(kind).name}, {"plane", index},
          {"elements", plane.elements},        {"coded_bytes", plane.coded_bytes},
          {"order0_bits", plane.order0_bits},  {"blocks_by_codec", std::move(codecs)}};
}

void PrintAsJson(const std::string& path, const ContainerReader& container, const std::vector<TensorReport>& reports) {
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const TensorReport& report : reports) {
    const StoredTensor& tensor = *report.tensor;
    nlohmann::ordered_json planes = nlohmann::ordered_json::array();
    for (const auto& [kind, plane_reports] : report.planes) {
      for (size_t p = 0; p < plane_reports.size(); ++p) planes.push_back(ToJson(kind, p, plane_reports[p]));
    }
    tensors.push_back({{"name", tensor.original.name},
                       {"dtype", GetDtypeInfo(tensor.original.dtype).name},
                       {"shape", tensor.original.shape},
                       {"original_bytes", tensor.original.bytes()},
                       {"coded_bytes", tensor.coded_bytes},
                       {"codec", tensor.framed() ? CodecName(tensor.entry.main_codec) : "plain"},
                       {"blocks", report.blocks},
                       {"planes", std::move(planes)}});
  }
  PrintJson({{"schema", "plait.inspect/1"},
             {"file", path},
             {"original_bytes", container.original_bytes()},
             {"file_bytes", container.source().size()},
             {"tensors", std::move(tensors)}});
}

void PrintPlanes(const TensorReport& report) {
  for (const auto& [kind, planes] : report.planes) {
    for (size_t p = 0; p < planes.size(); ++p) {
      const double elements = std::max<uint64_t>(1, planes[p].elements);
      const std::string line = absl::StrFormat(
          "    %s plane %d: %6.3f bits spent, %6.3f order-0  (%s)", std::string(GetPlaneLayout(kind).name), p,
          8 * planes[p].coded_bytes / elements, planes[p].order0_bits / elements, CodecCounts(planes[p]));
      std::printf("%s\n", line.c_str());
    }
  }
}

void PrintTable(const std::string& path, const std::vector<TensorReport>& reports) {
  const std::optional<size_t> columns = TerminalColumns(STDOUT_FILENO);
  std::printf("bits per element of the plane; order-0 is the entropy of each block by itself\n");
  for (const TensorReport& report : reports) {
    const StoredTensor& tensor = *report.tensor;
    const std::string line = absl::StrFormat(
        "  %s [%s]  %s -> %s (%.2f %%)  %s", std::string(GetDtypeInfo(tensor.original.dtype).name),
        absl::StrJoin(tensor.original.shape, ", "), HumanBytes(tensor.original.bytes()), HumanBytes(tensor.coded_bytes),
        PercentOf(tensor.coded_bytes, tensor.original.bytes()),
        tensor.framed() ? absl::StrCat(report.blocks, report.blocks == 1 ? " block" : " blocks") : "plain");
    std::string name = Printable(tensor.original.name);
    if (columns) name = ShortenMiddle(name, std::max(kRoomForNames, *columns - std::min(*columns, line.size())));
    std::printf("%s%s\n", name.c_str(), line.c_str());
    PrintPlanes(report);
  }
  std::printf("%s\n", path.c_str());
}

absl::Status WritePage(const std::string& path, const std::string& page) {
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file, OutputFile::Create(path, /*overwrite=*/true, 0644));
  PLAIT_RETURN_IF_ERROR(file->Append({reinterpret_cast<const uint8_t*>(page.data()), page.size()}));
  return file->Commit();
}

absl::Status InspectFile(const InspectOptions& options) {
  PLAIT_ASSIGN_OR_RETURN(const PlaitInput input, PlaitInput::OpenContainer(options.file));
  const ContainerReader& container = *input.container();
  std::vector<TensorReport> reports;
  {
    Progress progress(options.file, container.original_bytes());
    PLAIT_ASSIGN_OR_RETURN(reports, InspectContainer(container, progress));
  }
  if (!options.html.empty()) {
    const std::string page = InspectionPage(options.file, container, reports);
    PLAIT_RETURN_IF_ERROR(Annotate(WritePage(options.html, page), options.html));
    if (!options.json) std::printf("%s\n", options.html.c_str());
  }
  if (options.json) PrintAsJson(options.file, container, reports);
  if (!options.json && options.html.empty()) PrintTable(options.file, reports);
  return absl::OkStatus();
}

}  // namespace

int RunInspect(const InspectOptions& options) {
  if (absl::Status status = InspectFile(options); !status.ok()) return Report(DisplayName(options.file), status);
  return kExitOk;
}

}  // namespace plait
