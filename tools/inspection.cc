#include "tools/inspection.h"

#include "codec/base/status.h"
#include "codec/block/plane_payload.h"
#include "codec/histogram/histogram.h"
#include "tools/pipeline/where.h"

namespace plait {
namespace {

// Adds one plane of one block.
void AddPlane(const CodedPlane& coded, std::span<const uint8_t> bytes, size_t elements, PlaneReport& report) {
  const ByteHistogram counts = CountBytes(bytes);
  report.elements += elements;
  report.coded_bytes += coded.coded_bytes;
  report.order0_bits += OrderZeroBits(counts);
  ++report.blocks_of_codec[coded.codec];
  for (size_t s = 0; s < counts.size(); ++s) report.counts[s] += counts[s];
}

void AddBlock(const BlockAnatomy& anatomy, std::span<const uint8_t> raw, BlockWorkspace& workspace,
              TensorReport& report) {
  std::vector<PlaneReport>& planes = report.planes[anatomy.kind];
  planes.resize(anatomy.planes.size());
  if (anatomy.kind == PlaneKind::kBytes) return AddPlane(anatomy.planes[0], raw, raw.size(), planes[0]);
  const size_t element_bytes = GetPlaneLayout(anatomy.kind).element_bytes;
  const size_t n = (raw.size() - anatomy.phase) / element_bytes;
  const PlaneSpans split = workspace.Planes(anatomy.kind, n);
  SplitPlanes(anatomy.kind, raw.subspan(anatomy.phase, n * element_bytes), split);
  for (size_t p = 0; p < planes.size(); ++p) AddPlane(anatomy.planes[p], split[p], n, planes[p]);
}

absl::Status InspectFrame(const ContainerReader& container, size_t index, Progress& progress, TensorReport& report) {
  PLAIT_ASSIGN_OR_RETURN(const FrameReader frame, container.OpenFrame(index));
  const FrameHeader& header = frame.header();
  BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  std::vector<uint8_t> raw;
  report.blocks = header.num_blocks();
  for (uint64_t block = 0; block < report.blocks; ++block) {
    const std::string where = absl::StrCat("block ", block);
    raw.resize(BlockRawBytes(header.block(block)));
    PLAIT_RETURN_IF_ERROR(Annotate(frame.ReadBlock(block, workspace, coded, raw), where));
    absl::StatusOr<BlockAnatomy> anatomy = DescribeBlock(coded);
    if (!anatomy.ok()) return Annotate(anatomy.status(), where);
    AddBlock(*anatomy, raw, workspace, report);
    progress.Add(raw.size(), coded.size());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<TensorReport>> InspectContainer(const ContainerReader& container, Progress& progress) {
  std::vector<TensorReport> reports(container.tensors().size());
  for (size_t i = 0; i < reports.size(); ++i) {
    reports[i].tensor = &container.tensors()[i];
    if (!reports[i].tensor->framed()) continue;
    PLAIT_RETURN_IF_ERROR(Annotate(InspectFrame(container, i, progress, reports[i]),
                                   Where(container.kind(), reports[i].tensor->original.name)));
  }
  return reports;
}

}  // namespace plait
