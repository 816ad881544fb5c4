// The tensors of a model: a plain .safetensors file of bf16, or a Plait container of one. Both are mapped, and nothing
// of either is copied before a row is asked for (weight_tiles.h).
#ifndef PLAIT_EXAMPLES_RUNNER_CHECKPOINT_H_
#define PLAIT_EXAMPLES_RUNNER_CHECKPOINT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "examples/runner/mapped_file.h"
#include "formats/container/container_reader.h"
#include "formats/frame/frame_reader.h"
#include "formats/safetensors/safetensors_header.h"

namespace plait::runner {

// A bf16 matrix, row by row, in the mapped file: as it is, or in a frame.
struct Matrix {
  std::string name;
  size_t rows = 0;
  size_t columns = 0;
  const uint16_t* plain = nullptr;   // rows * columns weights, unless
  std::optional<FrameReader> frame;  // they are coded
  std::span<const uint8_t> file;     // that the frame stands in

  bool coded() const { return frame.has_value(); }
};

class Checkpoint {
 public:
  // Returns: kUnavailable if `path` cannot be mapped; as ContainerReader::Open and ParseSafetensorsHeader.
  static absl::StatusOr<Checkpoint> Open(const std::string& path);

  // The tensor `name`, which must be bf16 of shape [rows, columns], or [columns] if `rows` is 1. Its memory is the
  // checkpoint's.
  // Returns: kNotFound; kDataLoss for another shape, or a damaged tensor of a container that is not coded (those that
  // are coded are checked as they are read); kUnimplemented for another dtype or an odd place in the file; as
  // ContainerReader::OpenFrame.
  absl::StatusOr<Matrix> Find(std::string_view name, size_t rows, size_t columns) const;

  bool is_container() const { return container_.has_value(); }
  // Of all tensors, as they stand in the file.
  uint64_t coded_bytes() const;

 private:
  absl::StatusOr<Matrix> FindStored(size_t index, size_t rows, size_t columns) const;
  // Of what lies uncoded at `offset` of the file.
  absl::StatusOr<Matrix> Place(const TensorInfo& tensor, uint64_t offset, size_t rows, size_t columns) const;

  std::unique_ptr<MappedFile> file_;
  std::optional<ContainerReader> container_;
  SafetensorsHeader header_;  // of a plain file
};

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_CHECKPOINT_H_
