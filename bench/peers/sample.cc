#include "bench/peers/sample.h"

#include <algorithm>
#include <memory>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "formats/safetensors/safetensors_header.h"
#include "tools/pipeline/files.h"

namespace plait {
namespace {

constexpr size_t kTensorAlignment = 256;

}  // namespace

absl::StatusOr<Sample> LoadSample(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(const auto file, FileSource::Open(path));
  PLAIT_ASSIGN_OR_RETURN(const auto header_bytes, ReadSafetensorsHeader(*file));
  PLAIT_ASSIGN_OR_RETURN(const auto header, ParseSafetensorsHeader(header_bytes, file->size()));
  if (header.tensors.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": no tensor"));
  Sample sample{.dtype = header.tensors[0].dtype};
  size_t bytes = 0;
  for (const TensorInfo& tensor : header.tensors) {
    if (tensor.dtype != sample.dtype) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": found several types, expected one"));
    }
    sample.tensors.push_back({bytes, tensor.bytes() / sample.element_bytes()});
    sample.weight_bytes += tensor.bytes();
    bytes = AlignUp(bytes + tensor.bytes(), kTensorAlignment);
  }
  sample.buffer = Buffer(bytes);
  std::ranges::fill(sample.buffer.span(), uint8_t{0});
  for (size_t i = 0; i < sample.tensors.size(); ++i) {
    const TensorInfo& tensor = header.tensors[i];
    PLAIT_RETURN_IF_ERROR(file->ReadAt(header.header_bytes + tensor.begin,
                                       sample.buffer.span().subspan(sample.tensors[i].begin, tensor.bytes())));
  }
  return sample;
}

PlaneKind PlanesOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBf16: return PlaneKind::kBf16;
    case Dtype::kF32: return PlaneKind::kF32;
    case Dtype::kF16: return PlaneKind::kF16;
    case Dtype::kF64: return PlaneKind::kF64;
    default: return PlaneKind::kBytes;
  }
}

std::vector<SampleBlock> CutBlocks(const Sample& sample, size_t block_elements) {
  std::vector<SampleBlock> blocks;
  for (const SampleTensor& tensor : sample.tensors) {
    for (size_t first = 0; first < tensor.elements; first += block_elements) {
      const size_t elements = std::min(block_elements, tensor.elements - first);
      blocks.push_back({tensor.begin + first * sample.element_bytes(), static_cast<uint32_t>(elements)});
    }
  }
  return blocks;
}

}  // namespace plait
