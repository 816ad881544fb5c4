// Reads a container: header and manifest at once, tensors on demand.
#ifndef PLAIT_FORMATS_CONTAINER_CONTAINER_READER_H_
#define PLAIT_FORMATS_CONTAINER_CONTAINER_READER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/base/byte_io.h"
#include "formats/container/manifest.h"
#include "formats/frame/frame_reader.h"
#include "formats/safetensors/safetensors_header.h"

namespace plait {

// One tensor of the original and where the container keeps it.
struct StoredTensor {
  TensorInfo original;  // offsets in the original's data section
  ManifestEntry entry;
  uint64_t offset = 0;       // in the container's file
  uint64_t coded_bytes = 0;  // there

  bool framed() const { return entry.state == TensorState::kFramed; }
};

// Whether `source` is, or was before it was damaged, a container. By content: its first or its last bytes say so.
// Returns: kUnavailable if reading fails.
absl::StatusOr<bool> LooksLikeContainer(const ByteSource& source);

// The same of something whose end is not in sight, by its first bytes alone.
bool StartsLikeContainer(std::span<const uint8_t> bytes);

class ContainerReader {
 public:
  // Checks everything but the tensors' data; `source` outlives the reader. Memory is a small multiple of header and
  // manifest.
  // Returns: kFailedPrecondition if it is no Plait file; kOutOfRange if it is truncated; kDataLoss, kUnimplemented or
  // kResourceExhausted as the parts' parsers do.
  static absl::StatusOr<ContainerReader> Open(const ByteSource* source);

  const ByteSource& source() const { return *source_; }
  ContainerKind kind() const { return manifest_.kind; }
  uint64_t original_bytes() const { return manifest_.original_bytes; }
  const std::vector<uint8_t>& original_header() const { return manifest_.original_header; }
  // In the order of the original's data.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  // nullopt if there is none of that name.
  std::optional<size_t> Find(std::string_view name) const;

  // Opens the frame of a framed tensor and checks that it is that tensor's.
  // Returns: as FrameReader::Open; kDataLoss if dtype, shape or hash differ from the manifest's.
  absl::StatusOr<FrameReader> OpenFrame(size_t index) const;

 private:
  absl::Status ReadManifest();
  absl::Status PlaceTensors();
  absl::Status PlaceTensor(const TensorInfo& original, const ManifestEntry& entry, const TensorInfo& stored);

  const ByteSource* source_ = nullptr;
  Manifest manifest_;
  uint64_t manifest_begin_ = 0;
  std::vector<StoredTensor> tensors_;
};

}  // namespace plait

#endif  // PLAIT_FORMATS_CONTAINER_CONTAINER_READER_H_
