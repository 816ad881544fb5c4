#include "formats/kv/kv_geometry.h"

#include "codec/base/status.h"
#include "codec/kv/kv_profile.h"

namespace plait {
namespace {

constexpr uint8_t kMaxElement = static_cast<uint8_t>(KvElement::kE5m2);
constexpr uint8_t kMaxRope = static_cast<uint8_t>(KvRope::kPost);

absl::Status CheckPlane(const KvPlaneInfo& plane) {
  if (plane.name.empty() || plane.name.size() > kMaxKvNameBytes) {
    return absl::DataLossError(
        FoundExpected("bytes of the plane's name", plane.name.size(), absl::StrCat("1 to ", kMaxKvNameBytes)));
  }
  if (plane.heads == 0 || plane.head_dim == 0 || plane.heads > kKvMaxChannels || plane.head_dim > kKvMaxChannels ||
      plane.channels() > kKvMaxChannels) {
    return absl::DataLossError(FoundExpected("heads x head_dim", absl::StrCat(plane.heads, " x ", plane.head_dim),
                                             absl::StrCat("1 to ", kKvMaxChannels)));
  }
  if (plane.model_layer > kMaxKvModelLayer) {
    return absl::DataLossError(
        FoundExpected("model layer", plane.model_layer, absl::StrCat("at most ", kMaxKvModelLayer)));
  }
  return absl::OkStatus();
}

absl::Status CheckOrder(const KvGeometry& geometry) {
  const std::vector<KvPlaneInfo>& planes = geometry.planes;
  size_t first_of_layer = 0;
  for (size_t i = 1; i < planes.size(); ++i) {
    if (planes[i].model_layer < planes[i - 1].model_layer) {
      return absl::DataLossError(
          FoundExpected("model layer", planes[i].model_layer, absl::StrCat("at least ", planes[i - 1].model_layer)));
    }
    if (planes[i].model_layer != planes[i - 1].model_layer) first_of_layer = i;
    for (size_t other = first_of_layer; other < i; ++other) {
      if (planes[other].name == planes[i].name) {
        return absl::DataLossError(absl::StrCat("model layer ", planes[i].model_layer, ": plane ", planes[i].name,
                                                ": found two of this name, expected one"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ReadText(KvBytesReader& bytes, std::string_view field, size_t most, std::string* text) {
  uint64_t size = 0;
  std::span<const uint8_t> run;
  PLAIT_RETURN_IF_ERROR(bytes.ReadNumber(field, most, &size));
  PLAIT_RETURN_IF_ERROR(bytes.Read(field, size, &run));
  text->assign(run.begin(), run.end());
  return absl::OkStatus();
}

absl::Status ReadNumber32(KvBytesReader& bytes, std::string_view field, uint64_t most, uint32_t* number) {
  uint64_t value = 0;
  PLAIT_RETURN_IF_ERROR(bytes.ReadNumber(field, most, &value));
  *number = static_cast<uint32_t>(value);
  return absl::OkStatus();
}

absl::Status ReadPlane(KvBytesReader& bytes, uint32_t layer_before, KvPlaneInfo* plane) {
  PLAIT_RETURN_IF_ERROR(ReadText(bytes, "bytes of the plane's name", kMaxKvNameBytes, &plane->name));
  PLAIT_RETURN_IF_ERROR(ReadNumber32(bytes, "model layer", kMaxKvModelLayer - layer_before, &plane->model_layer));
  plane->model_layer += layer_before;
  PLAIT_RETURN_IF_ERROR(ReadNumber32(bytes, "heads", kKvMaxChannels, &plane->heads));
  return ReadNumber32(bytes, "head_dim", kKvMaxChannels, &plane->head_dim);
}

absl::Status ReadKinds(KvBytesReader& bytes, KvGeometry* geometry) {
  std::span<const uint8_t> kinds;
  PLAIT_RETURN_IF_ERROR(bytes.Read("element type and rotation", 2, &kinds));
  if (kinds[0] > kMaxElement) return absl::UnimplementedError(FoundExpected("element type", int{kinds[0]}, "0 to 3"));
  if (kinds[1] > kMaxRope) return absl::UnimplementedError(FoundExpected("rotation of keys", int{kinds[1]}, "0 or 1"));
  geometry->element = static_cast<KvElement>(kinds[0]);
  geometry->rope = static_cast<KvRope>(kinds[1]);
  return absl::OkStatus();
}

std::string Words(const KvPlaneInfo& plane) {
  return absl::StrCat("model layer ", plane.model_layer, " ", plane.name, " [", plane.heads, ", ", plane.head_dim, "]");
}

absl::Status Differs(std::string_view field, std::string_view found, std::string_view expected) {
  return absl::InvalidArgumentError(FoundExpected(field, Absl(found), Absl(expected)));
}

}  // namespace

size_t KvGeometry::channels() const {
  size_t channels = 0;
  for (const KvPlaneInfo& plane : planes) channels += plane.channels();
  return channels;
}

std::vector<KvModelLayer> ModelLayersOf(const KvGeometry& geometry) {
  std::vector<KvModelLayer> layers;
  for (size_t i = 0; i < geometry.planes.size(); ++i) {
    const uint32_t number = geometry.planes[i].model_layer;
    if (layers.empty() || layers.back().number != number) layers.push_back({number, i, 0});
    ++layers.back().num_planes;
  }
  return layers;
}

absl::Status CheckKvGeometry(const KvGeometry& geometry) {
  if (geometry.planes.empty() || geometry.planes.size() > kMaxKvPlanes) {
    return absl::DataLossError(FoundExpected("planes", geometry.planes.size(), absl::StrCat("1 to ", kMaxKvPlanes)));
  }
  if (geometry.model.size() > kMaxKvModelNameBytes) {
    return absl::DataLossError(FoundExpected("bytes of the model's name", geometry.model.size(),
                                             absl::StrCat("at most ", kMaxKvModelNameBytes)));
  }
  for (const KvPlaneInfo& plane : geometry.planes) PLAIT_RETURN_IF_ERROR(CheckPlane(plane));
  return CheckOrder(geometry);
}

absl::Status CheckSameKvGeometry(const KvGeometry& found, const KvGeometry& expected) {
  if (found.element != expected.element) {
    return Differs("element type", KvElementName(found.element), KvElementName(expected.element));
  }
  if (found.rope != expected.rope) return Differs("rotation", KvRopeName(found.rope), KvRopeName(expected.rope));
  if (found.planes.size() != expected.planes.size()) {
    return absl::InvalidArgumentError(FoundExpected("planes", found.planes.size(), expected.planes.size()));
  }
  for (size_t i = 0; i < found.planes.size(); ++i) {
    if (found.planes[i] == expected.planes[i]) continue;
    return Differs(absl::StrCat("plane ", i), Words(found.planes[i]), Words(expected.planes[i]));
  }
  return absl::OkStatus();
}

void AppendKvGeometry(const KvGeometry& geometry, std::vector<uint8_t>* out) {
  out->push_back(static_cast<uint8_t>(geometry.element));
  out->push_back(static_cast<uint8_t>(geometry.rope));
  const auto append_text = [&](const std::string& text) {
    AppendKvRun({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, out);
  };
  append_text(geometry.model);
  AppendKvNumber(geometry.planes.size(), out);
  uint32_t layer_before = 0;
  for (const KvPlaneInfo& plane : geometry.planes) {
    append_text(plane.name);
    AppendKvNumber(plane.model_layer - layer_before, out);
    AppendKvNumber(plane.heads, out);
    AppendKvNumber(plane.head_dim, out);
    layer_before = plane.model_layer;
  }
}

absl::Status ReadKvGeometry(KvBytesReader& bytes, KvGeometry* geometry) {
  PLAIT_RETURN_IF_ERROR(ReadKinds(bytes, geometry));
  PLAIT_RETURN_IF_ERROR(ReadText(bytes, "bytes of the model's name", kMaxKvModelNameBytes, &geometry->model));
  uint64_t num_planes = 0;
  PLAIT_RETURN_IF_ERROR(bytes.ReadNumber("planes", kMaxKvPlanes, &num_planes));
  geometry->planes.clear();
  uint32_t layer_before = 0;
  for (uint64_t i = 0; i < num_planes; ++i) {
    KvPlaneInfo plane;
    PLAIT_RETURN_IF_ERROR(Annotate(ReadPlane(bytes, layer_before, &plane), absl::StrCat("plane ", i)));
    layer_before = plane.model_layer;
    geometry->planes.push_back(std::move(plane));
  }
  return CheckKvGeometry(*geometry);
}

std::string_view KvElementName(KvElement element) {
  switch (element) {
    case KvElement::kBf16: return "bf16";
    case KvElement::kF16: return "f16";
    case KvElement::kE4m3: return "e4m3";
    case KvElement::kE5m2: return "e5m2";
  }
  return "unknown";
}

std::string_view KvRopeName(KvRope rope) { return rope == KvRope::kPre ? "pre" : "post"; }

}  // namespace plait
