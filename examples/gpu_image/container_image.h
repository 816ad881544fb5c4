// The glue between a container and gpu/loader: where the coded blocks of its tensors are.
#ifndef PLAIT_EXAMPLES_GPU_IMAGE_CONTAINER_IMAGE_H_
#define PLAIT_EXAMPLES_GPU_IMAGE_CONTAINER_IMAGE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/base/hash.h"
#include "formats/container/container_reader.h"
#include "gpu/loader/image_loader.h"

namespace plait {

// Tensors of a container in memory.
struct ContainerTensors {
  std::vector<gpu::CodedTensor> coded;
  std::vector<Hash128> decoded_hashes;  // of each
  uint64_t weights = 0;                 // in them
  uint64_t plain_bytes = 0;             // of tensors that are not coded: they go to a device as they are
};

// The bf16 tensors of at least `min_elements` elements. `file` is what `container` reads, and outlives the result.
// Returns: as ContainerReader::OpenFrame.
absl::StatusOr<ContainerTensors> FindBf16Tensors(const ContainerReader& container, std::span<const uint8_t> file,
                                                 uint64_t min_elements);

}  // namespace plait

#endif  // PLAIT_EXAMPLES_GPU_IMAGE_CONTAINER_IMAGE_H_
