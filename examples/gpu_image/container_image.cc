#include "examples/gpu_image/container_image.h"

#include "codec/base/status.h"

namespace plait {

absl::StatusOr<ContainerTensors> FindBf16Tensors(const ContainerReader& container, std::span<const uint8_t> file,
                                                 uint64_t min_elements) {
  ContainerTensors found;
  for (size_t t = 0; t < container.tensors().size(); ++t) {
    const StoredTensor& stored = container.tensors()[t];
    const uint64_t elements = stored.original.bytes() / sizeof(uint16_t);
    if (stored.original.dtype != Dtype::kBf16 || elements < min_elements) continue;
    found.weights += elements;
    if (!stored.framed()) {
      found.plain_bytes += stored.original.bytes();
      continue;
    }
    PLAIT_ASSIGN_OR_RETURN(const FrameReader frame, container.OpenFrame(t));
    gpu::CodedTensor tensor{stored.original.name, {}};
    for (uint64_t b = 0; b < frame.header().num_blocks(); ++b) {
      tensor.blocks.push_back({frame.header().block(b), file.subspan(frame.coded_offset(b), frame.coded_bytes(b))});
    }
    found.coded.push_back(std::move(tensor));
    found.decoded_hashes.push_back(frame.decoded_hash());
  }
  return found;
}

}  // namespace plait
