#include "formats/kv/kv_object_writer.h"

#include "codec/base/hash.h"
#include "codec/base/status.h"
#include "formats/kv/kv_range_segment.h"
#include "formats/kv/kv_tier_segment.h"

namespace plait {
namespace {

absl::Status CheckSettings(const KvObjectSettings& settings) {
  if (settings.rows == 0 || settings.rows > kKvMaxRows) {
    return absl::InvalidArgumentError(FoundExpected("tokens", settings.rows, absl::StrCat("1 to ", kKvMaxRows)));
  }
  const size_t most_exact = settings.form == KvForm::kLayers ? settings.rows : 0;
  if (settings.exact_first > most_exact || settings.exact_last > most_exact - settings.exact_first) {
    return absl::InvalidArgumentError(FoundExpected("exact tokens", settings.exact_first + settings.exact_last,
                                                    absl::StrCat("at most ", most_exact)));
  }
  return absl::OkStatus();
}

absl::Status CheckProfile(const KvObjectSettings& settings, const KvGeometry& geometry, const KvProfileFile* profile) {
  if ((profile == nullptr) == NeedsKvProfile(settings.form)) {
    return absl::InvalidArgumentError(
        FoundExpected("profile", profile == nullptr ? "none" : "one", "one, but for the tier and range forms"));
  }
  if (profile == nullptr) return absl::OkStatus();
  if (settings.form == KvForm::kLayers && !profile->has_quality_layers()) {
    return absl::InvalidArgumentError("profile: found none of quality layers, expected them");
  }
  return Annotate(CheckSameKvGeometry(geometry, profile->geometry), "profile");
}

absl::Status CheckPlanes(const KvGeometry& geometry, const KvModelLayer& layer, size_t rows,
                         std::span<const KvElements> planes) {
  if (planes.size() != layer.num_planes) {
    return absl::InvalidArgumentError(FoundExpected("planes", planes.size(), layer.num_planes));
  }
  for (size_t i = 0; i < planes.size(); ++i) {
    const size_t expected = rows * geometry.planes[layer.first_plane + i].channels();
    if (planes[i].size() != expected) {
      return absl::InvalidArgumentError(
          FoundExpected(absl::StrCat("elements of plane ", i), planes[i].size(), expected));
    }
  }
  return absl::OkStatus();
}

void AddParts(const KvBaseParts& from, KvBaseParts* to) {
  to->repeats += from.repeats;
  to->steps += from.steps;
  to->exact_rows += from.exact_rows;
  to->states += from.states;
  to->symbols += from.symbols;
}

}  // namespace

absl::StatusOr<KvObjectWriter> KvObjectWriter::Create(const KvObjectSettings& settings, KvGeometry geometry,
                                                      std::shared_ptr<const KvProfileFile> profile) {
  PLAIT_RETURN_IF_ERROR(CheckSettings(settings));
  if (absl::Status status = CheckKvGeometry(geometry); !status.ok()) {
    return absl::InvalidArgumentError(status.message());
  }
  PLAIT_RETURN_IF_ERROR(CheckProfile(settings, geometry, profile.get()));
  KvObjectWriter writer;
  writer.settings_ = settings;
  writer.layers_ = ModelLayersOf(geometry);
  writer.geometry_ = std::move(geometry);
  writer.profile_ = std::move(profile);
  return writer;
}

absl::Status KvObjectWriter::EncodeQualities(const KvModelLayer& layer, std::span<const KvElements> planes,
                                             KvWorkspace& workspace, KvCodedLayer* coded) const {
  const KvLayerShape shape = {.first_plane = layer.first_plane,
                              .num_planes = layer.num_planes,
                              .rows = settings_.rows,
                              .exact_first = settings_.exact_first,
                              .exact_last = settings_.exact_last};
  PLAIT_ASSIGN_OR_RETURN(KvLayerEncoder encoder,
                         KvLayerEncoder::Create(*profile_->coder, shape, planes, workspace.layers));
  for (size_t i = 0; i < planes.size() && !settings_.row_steps.empty(); ++i) {
    PLAIT_RETURN_IF_ERROR(encoder.UseRowSteps(i, settings_.row_steps[layer.first_plane + i]));
  }
  if (settings_.form == KvForm::kRans) {
    encoder.EncodeLossless(&coded->segments.emplace_back());
    return absl::OkStatus();
  }
  const unsigned num_qualities = profile_->coder->num_qualities();
  for (unsigned quality = 0; quality < num_qualities; ++quality) {
    encoder.EncodeNext(&coded->segments.emplace_back());
    if (quality + 1 == num_qualities) break;
    for (size_t i = 0; i < planes.size(); ++i) coded->errors.push_back(KvErrorCode(encoder.MeanSquaredError(i)));
  }
  coded->base = encoder.base_parts();
  return absl::OkStatus();
}

absl::StatusOr<KvCodedLayer> KvObjectWriter::Encode(size_t layer, std::span<const KvElements> planes,
                                                    KvWorkspace& workspace) const {
  PLAIT_RETURN_IF_ERROR(CheckPlanes(geometry_, layers_[layer], settings_.rows, planes));
  KvCodedLayer coded;
  if (settings_.form == KvForm::kTier) {
    EncodeKvTierSegment(geometry_.element, layers_[layer].first_plane, planes, workspace.tier,
                        &coded.segments.emplace_back());
  } else if (settings_.form == KvForm::kRange) {
    PLAIT_RETURN_IF_ERROR(
        EncodeKvRangeSegment(geometry_, layers_[layer], settings_.rows, planes, &coded.segments.emplace_back()));
  } else {
    PLAIT_RETURN_IF_ERROR(EncodeQualities(layers_[layer], planes, workspace, &coded));
  }
  return coded;
}

KvManifest KvObjectWriter::MakeManifest() const {
  KvManifest manifest = {.form = settings_.form,
                         .key = settings_.key,
                         .first_token = settings_.first_token,
                         .rows = settings_.rows,
                         .exact_first = settings_.exact_first,
                         .exact_last = settings_.exact_last};
  if (profile_ == nullptr) {
    manifest.geometry = geometry_;
  } else if (settings_.inline_profile) {
    manifest.profile_place = KvProfilePlace::kInline;
    manifest.inline_profile = profile_->bytes;
  } else {
    manifest.profile_place = KvProfilePlace::kNamed;
    manifest.profile_name = profile_->name;
  }
  manifest.num_layers = layers_.size();
  manifest.num_planes = geometry_.planes.size();
  manifest.channels = geometry_.channels();
  manifest.num_qualities = static_cast<unsigned>(coded_[0].segments.size());
  for (unsigned quality = 0; quality < manifest.num_qualities; ++quality) {
    for (size_t layer = 0; layer < layers_.size(); ++layer) {
      const std::vector<uint8_t>& segment = coded_[layer].segments[quality];
      manifest.segments.push_back({.bytes = segment.size(), .hash = Hash64(segment)});
      if (quality + 1 == manifest.num_qualities) continue;
      const auto errors = coded_[layer].errors.begin() + quality * layers_[layer].num_planes;
      manifest.errors.insert(manifest.errors.end(), errors, errors + layers_[layer].num_planes);
    }
  }
  return manifest;
}

absl::Status KvObjectWriter::Finish(std::vector<uint8_t>* object, KvObjectParts* parts) const {
  if (coded_.size() != layers_.size()) {
    return absl::FailedPreconditionError(FoundExpected("coded model layers", coded_.size(), layers_.size()));
  }
  KvManifest manifest = MakeManifest();
  object->clear();
  AppendKvManifest(&manifest, object);
  object->reserve(manifest.object_bytes);
  *parts = {};
  parts->profile = manifest.inline_profile.size();
  parts->manifest = manifest.manifest_bytes - parts->profile;
  for (unsigned quality = 0; quality < manifest.num_qualities; ++quality) {
    const size_t begin = object->size();
    for (const KvCodedLayer& layer : coded_) {
      object->insert(object->end(), layer.segments[quality].begin(), layer.segments[quality].end());
    }
    parts->qualities.push_back(object->size() - begin);
  }
  for (const KvCodedLayer& layer : coded_) AddParts(layer.base, &parts->base);
  return absl::OkStatus();
}

}  // namespace plait
