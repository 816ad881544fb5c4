#include "formats/container/container_writer.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"

namespace plait {
namespace {

// A longer tensor name is odd, and several copies of it would be large.
constexpr size_t kLongestTensorName = size_t{64} << 10;

// An upper bound of the container's header: every offset as long as the longest can get, every tensor in the longer of
// its two forms.
uint64_t ReservedHeaderBytes(const ContainerPlan& plan) {
  const uint64_t most_manifest_bytes = kManifestFixedBytes + kManifestTailBytes +
                                       kManifestEntryBytes * plan.tensors.size() +
                                       ZSTD_compressBound(plan.original_header.size()) + kFrameAlignment;
  // No tensor is placed in more bytes than it has.
  const uint64_t last = plan.original_bytes + most_manifest_bytes;
  // An entry and its comma, the braces left out.
  const auto json_bytes = [](const TensorInfo& entry) { return SafetensorsJson("", {&entry, 1}).size() - 1; };
  uint64_t json = 2 + kContainerMetadata.size();
  json += json_bytes({.name = std::string(kManifestName), .shape = {most_manifest_bytes}, .begin = last, .end = last});
  for (const TensorInfo& tensor : plan.tensors) {
    TensorInfo plain = tensor;
    plain.begin = plain.end = last;
    const TensorInfo framed = {.name = tensor.name, .shape = {tensor.bytes()}, .begin = last, .end = last};
    json += std::max(json_bytes(plain), json_bytes(framed));
  }
  return AlignUp<uint64_t>(kSafetensorsLengthBytes + json, kFrameAlignment);
}

absl::StatusOr<ContainerPlan> SafetensorsPlan(const ByteSource& original) {
  ContainerPlan plan{
      .kind = ContainerKind::kSafetensors, .original_bytes = original.size(), .original_header = {}, .tensors = {}};
  PLAIT_ASSIGN_OR_RETURN(plan.original_header, ReadSafetensorsHeader(original));
  PLAIT_ASSIGN_OR_RETURN(SafetensorsHeader header, ParseSafetensorsHeader(plan.original_header, original.size()));
  plan.tensors = std::move(header.tensors);
  for (const TensorInfo& tensor : plan.tensors) {
    if (tensor.name.starts_with(kReservedPrefix)) {
      return absl::DataLossError(FoundExpected("tensor name", tensor.name, "one that is not reserved"));
    }
    if (tensor.name.size() > kLongestTensorName) {
      return absl::ResourceExhaustedError(
          FoundExpected("tensor name bytes", tensor.name.size(), absl::StrCat("at most ", kLongestTensorName)));
    }
  }
  if (const uint64_t bytes = ReservedHeaderBytes(plan) - kSafetensorsLengthBytes; bytes > kMaxSafetensorsHeaderBytes) {
    return absl::ResourceExhaustedError(
        FoundExpected("container header bytes", bytes, absl::StrCat("at most ", kMaxSafetensorsHeaderBytes)));
  }
  return plan;
}

// `json` is padded with spaces to fill `header_bytes` with the length in front.
std::vector<uint8_t> HeaderBytes(std::string_view json, uint64_t header_bytes) {
  std::vector<uint8_t> bytes(header_bytes, ' ');
  StoreLe(header_bytes - kSafetensorsLengthBytes, bytes.data());
  std::memcpy(bytes.data() + kSafetensorsLengthBytes, json.data(), json.size());
  return bytes;
}

}  // namespace

ContainerPlan OpaquePlan(uint64_t original_bytes) {
  ContainerPlan plan{
      .kind = ContainerKind::kOpaque, .original_bytes = original_bytes, .original_header = {}, .tensors = {}};
  if (original_bytes != 0) {
    plan.tensors.push_back({.name = std::string(kOpaqueName),
                            .dtype = Dtype::kU8,
                            .shape = {original_bytes},
                            .begin = 0,
                            .end = original_bytes});
  }
  return plan;
}

absl::StatusOr<ContainerPlan> PlanContainer(const ByteSource& original, bool strict) {
  absl::StatusOr<ContainerPlan> plan = SafetensorsPlan(original);
  if (plan.ok() || plan.status().code() == absl::StatusCode::kUnavailable) return plan;
  if (strict) {
    return absl::UnimplementedError(
        absl::StrCat("not a valid .safetensors file, refused by --strict: ", plan.status().message()));
  }
  return OpaquePlan(original.size());
}

bool MayShrink(const ContainerPlan& plan, size_t index) {
  const bool opaque = plan.kind == ContainerKind::kOpaque;
  return plan.tensors[index].bytes() > (opaque ? kNeverFramedBytes : kNeverFramedTensorBytes);
}

FrameHeader FrameHeaderFor(const ContainerPlan& plan, size_t index, unsigned block_log2) {
  const TensorInfo& tensor = plan.tensors[index];
  const bool opaque = plan.kind == ContainerKind::kOpaque;
  return {.dtype = tensor.dtype,
          .shape = tensor.shape,
          .block_log2 = opaque ? kOpaqueBlockLog2 : WrittenBlockLog2(GetDtypeInfo(tensor.dtype).bits, block_log2),
          .sections = {}};
}

ContainerWriter::ContainerWriter(const ContainerPlan* plan, ByteSink* sink)
    : plan_(plan), sink_(sink), frame_(sink), placed_(plan->tensors.size()) {}

std::string ContainerWriter::HeaderJson(uint64_t manifest_begin, uint64_t manifest_bytes) const {
  std::vector<TensorInfo> entries = {{.name = std::string(kManifestName),
                                      .dtype = Dtype::kU8,
                                      .shape = {manifest_bytes},
                                      .begin = manifest_begin,
                                      .end = manifest_begin + manifest_bytes}};
  for (size_t i = 0; i < placed_.size(); ++i) {
    TensorInfo entry = plan_->tensors[i];
    entry.begin = placed_[i].begin;
    entry.end = placed_[i].end;
    if (placed_[i].entry.state == TensorState::kFramed) {
      entry.dtype = Dtype::kU8;
      entry.shape = {entry.bytes()};
    }
    entries.push_back(std::move(entry));
  }
  std::string json = SafetensorsJson("", entries);
  json.insert(json.size() - 1, absl::StrCat(",", Absl(kContainerMetadata)));
  return json;
}

absl::Status ContainerWriter::Begin() {
  data_begin_ = ReservedHeaderBytes(*plan_);
  return AppendZerosUpTo(data_begin_, *sink_);
}

absl::Status ContainerWriter::BeginFrame(const FrameHeader& header, std::span<const uint8_t> header_bytes) {
  frame_begin_ = sink_->size();
  return frame_.Begin(header, header_bytes);
}

absl::Status ContainerWriter::AddBlock(std::span<const uint8_t> coded, std::span<const uint8_t> raw) {
  return frame_.AddBlock(coded, raw);
}

absl::Status ContainerWriter::EndFrame(size_t index) {
  PLAIT_ASSIGN_OR_RETURN(const FrameSummary summary, frame_.Finish());
  Placed& placed = placed_[index];
  if (summary.frame_bytes >= plan_->tensors[index].bytes()) {
    placed.seen_hash = summary.decoded_hash;
    return sink_->Truncate(frame_begin_);
  }
  placed.entry = {TensorState::kFramed, summary.main_codec, summary.decoded_hash};
  placed.begin = frame_begin_ - data_begin_;
  placed.end = placed.begin + summary.frame_bytes;
  return absl::OkStatus();
}

std::vector<size_t> ContainerWriter::PlainTensors() const {
  std::vector<size_t> plain;
  for (size_t i = 0; i < placed_.size(); ++i) {
    if (placed_[i].entry.state == TensorState::kPlain) plain.push_back(i);
  }
  std::ranges::stable_sort(plain, std::greater(), [&](size_t i) { return GetDtypeInfo(plan_->tensors[i].dtype).bits; });
  return plain;
}

absl::Status ContainerWriter::BeginPlain(size_t index) {
  placed_[index].begin = sink_->size() - data_begin_;
  plain_hash_.Reset();
  return absl::OkStatus();
}

absl::Status ContainerWriter::AddPlain(std::span<const uint8_t> bytes) {
  plain_hash_.Update(bytes);
  return sink_->Append(bytes);
}

absl::Status ContainerWriter::EndPlain(size_t index) {
  Placed& placed = placed_[index];
  placed.entry.decoded_hash = plain_hash_.Digest();
  placed.end = sink_->size() - data_begin_;
  if (placed.seen_hash.value_or(placed.entry.decoded_hash) != placed.entry.decoded_hash) {
    return absl::DataLossError("the file changed while it was read");
  }
  return absl::OkStatus();
}

absl::Status ContainerWriter::Finish() {
  Manifest manifest{.kind = plan_->kind,
                    .original_bytes = plan_->original_bytes,
                    .header_bytes = data_begin_,
                    .original_header = plan_->original_header,
                    .entries = {},
                    .sections = {}};
  for (const Placed& placed : placed_) manifest.entries.push_back(placed.entry);
  BlockWorkspace workspace;
  std::vector<uint8_t> manifest_bytes = SerializeManifest(manifest, workspace);
  const std::string json = HeaderJson(sink_->size() - data_begin_, manifest_bytes.size());
  if (kSafetensorsLengthBytes + json.size() > data_begin_) {
    return absl::InternalError(
        FoundExpected("container header bytes", json.size(), absl::StrCat("at most ", data_begin_)));
  }
  const std::vector<uint8_t> header = HeaderBytes(json, data_begin_);
  PatchManifestHeaderHash(Hash64(header), manifest_bytes);
  PLAIT_RETURN_IF_ERROR(sink_->Append(manifest_bytes));
  return sink_->WriteAt(0, header);
}

}  // namespace plait
