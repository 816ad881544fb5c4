#include "tools/pipeline/kv_dump_writer.h"

#include "codec/base/checked.h"
#include "codec/base/status.h"
#include "formats/kv/kv_elements.h"
#include "formats/npy/npy_header.h"
#include "tools/pipeline/safetensors_writing.h"

namespace plait {
namespace {

std::string DescrOf(KvElement element) {
  if (element == KvElement::kF16) return "<f2";
  return GetKvElementInfo(element).bytes() == 2 ? "<u2" : "|u1";
}

absl::StatusOr<uint64_t> BytesOf(const KvGeometry& geometry, uint64_t tokens) {
  uint64_t bytes = GetKvElementInfo(geometry.element).bytes();
  if (CheckedMul(bytes, geometry.channels(), &bytes) && CheckedMul(bytes, tokens, &bytes) && bytes >> 62 == 0) {
    return bytes;
  }
  return absl::ResourceExhaustedError("the cache has more than 2^62 bytes");
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvDumpWriter>> KvDumpWriter::Create(const std::string& path, bool overwrite,
                                                                   const KvGeometry& geometry, uint64_t tokens) {
  PLAIT_ASSIGN_OR_RETURN(const uint64_t bytes, BytesOf(geometry, tokens));
  PLAIT_ASSIGN_OR_RETURN(std::unique_ptr<OutputFile> file, OutputFile::Create(path, overwrite, NewFileMode()));
  std::unique_ptr<KvDumpWriter> writer(new KvDumpWriter(std::move(file), geometry));
  if (path.ends_with(".safetensors")) {
    PLAIT_RETURN_IF_ERROR(writer->PlaceTensors(tokens));
  } else {
    PLAIT_RETURN_IF_ERROR(writer->PlaceStacked(path.ends_with(".npy"), tokens));
  }
  PLAIT_RETURN_IF_ERROR(writer->file_->Extend(writer->file_->size() + bytes));
  return writer;
}

absl::Status KvDumpWriter::PlaceTensors(uint64_t tokens) {
  std::vector<TensorInfo> tensors;
  for (const KvPlaneInfo& plane : geometry_.planes) {
    const uint64_t bytes = tokens * plane.channels() * GetKvElementInfo(geometry_.element).bytes();
    tensors.push_back({.name = absl::StrCat("layers.", plane.model_layer, ".", plane.name),
                       .dtype = DtypeOf(geometry_.element),
                       .shape = {tokens, plane.heads, plane.head_dim},
                       .begin = 0,
                       .end = bytes});
  }
  PLAIT_RETURN_IF_ERROR(AppendSafetensorsHeader(tensors, *file_));
  for (const TensorInfo& tensor : tensors) begins_.push_back(file_->size() + tensor.begin);
  return absl::OkStatus();
}

absl::Status KvDumpWriter::PlaceStacked(bool with_header, uint64_t tokens) {
  const std::vector<KvModelLayer> layers = ModelLayersOf(geometry_);
  const size_t num_planes = layers[0].num_planes;
  for (const KvModelLayer& layer : layers) {
    for (size_t i = 0; i < layer.num_planes; ++i) {
      const KvPlaneInfo& plane = geometry_.planes[layer.first_plane + i];
      const KvPlaneInfo& first = geometry_.planes[i % num_planes];
      const bool same = layer.num_planes == num_planes && plane.name == first.name &&
                        plane.heads == geometry_.planes[0].heads && plane.head_dim == geometry_.planes[0].head_dim;
      if (same) continue;
      return absl::InvalidArgumentError(absl::StrCat("model layer ", layer.number, ": plane ", plane.name,
                                                     ": found no place in one array, expected -o FILE.safetensors"));
    }
  }
  if (with_header) {
    const KvPlaneInfo& plane = geometry_.planes[0];
    const NpyHeader header = {.descr = DescrOf(geometry_.element),
                              .fortran_order = false,
                              .shape = {num_planes, layers.size(), tokens, plane.heads, plane.head_dim}};
    PLAIT_RETURN_IF_ERROR(file_->Append(MakeNpyHeader(header)));
  }
  const uint64_t plane_bytes = tokens * geometry_.planes[0].channels() * GetKvElementInfo(geometry_.element).bytes();
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    for (size_t i = 0; i < num_planes; ++i) {
      begins_.push_back(file_->size() + (i * layers.size() + layer) * plane_bytes);
    }
  }
  return absl::OkStatus();
}

absl::Status KvDumpWriter::Write(size_t plane, uint64_t first_token, std::span<const uint16_t> x) {
  const size_t bytes = GetKvElementInfo(geometry_.element).bytes();
  const uint64_t begin = begins_[plane] + first_token * geometry_.planes[plane].channels() * bytes;
  if (bytes == 2) return file_->WriteAt(begin, {reinterpret_cast<const uint8_t*>(x.data()), x.size_bytes()});
  narrow_.resize(x.size());
  KvElementsToBytes(geometry_.element, x, narrow_);
  return file_->WriteAt(begin, narrow_);
}

}  // namespace plait
