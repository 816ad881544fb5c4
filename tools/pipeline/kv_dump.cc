#include "tools/pipeline/kv_dump.h"

#include <algorithm>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "codec/base/checked.h"
#include "codec/base/status.h"
#include "codec/kv/kv_profile.h"
#include "formats/kv/kv_elements.h"
#include "formats/npy/npy_header.h"
#include "formats/safetensors/safetensors_header.h"

namespace plait {
namespace {

absl::Status Refuse(std::string_view field, std::string_view found, std::string_view expected) {
  return absl::InvalidArgumentError(FoundExpected(field, Absl(found), Absl(expected)));
}

std::string ShapeText(std::span<const uint64_t> shape) { return absl::StrCat("[", absl::StrJoin(shape, ", "), "]"); }

// The element type that --dtype names, which must be as wide as the file's elements are.
absl::StatusOr<KvElement> WideElement(const KvDumpOptions& options, std::string_view found, size_t bytes) {
  if (options.element && GetKvElementInfo(*options.element).bytes() == bytes) return *options.element;
  return Refuse("element type", found, bytes == 2 ? "--dtype bf16 or f16" : "--dtype e4m3 or e5m2");
}

absl::StatusOr<KvElement> ElementOfNpy(const KvDumpOptions& options, const std::string& descr) {
  if (descr == "<f2") return KvElement::kF16;
  if (descr == "<u2" || descr == "<i2" || descr == "|V2" || descr == "<V2") return WideElement(options, descr, 2);
  if (descr == "|u1" || descr == "|i1" || descr == "|V1") return WideElement(options, descr, 1);
  return Refuse("descr", descr, "<f2, <u2 or |u1");
}

absl::StatusOr<KvElement> ElementOfTensor(const KvDumpOptions& options, Dtype dtype) {
  for (const KvElement element : {KvElement::kBf16, KvElement::kF16, KvElement::kE4m3, KvElement::kE5m2}) {
    if (DtypeOf(element) == dtype) return element;
  }
  const DtypeInfo& info = GetDtypeInfo(dtype);
  if (dtype == Dtype::kU16 || dtype == Dtype::kI16) return WideElement(options, info.name, 2);
  if (dtype == Dtype::kU8 || dtype == Dtype::kI8) return WideElement(options, info.name, 1);
  return Refuse("dtype", info.name, "BF16, F16, F8_E4M3, F8_E5M2, U16 or U8");
}

// Of a dimension that holds all heads: how many, and what is in each.
absl::Status CutHeads(uint64_t channels, const KvDumpOptions& options, uint32_t* heads, uint32_t* head_dim) {
  const uint64_t wanted = options.heads == 0 ? 1 : options.heads;
  if (channels == 0 || channels > kKvMaxChannels || channels % wanted != 0) {
    return absl::InvalidArgumentError(FoundExpected(
        "channels", channels, absl::StrCat("a multiple of ", wanted, ", at most ", size_t{kKvMaxChannels})));
  }
  *heads = static_cast<uint32_t>(wanted);
  *head_dim = static_cast<uint32_t>(channels / wanted);
  return absl::OkStatus();
}

// The heads of `shape`, of which `leading` dimensions come before them.
absl::Status HeadsOf(std::span<const uint64_t> shape, size_t leading, const KvDumpOptions& options, uint32_t* heads,
                     uint32_t* head_dim) {
  if (shape.size() == leading + 1) return CutHeads(shape[leading], options, heads, head_dim);
  if (shape.size() != leading + 2) {
    return absl::InvalidArgumentError(
        FoundExpected("shape", ShapeText(shape), absl::StrCat(leading + 1, " or ", leading + 2, " dimensions")));
  }
  for (const uint64_t dimension : shape.last(2)) {
    if (dimension == 0 || dimension > kKvMaxChannels) {
      return absl::InvalidArgumentError(
          FoundExpected("heads and head_dim", ShapeText(shape.last(2)), absl::StrCat("1 to ", size_t{kKvMaxChannels})));
    }
  }
  *heads = static_cast<uint32_t>(shape[leading]);
  *head_dim = static_cast<uint32_t>(shape[leading + 1]);
  return absl::OkStatus();
}

// Of "model.layers.7.k": the 7, and "k".
bool ParsePlaneName(std::string_view name, uint32_t* layer, std::string_view* plane) {
  constexpr std::string_view kLayers = "layers.";
  const size_t at = name.rfind(kLayers);
  if (at == std::string_view::npos || (at > 0 && name[at - 1] != '.')) return false;
  const std::string_view rest = name.substr(at + kLayers.size());
  const size_t dot = rest.find('.');
  if (dot == std::string_view::npos || !absl::SimpleAtoi(Absl(rest.substr(0, dot)), layer)) return false;
  *plane = rest.substr(dot + 1);
  return *layer <= kMaxKvModelLayer;
}

// The tensors that are planes: by model layer, for each of options.planes.
using PlaneTensors = std::map<uint32_t, std::vector<const TensorInfo*>>;

absl::StatusOr<PlaneTensors> FindPlanes(const SafetensorsHeader& header, const KvDumpOptions& options) {
  PlaneTensors found;
  for (const TensorInfo& tensor : header.tensors) {
    uint32_t layer = 0;
    std::string_view name;
    if (!ParsePlaneName(tensor.name, &layer, &name)) continue;
    const auto plane = std::ranges::find(options.planes, name);
    if (plane == options.planes.end()) continue;
    std::vector<const TensorInfo*>& of_layer = found[layer];
    of_layer.resize(options.planes.size());
    const TensorInfo*& place = of_layer[static_cast<size_t>(plane - options.planes.begin())];
    if (place != nullptr) return Refuse("tensor " + tensor.name, "a second one of its layer and plane", "one");
    place = &tensor;
  }
  if (found.empty()) {
    return Refuse("tensors", "none called layers.N." + absl::StrJoin(options.planes, " or layers.N."), "some");
  }
  return found;
}

}  // namespace

absl::StatusOr<KvDump> KvDump::Open(const std::string& path, const KvDumpOptions& options) {
  KvDump dump;
  PLAIT_ASSIGN_OR_RETURN(dump.file_, FileSource::Open(path));
  dump.geometry_.rope = options.rope;
  uint8_t first_bytes[6] = {};
  if (dump.file_->size() >= sizeof(first_bytes)) PLAIT_RETURN_IF_ERROR(dump.file_->ReadAt(0, first_bytes));
  const bool is_npy = first_bytes[0] == 0x93 && first_bytes[1] == 'N';
  if (is_npy) {
    PLAIT_RETURN_IF_ERROR(dump.OpenNpy(options));
  } else if (options.layers > 0) {
    PLAIT_RETURN_IF_ERROR(dump.OpenRaw(options));
  } else {
    PLAIT_RETURN_IF_ERROR(dump.OpenSafetensors(options));
  }
  if (dump.tokens_ == 0) return absl::InvalidArgumentError("tokens: found 0, expected some");
  const absl::Status status = CheckKvGeometry(dump.geometry_);
  return status.ok() ? absl::StatusOr<KvDump>(std::move(dump)) : absl::InvalidArgumentError(status.message());
}

// Planes one behind the other, each of all model layers; tokens_ and the element type are known.
absl::Status KvDump::PlaceStacked(uint64_t begin, uint64_t layers, uint32_t heads, uint32_t head_dim,
                                  const KvDumpOptions& options) {
  if (layers == 0 || layers > kMaxKvPlanes / options.planes.size()) {
    return absl::InvalidArgumentError(
        FoundExpected("layers", layers, absl::StrCat("1 to ", kMaxKvPlanes / options.planes.size())));
  }
  uint64_t plane_bytes = GetKvElementInfo(geometry_.element).bytes();
  for (const uint64_t factor : {tokens_, uint64_t{heads}, uint64_t{head_dim}, layers, options.planes.size()}) {
    if (!CheckedMul(plane_bytes, factor, &plane_bytes)) return absl::InvalidArgumentError("elements overflow 64 bits");
  }
  if (begin + plane_bytes != file_->size()) {
    return absl::InvalidArgumentError(FoundExpected("file bytes", file_->size(), begin + plane_bytes));
  }
  plane_bytes /= layers * options.planes.size();
  for (uint32_t layer = 0; layer < layers; ++layer) {
    for (size_t plane = 0; plane < options.planes.size(); ++plane) {
      geometry_.planes.push_back({options.planes[plane], layer, heads, head_dim});
      begins_.push_back(begin + (plane * layers + layer) * plane_bytes);
    }
  }
  return absl::OkStatus();
}

absl::Status KvDump::OpenNpy(const KvDumpOptions& options) {
  std::vector<uint8_t> bytes(std::min<uint64_t>(file_->size(), kMaxNpyHeaderBytes));
  PLAIT_RETURN_IF_ERROR(file_->ReadAt(0, bytes));
  PLAIT_ASSIGN_OR_RETURN(const NpyHeader header, ParseNpyHeader(bytes));
  PLAIT_ASSIGN_OR_RETURN(geometry_.element, ElementOfNpy(options, header.descr));
  if (header.fortran_order && header.shape.size() > 1) {
    return absl::UnimplementedError("fortran_order: found True, expected False");
  }
  if (header.shape.size() < 4 || header.shape[0] != options.planes.size()) {
    return Refuse("shape", ShapeText(header.shape),
                  absl::StrCat("[", options.planes.size(), ", layers, tokens, heads, head_dim]"));
  }
  uint32_t heads = 0;
  uint32_t head_dim = 0;
  PLAIT_RETURN_IF_ERROR(HeadsOf(header.shape, 3, options, &heads, &head_dim));
  tokens_ = header.shape[2];
  return PlaceStacked(header.header_bytes, header.shape[1], heads, head_dim, options);
}

absl::Status KvDump::OpenRaw(const KvDumpOptions& options) {
  if (!options.element || options.heads == 0 || options.head_dim == 0) {
    return absl::InvalidArgumentError("elements alone: --dtype, --heads and --head-dim are required");
  }
  geometry_.element = *options.element;
  const uint64_t token_bytes = GetKvElementInfo(*options.element).bytes() * options.planes.size() *
                               uint64_t{options.layers} * options.heads * options.head_dim;
  tokens_ = file_->size() / token_bytes;
  return PlaceStacked(0, options.layers, options.heads, options.head_dim, options);
}

absl::Status KvDump::OpenSafetensors(const KvDumpOptions& options) {
  PLAIT_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, ReadSafetensorsHeader(*file_));
  PLAIT_ASSIGN_OR_RETURN(const SafetensorsHeader header, ParseSafetensorsHeader(bytes, file_->size()));
  PLAIT_ASSIGN_OR_RETURN(const PlaneTensors tensors, FindPlanes(header, options));
  bool is_first = true;
  for (const auto& [layer, of_layer] : tensors) {
    for (size_t i = 0; i < of_layer.size(); ++i) {
      if (of_layer[i] == nullptr) {
        return Refuse(absl::StrCat("tensor layers.", layer, ".", options.planes[i]), "none", "one");
      }
      const TensorInfo& tensor = *of_layer[i];
      const std::string where = "tensor " + tensor.name;
      const absl::StatusOr<KvElement> element = ElementOfTensor(options, tensor.dtype);
      if (!element.ok()) return Annotate(element.status(), where);
      KvPlaneInfo plane = {.name = options.planes[i], .model_layer = layer};
      PLAIT_RETURN_IF_ERROR(Annotate(HeadsOf(tensor.shape, 1, options, &plane.heads, &plane.head_dim), where));
      if (is_first) {
        geometry_.element = *element;
        tokens_ = tensor.shape[0];
      }
      is_first = false;
      if (*element != geometry_.element || tensor.shape[0] != tokens_) {
        return Refuse(where + ": element type and tokens",
                      absl::StrCat(std::string(KvElementName(*element)), ", ", tensor.shape[0]),
                      absl::StrCat(std::string(KvElementName(geometry_.element)), ", ", tokens_));
      }
      geometry_.planes.push_back(std::move(plane));
      begins_.push_back(header.header_bytes + tensor.begin);
    }
  }
  return absl::OkStatus();
}

absl::Status KvDump::Read(size_t plane, uint64_t first_token, std::span<uint16_t> x) const {
  const size_t bytes = GetKvElementInfo(geometry_.element).bytes();
  const uint64_t begin = begins_[plane] + first_token * geometry_.planes[plane].channels() * bytes;
  if (bytes == 2) return file_->ReadAt(begin, {reinterpret_cast<uint8_t*>(x.data()), x.size_bytes()});
  std::vector<uint8_t> narrow(x.size());
  PLAIT_RETURN_IF_ERROR(file_->ReadAt(begin, narrow));
  KvElementsFromBytes(geometry_.element, narrow, x);
  return absl::OkStatus();
}

}  // namespace plait
