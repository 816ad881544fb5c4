#include "examples/runner/checkpoint.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_join.h"
#include "codec/base/hash.h"
#include "codec/base/status.h"
#include "examples/gpu_image/container_image.h"
#include "gpu/loader/image_loader.h"

namespace plait::runner {
namespace {

absl::Status CheckTensor(const TensorInfo& tensor, size_t rows, size_t columns) {
  if (tensor.dtype != Dtype::kBf16) {
    return absl::UnimplementedError(FoundExpected("dtype", Absl(GetDtypeInfo(tensor.dtype).name), "BF16"));
  }
  const std::vector<uint64_t> expected = rows == 1 ? std::vector<uint64_t>{columns} : std::vector{rows, columns};
  if (tensor.shape == expected) return absl::OkStatus();
  return absl::DataLossError(FoundExpected("shape", absl::StrCat("[", absl::StrJoin(tensor.shape, ", "), "]"),
                                           absl::StrCat("[", absl::StrJoin(expected, ", "), "]")));
}

}  // namespace

absl::StatusOr<Checkpoint> Checkpoint::Open(const std::string& path) {
  Checkpoint checkpoint;
  PLAIT_ASSIGN_OR_RETURN(checkpoint.file_, MappedFile::Open(path));
  PLAIT_ASSIGN_OR_RETURN(const bool is_container, LooksLikeContainer(*checkpoint.file_));
  if (is_container) {
    PLAIT_ASSIGN_OR_RETURN(checkpoint.container_, ContainerReader::Open(checkpoint.file_.get()));
    PLAIT_RETURN_IF_ERROR(checkpoint.LoadImage());
    return checkpoint;
  }
  PLAIT_ASSIGN_OR_RETURN(const std::vector<uint8_t> header, ReadSafetensorsHeader(*checkpoint.file_));
  PLAIT_ASSIGN_OR_RETURN(checkpoint.header_, ParseSafetensorsHeader(header, checkpoint.file_->size()));
  return checkpoint;
}

absl::Status Checkpoint::LoadImage() {
  PLAIT_ASSIGN_OR_RETURN(const ContainerTensors tensors, FindBf16Tensors(*container_, file_->bytes(), 0));
  // Pages that the image does not reach are never touched, and take no memory.
  const uint64_t most_bytes = gpu::MaxImageBytes(tensors.coded);
  image_->bytes = std::make_unique_for_overwrite<uint8_t[]>(most_bytes);
  gpu::LoadOptions options;
  options.progress = [this](const gpu::LoadProgress&) { file_->DropPages(); };
  PLAIT_ASSIGN_OR_RETURN(
      gpu::LoadedImage loaded,
      gpu::LoadImage(tensors.coded, options, gpu::SinkTo(std::span(image_->bytes.get(), most_bytes))));
  image_->plan = std::move(loaded.plan);
  return absl::OkStatus();
}

absl::StatusOr<Matrix> Checkpoint::Find(std::string_view name, size_t rows, size_t columns) const {
  const std::string where = absl::StrCat("tensor ", Absl(name));
  absl::StatusOr<Matrix> matrix = absl::NotFoundError("not in this model");
  if (container_) {
    if (const std::optional<size_t> index = container_->Find(name)) matrix = FindStored(*index, rows, columns);
  } else {
    const auto found = std::ranges::find(header_.tensors, name, &TensorInfo::name);
    if (found != header_.tensors.end()) matrix = Place(*found, header_.header_bytes + found->begin, rows, columns);
  }
  if (!matrix.ok()) return Annotate(matrix.status(), where);
  return matrix;
}

absl::StatusOr<Matrix> Checkpoint::FindStored(size_t index, size_t rows, size_t columns) const {
  const StoredTensor& tensor = container_->tensors()[index];
  if (tensor.framed()) {
    PLAIT_RETURN_IF_ERROR(CheckTensor(tensor.original, rows, columns));
    const auto planned = std::ranges::find(image_->plan.tensors(), tensor.original.name, &gpu::PlannedTensor::name);
    return Matrix{.name = tensor.original.name,
                  .rows = rows,
                  .columns = columns,
                  .plain = nullptr,
                  .image = image_.get(),
                  .blocks = planned->blocks};
  }
  Hasher128 hasher;
  hasher.Update(file_->bytes().subspan(tensor.offset, tensor.coded_bytes));
  if (hasher.Digest() != tensor.entry.decoded_hash) {
    return absl::DataLossError("hash: found another one, expected the manifest's");
  }
  return Place(tensor.original, tensor.offset, rows, columns);
}

absl::StatusOr<Matrix> Checkpoint::Place(const TensorInfo& tensor, uint64_t offset, size_t rows, size_t columns) const {
  PLAIT_RETURN_IF_ERROR(CheckTensor(tensor, rows, columns));
  if (offset % sizeof(uint16_t) != 0) return absl::UnimplementedError(FoundExpected("offset", offset, "an even one"));
  const uint8_t* bytes = file_->bytes().data() + offset;
  return Matrix{.name = tensor.name,
                .rows = rows,
                .columns = columns,
                .plain = reinterpret_cast<const uint16_t*>(bytes),
                .image = nullptr,
                .blocks = {}};
}

uint64_t Checkpoint::coded_bytes() const {
  if (!container_) return file_->size() - header_.header_bytes;
  uint64_t bytes = 0;
  for (const StoredTensor& tensor : container_->tensors()) bytes += tensor.coded_bytes;
  return bytes;
}

}  // namespace plait::runner
