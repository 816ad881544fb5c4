// The tensors of a model's .safetensors files, as one list.
#ifndef PLAIT_TOOLS_PIPELINE_TENSOR_FILES_H_
#define PLAIT_TOOLS_PIPELINE_TENSOR_FILES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/safetensors/safetensors_header.h"
#include "tools/pipeline/files.h"

namespace plait {

class TensorFiles {
 public:
  // Opens a .safetensors file, or all that stand in a directory (not below it), in the order of their names.
  // Returns: kInvalidArgument if there is none, or if two files have a tensor of the same name; as FileSource::Open and
  // ParseSafetensorsHeader. Messages name the file.
  static absl::StatusOr<TensorFiles> Open(const std::string& path);

  std::span<const TensorInfo> tensors() const { return tensors_; }
  std::optional<size_t> Find(std::string_view name) const;

  // Fills `bytes` from byte `offset` of a tensor on. Thread-safe. Requires: they are inside it.
  absl::Status Read(size_t tensor, uint64_t offset, std::span<uint8_t> bytes) const;
  absl::StatusOr<std::vector<uint8_t>> ReadAll(size_t tensor) const;

  // Of all files.
  uint64_t file_bytes() const;
  // kUnavailable if a file changed since Open().
  absl::Status CheckUnchanged() const;

 private:
  absl::Status AddFile(const std::string& path);

  std::vector<std::unique_ptr<FileSource>> files_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::pair<size_t, uint64_t>> places_;  // of each tensor: the file, and where in it
};

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_TENSOR_FILES_H_
