#include "tools/pipeline/safetensors_writing.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"

namespace plait {
namespace {

constexpr size_t kDataAlignment = 8;
constexpr uint64_t kCopyBytes = uint64_t{1} << 20;
constexpr char kMetadata[] = "\"__metadata__\":{\"format\":\"pt\"}";  // some loaders want it

absl::Status CheckNames(std::span<const TensorInfo> tensors) {
  std::vector<std::string_view> names;
  for (const TensorInfo& tensor : tensors) names.push_back(tensor.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("tensor ", Absl(*twice), ": found two of this name, expected one"));
}

}  // namespace

absl::Status AppendSafetensorsHeader(std::span<TensorInfo> tensors, ByteSink& sink) {
  PLAIT_RETURN_IF_ERROR(CheckNames(tensors));
  uint64_t end = 0;
  for (TensorInfo& tensor : tensors) {
    const uint64_t bytes = tensor.bytes();
    tensor.begin = end;
    tensor.end = end += bytes;
  }
  std::string json = SafetensorsJson(kMetadata, tensors);
  json.resize(AlignUp(json.size(), kDataAlignment), ' ');
  if (json.size() > kMaxSafetensorsHeaderBytes) {
    return absl::ResourceExhaustedError(
        FoundExpected("header bytes", json.size(), absl::StrCat("at most ", kMaxSafetensorsHeaderBytes)));
  }
  uint8_t length[kSafetensorsLengthBytes];
  StoreLe(uint64_t{json.size()}, length);
  PLAIT_RETURN_IF_ERROR(sink.Append(length));
  return sink.Append({reinterpret_cast<const uint8_t*>(json.data()), json.size()});
}

absl::Status CopyTensor(const TensorFiles& files, size_t tensor, ByteSink& sink, Progress& progress) {
  std::vector<uint8_t> bytes;
  const uint64_t size = files.tensors()[tensor].bytes();
  for (uint64_t begin = 0; begin < size; begin += kCopyBytes) {
    bytes.resize(std::min(kCopyBytes, size - begin));
    PLAIT_RETURN_IF_ERROR(files.Read(tensor, begin, bytes));
    PLAIT_RETURN_IF_ERROR(sink.Append(bytes));
    progress.Add(bytes.size(), bytes.size());
  }
  return absl::OkStatus();
}

}  // namespace plait
