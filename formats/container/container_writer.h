// Writes a container to a sink: reserved header, frames, plain tensors, manifest, and the header last, over the space
// that was reserved for it.
#ifndef PLAIT_FORMATS_CONTAINER_CONTAINER_WRITER_H_
#define PLAIT_FORMATS_CONTAINER_CONTAINER_WRITER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "formats/base/byte_io.h"
#include "formats/container/manifest.h"
#include "formats/frame/frame_writer.h"
#include "formats/safetensors/safetensors_header.h"

namespace plait {

// What a container is made of, known before its first byte is written.
struct ContainerPlan {
  ContainerKind kind = ContainerKind::kOpaque;
  uint64_t original_bytes = 0;
  std::vector<uint8_t> original_header;  // the original's first bytes, up to its data; empty for kOpaque
  std::vector<TensorInfo> tensors;       // in the order of the original's data
};

// Looks at an original and plans its container. A file that is no valid .safetensors, or that uses a reserved name or
// one of more than 64 KiB, or whose container would have too long a header, becomes one opaque tensor.
// Returns: with `strict`, kUnimplemented instead of an opaque plan, saying why; kUnavailable if reading fails.
absl::StatusOr<ContainerPlan> PlanContainer(const ByteSource& original, bool strict);

// The plan that carries an original of that size as one opaque tensor.
ContainerPlan OpaquePlan(uint64_t original_bytes);

// Whether a frame is worth trying for tensor `index`.
bool MayShrink(const ContainerPlan& plan, size_t index);

// How tensor `index` is to be cut, for FrameWriter and for whoever codes the blocks: a tensor into blocks of
// 2^block_log2 elements, an opaque file into those of kOpaqueBlockLog2.
FrameHeader FrameHeaderFor(const ContainerPlan& plan, size_t index, unsigned block_log2 = kDefaultBlockLog2);

// Usage: Begin; for every tensor that might shrink, in order, BeginFrame, AddBlock..., EndFrame; then for every tensor
// of PlainTensors(), in that order, BeginPlain, AddPlain..., EndPlain; then Finish.
class ContainerWriter {
 public:
  // `plan` and `sink` outlive the writer; the sink is empty.
  ContainerWriter(const ContainerPlan* plan, ByteSink* sink);

  absl::Status Begin();

  // `header` comes from FrameHeaderFor and MakeFrameHeader, which made `header_bytes`.
  absl::Status BeginFrame(const FrameHeader& header, std::span<const uint8_t> header_bytes);
  absl::Status AddBlock(std::span<const uint8_t> coded, std::span<const uint8_t> raw);
  // Keeps the frame of tensor `index` if it is smaller than the tensor, else takes it back: the tensor stays plain.
  absl::Status EndFrame(size_t index);

  // Tensors that no frame was kept for: widest element first, so that every one starts aligned, as loaders expect.
  std::vector<size_t> PlainTensors() const;
  absl::Status BeginPlain(size_t index);
  absl::Status AddPlain(std::span<const uint8_t> bytes);
  // kDataLoss if the bytes are not those that a frame was tried on: the original changed while it was read.
  absl::Status EndPlain(size_t index);

  // Writes manifest and header.
  absl::Status Finish();

 private:
  // What became of a tensor; offsets are in the data section.
  struct Placed {
    ManifestEntry entry;
    uint64_t begin = 0;
    uint64_t end = 0;
    std::optional<Hash128> seen_hash;  // of the bytes that a frame was tried on
  };

  std::string HeaderJson(uint64_t manifest_begin, uint64_t manifest_bytes) const;

  const ContainerPlan* plan_;
  ByteSink* sink_;
  FrameWriter frame_;
  uint64_t data_begin_ = 0;
  uint64_t frame_begin_ = 0;
  Hasher128 plain_hash_;
  std::vector<Placed> placed_;
};

}  // namespace plait

#endif  // PLAIT_FORMATS_CONTAINER_CONTAINER_WRITER_H_
