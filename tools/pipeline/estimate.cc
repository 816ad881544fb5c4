#include "tools/pipeline/estimate.h"

#include <algorithm>
#include <vector>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "tools/pipeline/where.h"

namespace plait {
namespace {

constexpr uint64_t kBlockStride = 8;

// Container header and manifest, about: names and entries of each tensor twice.
constexpr uint64_t kFixedOverheadBytes = 512;
constexpr uint64_t kTensorOverheadBytes = 128;

absl::StatusOr<uint64_t> EstimateTensorBytes(const ByteSource& original, const ContainerPlan& plan, size_t index,
                                             const Level& level, Progress& progress) {
  const TensorInfo& tensor = plan.tensors[index];
  if (!MayShrink(plan, index)) return tensor.bytes();
  FrameHeader header = FrameHeaderFor(plan, index, level.block_log2);
  std::vector<uint8_t> header_bytes;
  PLAIT_RETURN_IF_ERROR(MakeFrameHeader(&header, &header_bytes));
  const uint64_t num_blocks = header.num_blocks();
  BlockWorkspace workspace;
  std::vector<uint8_t> raw;
  std::vector<uint8_t> coded;
  uint64_t raw_bytes = 0;
  uint64_t coded_bytes = 0;
  for (uint64_t block = 0; block < num_blocks; block += kBlockStride) {
    raw.resize(BlockRawBytes(header.block(block)));
    const uint64_t offset = plan.original_header.size() + tensor.begin + header.block_raw_offset(block);
    PLAIT_RETURN_IF_ERROR(original.ReadAt(offset, raw));
    EncodeBlock(header.block(block), raw, workspace, &coded, level.settings);
    raw_bytes += raw.size();
    coded_bytes += AlignUp(coded.size(), kBlockAlignment);
  }
  progress.Add(tensor.bytes(), 0);
  const double scale = static_cast<double>(tensor.bytes()) / static_cast<double>(raw_bytes);
  const uint64_t footer_bytes = kFooterFixedBytes + num_blocks * kBlockTableEntryBytes;
  const auto blocks_bytes = static_cast<uint64_t>(static_cast<double>(coded_bytes) * scale);
  const uint64_t frame_bytes =
      AlignUp<uint64_t>(AlignUp(header_bytes.size(), kBlockAlignment) + blocks_bytes + footer_bytes, kFrameAlignment);
  return std::min(frame_bytes, tensor.bytes());
}

}  // namespace

absl::StatusOr<uint64_t> EstimateContainerBytes(const ByteSource& original, const ContainerPlan& plan,
                                                const Level& level, Progress& progress) {
  uint64_t bytes = kFixedOverheadBytes;
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    const absl::StatusOr<uint64_t> tensor_bytes = EstimateTensorBytes(original, plan, i, level, progress);
    if (!tensor_bytes.ok()) return Annotate(tensor_bytes.status(), Where(plan.kind, plan.tensors[i].name));
    bytes += *tensor_bytes + plan.tensors[i].name.size() + kTensorOverheadBytes;
  }
  return bytes;
}

}  // namespace plait
