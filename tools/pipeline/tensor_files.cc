#include "tools/pipeline/tensor_files.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "codec/base/status.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::vector<std::string>> FilesOf(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  for (fs::directory_iterator entry(path, error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() == ".safetensors") files.push_back(entry->path().string());
  }
  if (error) return absl::UnavailableError(absl::StrCat("cannot read the directory: ", error.message()));
  if (files.empty()) return absl::InvalidArgumentError("found no .safetensors file in the directory, expected one");
  std::ranges::sort(files);
  return files;
}

}  // namespace

absl::StatusOr<TensorFiles> TensorFiles::Open(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(const std::vector<std::string> paths, FilesOf(path));
  TensorFiles files;
  for (const std::string& file : paths) {
    const std::string name = file == path ? "" : fs::path(file).filename().string();
    const absl::Status status = files.AddFile(file);
    if (!status.ok()) return name.empty() ? status : Annotate(status, name);
  }
  std::vector<std::string_view> names;
  for (const TensorInfo& tensor : files.tensors_) names.push_back(tensor.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return files;
  return absl::InvalidArgumentError(absl::StrCat("tensor ", Absl(*twice), ": found in two files, expected it in one"));
}

absl::Status TensorFiles::AddFile(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(std::unique_ptr<FileSource> file, FileSource::Open(path));
  PLAIT_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, ReadSafetensorsHeader(*file));
  PLAIT_ASSIGN_OR_RETURN(SafetensorsHeader header, ParseSafetensorsHeader(bytes, file->size()));
  for (TensorInfo& tensor : header.tensors) {
    places_.emplace_back(files_.size(), header.header_bytes + tensor.begin);
    tensors_.push_back(std::move(tensor));
  }
  files_.push_back(std::move(file));
  return absl::OkStatus();
}

std::optional<size_t> TensorFiles::Find(std::string_view name) const {
  const auto found = std::ranges::find(tensors_, name, &TensorInfo::name);
  if (found == tensors_.end()) return std::nullopt;
  return static_cast<size_t>(found - tensors_.begin());
}

absl::Status TensorFiles::Read(size_t tensor, uint64_t offset, std::span<uint8_t> bytes) const {
  const auto& [file, begin] = places_[tensor];
  return Annotate(files_[file]->ReadAt(begin + offset, bytes), "tensor " + tensors_[tensor].name);
}

absl::StatusOr<std::vector<uint8_t>> TensorFiles::ReadAll(size_t tensor) const {
  std::vector<uint8_t> bytes(tensors_[tensor].bytes());
  PLAIT_RETURN_IF_ERROR(Read(tensor, 0, bytes));
  return bytes;
}

uint64_t TensorFiles::file_bytes() const {
  uint64_t bytes = 0;
  for (const auto& file : files_) bytes += file->size();
  return bytes;
}

absl::Status TensorFiles::CheckUnchanged() const {
  for (const auto& file : files_) PLAIT_RETURN_IF_ERROR(file->CheckUnchanged());
  return absl::OkStatus();
}

}  // namespace plait
