#include "formats/container/container_reader.h"

#include <algorithm>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"

namespace plait {
namespace {

struct Marks {
  bool start = false;
  bool end = false;
};

absl::StatusOr<Marks> FindMarks(const ByteSource& source) {
  Marks marks;
  uint8_t bytes[kSafetensorsLengthBytes + kContainerStart.size()];
  if (source.size() < sizeof(bytes)) return marks;
  PLAIT_RETURN_IF_ERROR(source.ReadAt(0, bytes));
  marks.start = StartsLikeContainer(bytes);
  const auto end = std::span(bytes).first(sizeof(kManifestEnd));
  PLAIT_RETURN_IF_ERROR(source.ReadAt(source.size() - end.size(), end));
  marks.end = std::memcmp(end.data(), kManifestEnd, end.size()) == 0;
  return marks;
}

// Why a file that starts like a container does not end like one: cut off if its header knows of more bytes.
absl::Status ExplainMissingEnd(const ByteSource& source) {
  const absl::StatusOr<std::vector<uint8_t>> header = ReadSafetensorsHeader(source);
  if (!header.ok()) return Annotate(header.status(), "container header");
  const absl::Status parsed = ParseSafetensorsHeader(*header, source.size()).status();
  if (absl::IsOutOfRange(parsed)) return Annotate(parsed, "container");
  return absl::DataLossError("container end: found other bytes, expected \"PLTPLAIT\"");
}

}  // namespace

absl::StatusOr<bool> LooksLikeContainer(const ByteSource& source) {
  PLAIT_ASSIGN_OR_RETURN(const Marks marks, FindMarks(source));
  return marks.start || marks.end;
}

bool StartsLikeContainer(std::span<const uint8_t> bytes) {
  if (bytes.size() < kSafetensorsLengthBytes + kContainerStart.size()) return false;
  return std::memcmp(bytes.data() + kSafetensorsLengthBytes, kContainerStart.data(), kContainerStart.size()) == 0;
}

absl::StatusOr<ContainerReader> ContainerReader::Open(const ByteSource* source) {
  PLAIT_ASSIGN_OR_RETURN(const Marks marks, FindMarks(*source));
  if (!marks.start && !marks.end) {
    return absl::FailedPreconditionError("not a Plait file: found neither its first nor its last bytes");
  }
  if (!marks.end) return ExplainMissingEnd(*source);
  if (!marks.start) {
    return absl::DataLossError("container start: found other bytes, expected {\"__plait__\": at offset 8");
  }
  ContainerReader reader;
  reader.source_ = source;
  PLAIT_RETURN_IF_ERROR(reader.ReadManifest());
  PLAIT_RETURN_IF_ERROR(reader.PlaceTensors());
  return reader;
}

absl::Status ContainerReader::ReadManifest() {
  const uint64_t file_bytes = source_->size();
  uint8_t tail[kManifestTailBytes];
  if (file_bytes < sizeof(tail)) return absl::OutOfRangeError(FoundExpected("file bytes", file_bytes, sizeof(tail)));
  PLAIT_RETURN_IF_ERROR(source_->ReadAt(file_bytes - sizeof(tail), tail));
  const auto manifest_bytes = LoadLe<uint64_t>(tail);
  if (manifest_bytes > file_bytes || manifest_bytes > 2 * kMaxSafetensorsHeaderBytes) {
    return absl::DataLossError(FoundExpected("manifest bytes", manifest_bytes, absl::StrCat("at most ", file_bytes)));
  }
  manifest_begin_ = file_bytes - manifest_bytes;
  std::vector<uint8_t> bytes(manifest_bytes);
  PLAIT_RETURN_IF_ERROR(source_->ReadAt(manifest_begin_, bytes));
  BlockWorkspace workspace;
  PLAIT_ASSIGN_OR_RETURN(manifest_, ParseManifest(bytes, workspace));
  return absl::OkStatus();
}

absl::Status ContainerReader::PlaceTensors() {
  PLAIT_ASSIGN_OR_RETURN(const std::vector<uint8_t> header, ReadSafetensorsHeader(*source_));
  if (header.size() != manifest_.header_bytes) {
    return absl::DataLossError(FoundExpected("container header bytes", header.size(), manifest_.header_bytes));
  }
  if (const uint64_t hash = Hash64(header); hash != manifest_.header_hash) {
    return absl::DataLossError(
        FoundExpected("container header hash", HexDigits(hash), HexDigits(manifest_.header_hash)));
  }
  PLAIT_ASSIGN_OR_RETURN(const SafetensorsHeader stored, ParseSafetensorsHeader(header, source_->size()));
  SafetensorsHeader original;
  if (manifest_.kind == ContainerKind::kSafetensors) {
    PLAIT_ASSIGN_OR_RETURN(original, ParseSafetensorsHeader(manifest_.original_header, manifest_.original_bytes));
    for (const TensorInfo& tensor : original.tensors) {
      if (!tensor.name.starts_with(kReservedPrefix)) continue;
      return absl::DataLossError(FoundExpected("tensor name", tensor.name, "one that is not reserved"));
    }
  } else if (!manifest_.original_header.empty()) {
    return absl::DataLossError(FoundExpected("original header bytes", manifest_.original_header.size(), 0));
  } else if (manifest_.original_bytes != 0) {
    original.tensors.push_back({.name = std::string(kOpaqueName),
                                .dtype = Dtype::kU8,
                                .shape = {manifest_.original_bytes},
                                .begin = 0,
                                .end = manifest_.original_bytes});
  }
  // With as many entries and every name found, the two sets of names are the same.
  if (original.tensors.size() != manifest_.entries.size() || stored.tensors.size() != original.tensors.size() + 1) {
    return absl::DataLossError(FoundExpected("container tensors", stored.tensors.size(),
                                             absl::StrCat(original.tensors.size(), " and the manifest")));
  }
  absl::flat_hash_map<std::string, const TensorInfo*> by_name;
  for (const TensorInfo& tensor : stored.tensors) by_name[tensor.name] = &tensor;
  for (size_t i = 0; i < original.tensors.size(); ++i) {
    const auto found = by_name.find(original.tensors[i].name);
    if (found == by_name.end()) return absl::DataLossError(FoundExpected("tensor", "none", original.tensors[i].name));
    PLAIT_RETURN_IF_ERROR(Annotate(PlaceTensor(original.tensors[i], manifest_.entries[i], *found->second),
                                   "tensor " + original.tensors[i].name));
  }
  const auto manifest = by_name.find(std::string(kManifestName));
  const uint64_t expected_begin = manifest_begin_ - header.size();
  if (manifest == by_name.end() || manifest->second->begin != expected_begin) {
    return absl::DataLossError(FoundExpected("place of the manifest", "another", expected_begin));
  }
  return absl::OkStatus();
}

absl::Status ContainerReader::PlaceTensor(const TensorInfo& original, const ManifestEntry& entry,
                                          const TensorInfo& stored) {
  if (entry.state == TensorState::kPlain && (stored.dtype != original.dtype || stored.shape != original.shape)) {
    return absl::DataLossError("dtype and shape: found others than the original's");
  }
  if (entry.state == TensorState::kFramed && (stored.dtype != Dtype::kU8 || stored.shape.size() != 1)) {
    return absl::DataLossError("dtype and shape of a frame: found others than U8 and one dimension");
  }
  tensors_.push_back({.original = original,
                      .entry = entry,
                      .offset = manifest_.header_bytes + stored.begin,
                      .coded_bytes = stored.bytes()});
  return absl::OkStatus();
}

std::optional<size_t> ContainerReader::Find(std::string_view name) const {
  const auto found = std::ranges::find(
      tensors_, name, [](const StoredTensor& tensor) -> std::string_view { return tensor.original.name; });
  if (found == tensors_.end()) return std::nullopt;
  return found - tensors_.begin();
}

absl::StatusOr<FrameReader> ContainerReader::OpenFrame(size_t index) const {
  const StoredTensor& tensor = tensors_[index];
  PLAIT_ASSIGN_OR_RETURN(FrameReader frame, FrameReader::Open(source_, tensor.offset, tensor.coded_bytes));
  if (frame.header().dtype != tensor.original.dtype || frame.header().shape != tensor.original.shape) {
    return absl::DataLossError("frame dtype and shape: found others than the original's");
  }
  if (frame.decoded_hash() != tensor.entry.decoded_hash) {
    return absl::DataLossError(FoundExpected("decoded hash in the frame", HexDigits(frame.decoded_hash()),
                                             HexDigits(tensor.entry.decoded_hash)));
  }
  return frame;
}

}  // namespace plait
