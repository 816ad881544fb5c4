#include "tools/pipeline/kv_coding.h"

#include <algorithm>

#include "codec/base/status.h"
#include "tools/pipeline/ordered.h"

namespace plait {
namespace {

// A model layer on its way.
struct LayerItem {
  size_t layer = 0;
  std::vector<std::vector<uint16_t>> planes;
  KvWorkspace workspace;
  absl::Status status;
  KvCodedLayer coded;
};

// Room for the planes of a model layer.
template <class Span>
std::vector<Span> MakeRoom(const KvGeometry& geometry, const KvModelLayer& layer, size_t rows, LayerItem& item) {
  item.planes.resize(layer.num_planes);
  std::vector<Span> spans;
  for (size_t i = 0; i < layer.num_planes; ++i) {
    item.planes[i].resize(rows * geometry.planes[layer.first_plane + i].channels());
    spans.emplace_back(item.planes[i]);
  }
  return spans;
}

// The next model layer, as a producer.
auto CountLayers(size_t num_layers) {
  return [num_layers, next = size_t{0}](LayerItem& item) mutable {
    item.layer = next++;
    return item.layer < num_layers;
  };
}

absl::Status ReadAndEncode(const KvObjectWriter& writer, const KvGeometry& geometry, size_t rows,
                           const KvPlaneReader& read, LayerItem& item) {
  const KvModelLayer& layer = writer.layers()[item.layer];
  const auto planes = MakeRoom<KvElements>(geometry, layer, rows, item);
  for (size_t i = 0; i < planes.size(); ++i) {
    PLAIT_RETURN_IF_ERROR(read(layer.first_plane + i, item.planes[i]));
  }
  PLAIT_ASSIGN_OR_RETURN(item.coded, writer.Encode(item.layer, planes, item.workspace));
  return absl::OkStatus();
}

absl::Status CheckAndDecode(const KvManifest& manifest, std::span<const uint8_t> object, unsigned num_qualities,
                            KvDecoding& decoding, LayerItem& item) {
  std::vector<std::span<const uint8_t>> segments;
  for (unsigned quality = 0; quality < num_qualities; ++quality) {
    PLAIT_ASSIGN_OR_RETURN(segments.emplace_back(), KvSegmentBytes(manifest, object, quality, item.layer));
  }
  const auto planes =
      MakeRoom<std::span<uint16_t>>(decoding.geometry(), decoding.layers()[item.layer], manifest.rows, item);
  return decoding.Add(item.layer, segments, planes);
}

}  // namespace

absl::Status EncodeKvChunk(const KvObjectSettings& settings, const KvGeometry& geometry,
                           const std::shared_ptr<const KvProfileFile>& profile, const KvPlaneReader& read, int threads,
                           std::vector<uint8_t>* object, KvObjectParts* parts) {
  PLAIT_ASSIGN_OR_RETURN(KvObjectWriter writer, KvObjectWriter::Create(settings, geometry, profile));
  const auto encode = [&](LayerItem& item) {
    item.status = ReadAndEncode(writer, geometry, settings.rows, read, item);
  };
  const auto add = [&](LayerItem& item) {
    if (item.status.ok()) writer.Add(std::move(item.coded));
    return item.status;
  };
  PLAIT_RETURN_IF_ERROR(RunOrdered<LayerItem>(threads, CountLayers(writer.layers().size()), encode, add));
  return writer.Finish(object, parts);
}

absl::Status DecodeKvChunk(const KvManifest& manifest, std::span<const uint8_t> object, unsigned num_qualities,
                           int threads, KvDecoding& decoding, const KvPlaneTaker& take) {
  const auto decode = [&](LayerItem& item) {
    item.status = CheckAndDecode(manifest, object, num_qualities, decoding, item);
  };
  const auto give = [&](LayerItem& item) {
    PLAIT_RETURN_IF_ERROR(item.status);
    const size_t first_plane = decoding.layers()[item.layer].first_plane;
    for (size_t i = 0; i < item.planes.size(); ++i) PLAIT_RETURN_IF_ERROR(take(first_plane + i, item.planes[i]));
    return absl::OkStatus();
  };
  return RunOrdered<LayerItem>(threads, CountLayers(manifest.num_layers), decode, give);
}

absl::Status CompareKvChunk(std::span<const uint8_t> object, const std::shared_ptr<const KvProfileFile>& profile,
                            const KvPlaneReader& read, int threads) {
  PLAIT_ASSIGN_OR_RETURN(const KvManifest manifest, ParseKvManifest(object));
  std::vector<uint16_t> original;
  const auto compare = [&](size_t plane, std::span<const uint16_t> x) -> absl::Status {
    original.resize(x.size());
    PLAIT_RETURN_IF_ERROR(read(plane, original));
    if (std::ranges::equal(original, x)) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("plane ", plane, ": found other elements than were coded; this is a bug"));
  };
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<KvDecoding> decoding, KvDecoding::Create(manifest, profile));
  return DecodeKvChunk(manifest, object, manifest.num_qualities, threads, *decoding, compare);
}

absl::StatusOr<std::vector<std::vector<int8_t>>> KvRowStepsOf(std::span<const uint8_t> object,
                                                              const std::shared_ptr<const KvProfileFile>& profile) {
  PLAIT_ASSIGN_OR_RETURN(const KvManifest manifest, ParseKvManifest(object));
  if (manifest.form != KvForm::kLayers) {
    return absl::InvalidArgumentError(FoundExpected("form", Absl(KvFormName(manifest.form)), "layers"));
  }
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<KvDecoding> decoding, KvDecoding::Create(manifest, profile));
  std::vector<std::vector<int8_t>> steps(manifest.num_planes);
  for (size_t layer = 0; layer < decoding->layers().size(); ++layer) {
    const KvModelLayer& place = decoding->layers()[layer];
    PLAIT_ASSIGN_OR_RETURN(const auto base, KvSegmentBytes(manifest, object, 0, layer));
    std::vector<std::vector<uint16_t>> values(place.num_planes);
    for (size_t i = 0; i < place.num_planes; ++i) {
      values[i].resize(manifest.rows * decoding->geometry().planes[place.first_plane + i].channels());
    }
    const std::vector<std::span<uint16_t>> planes(values.begin(), values.end());
    PLAIT_RETURN_IF_ERROR(decoding->Add(layer, std::span(&base, 1), planes));
    for (size_t i = 0; i < place.num_planes; ++i) steps[place.first_plane + i] = decoding->RowSteps(layer, i);
  }
  return steps;
}

}  // namespace plait
