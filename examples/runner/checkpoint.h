// The tensors of a model: a plain .safetensors file of bf16, or a Plait container of one. Tensors that are not coded
// stay in the mapped file. Those that are become one image in memory, as they would on a device (gpu/decode_plan.h):
// coded as they are in the container, checked once, and decoded as rows are asked for (weight_tiles.h).
#ifndef PLAIT_EXAMPLES_RUNNER_CHECKPOINT_H_
#define PLAIT_EXAMPLES_RUNNER_CHECKPOINT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "examples/runner/mapped_file.h"
#include "formats/container/container_reader.h"
#include "formats/safetensors/safetensors_header.h"
#include "gpu/decode_plan.h"

namespace plait::runner {

// The coded tensors of a container.
struct WeightImage {
  gpu::DecodePlan plan;
  std::unique_ptr<uint8_t[]> bytes;  // plan.image_bytes()
};

// A bf16 matrix, row by row: in the mapped file, or coded in an image.
struct Matrix {
  std::string name;
  size_t rows = 0;
  size_t columns = 0;
  const uint16_t* plain = nullptr;     // rows * columns weights, unless
  const WeightImage* image = nullptr;  // they are coded
  gpu::BlockRun blocks = {};           // there

  bool coded() const { return image != nullptr; }
};

class Checkpoint {
 public:
  // Returns: kUnavailable if `path` cannot be mapped; as ContainerReader::Open and OpenFrame, gpu::LoadImage and
  // ParseSafetensorsHeader.
  static absl::StatusOr<Checkpoint> Open(const std::string& path);

  // The tensor `name`, which must be bf16 of shape [rows, columns], or [columns] if `rows` is 1. Its memory is the
  // checkpoint's.
  // Returns: kNotFound; kDataLoss for another shape, or a damaged tensor of a container that is not coded (those that
  // are coded have been checked); kUnimplemented for another dtype or an odd place in the file.
  absl::StatusOr<Matrix> Find(std::string_view name, size_t rows, size_t columns) const;

  bool is_container() const { return container_.has_value(); }
  // Of all tensors, as they stand in the file.
  uint64_t coded_bytes() const;
  // What is kept in memory of them; 0 for a plain file.
  uint64_t image_bytes() const { return image_->plan.image_bytes(); }

 private:
  absl::Status LoadImage();
  absl::StatusOr<Matrix> FindStored(size_t index, size_t rows, size_t columns) const;
  // Of what lies uncoded at `offset` of the file.
  absl::StatusOr<Matrix> Place(const TensorInfo& tensor, uint64_t offset, size_t rows, size_t columns) const;

  std::unique_ptr<MappedFile> file_;
  std::optional<ContainerReader> container_;
  std::unique_ptr<WeightImage> image_ = std::make_unique<WeightImage>();  // of its tensors; does not move
  SafetensorsHeader header_;                                              // of a plain file
};

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_CHECKPOINT_H_
