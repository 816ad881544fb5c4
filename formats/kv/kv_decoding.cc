#include "formats/kv/kv_decoding.h"

#include "codec/base/hash.h"
#include "codec/base/status.h"
#include "formats/kv/kv_range_segment.h"
#include "formats/kv/kv_tier_segment.h"

namespace plait {
namespace {

// The profile that the object needs: its own, or the one it names.
absl::StatusOr<std::shared_ptr<const KvProfileFile>> ProfileOf(const KvManifest& manifest,
                                                               std::shared_ptr<const KvProfileFile> profile,
                                                               const KvDecodingLimits& limits) {
  if (manifest.profile_place == KvProfilePlace::kInline) {
    auto inside = ParseKvProfileFile(manifest.inline_profile, limits.max_profile_bytes);
    if (absl::IsFailedPrecondition(inside.status())) return absl::DataLossError(inside.status().message());
    return inside;
  }
  const bool is_there = profile != nullptr && profile->name == manifest.profile_name;
  if (is_there) return profile;
  return absl::NotFoundError(FoundExpected("profile", profile == nullptr ? "none" : HexDigits(profile->name),
                                           HexDigits(manifest.profile_name)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvDecoding>> KvDecoding::Create(const KvManifest& manifest,
                                                               std::shared_ptr<const KvProfileFile> profile,
                                                               const KvDecodingLimits& limits) {
  std::unique_ptr<KvDecoding> decoding(new KvDecoding());
  decoding->form_ = manifest.form;
  decoding->num_qualities_ = manifest.num_qualities;
  decoding->shape_.rows = manifest.rows;
  decoding->shape_.exact_first = manifest.exact_first;
  decoding->shape_.exact_last = manifest.exact_last;
  if (manifest.profile_place == KvProfilePlace::kNone) {
    decoding->geometry_ = manifest.geometry;
  } else {
    PLAIT_ASSIGN_OR_RETURN(decoding->profile_, ProfileOf(manifest, std::move(profile), limits));
  }
  decoding->layers_ = ModelLayersOf(decoding->geometry());
  decoding->states_.resize(decoding->layers_.size());
  PLAIT_RETURN_IF_ERROR(decoding->CheckFits(manifest, limits));
  return decoding;
}

absl::Status KvDecoding::CheckFits(const KvManifest& manifest, const KvDecodingLimits& limits) const {
  const KvGeometry& geometry = this->geometry();
  if (geometry.planes.size() != manifest.num_planes || layers_.size() != manifest.num_layers ||
      geometry.channels() != manifest.channels) {
    return absl::DataLossError(
        FoundExpected("planes, model layers, channels",
                      absl::StrCat(manifest.num_planes, ", ", manifest.num_layers, ", ", manifest.channels),
                      absl::StrCat(geometry.planes.size(), ", ", layers_.size(), ", ", geometry.channels())));
  }
  if (form_ == KvForm::kLayers) {
    const unsigned expected = profile_->has_quality_layers() ? profile_->coder->num_qualities() : 0;
    if (num_qualities_ != expected) return absl::DataLossError(FoundExpected("qualities", num_qualities_, expected));
  }
  for (size_t i = 0; i < layers_.size(); ++i) {
    uint64_t elements = 0;
    for (size_t plane = 0; plane < layers_[i].num_planes; ++plane) {
      elements += manifest.rows * geometry.planes[layers_[i].first_plane + plane].channels();
    }
    if (elements > manifest.segment(0, i).bytes * kMaxKvElementsPerByte) {
      return absl::DataLossError(FoundExpected(absl::StrCat("model layer ", layers_[i].number, ": elements"), elements,
                                               absl::StrCat("what ", manifest.segment(0, i).bytes, " bytes can hold")));
    }
    if (elements > limits.max_layer_elements) {
      return absl::ResourceExhaustedError(FoundExpected(absl::StrCat("model layer ", layers_[i].number, ": elements"),
                                                        elements, absl::StrCat("at most ", limits.max_layer_elements)));
    }
  }
  return absl::OkStatus();
}

absl::Status KvDecoding::CheckAdd(size_t layer, size_t num_segments,
                                  std::span<const std::span<uint16_t>> planes) const {
  const unsigned left = num_qualities_ - states_[layer].qualities;
  if (num_segments == 0 || num_segments > left) {
    return absl::InvalidArgumentError(FoundExpected("segments", num_segments, absl::StrCat("1 to ", left)));
  }
  if (planes.size() != layers_[layer].num_planes) {
    return absl::InvalidArgumentError(FoundExpected("planes", planes.size(), layers_[layer].num_planes));
  }
  for (size_t i = 0; i < planes.size(); ++i) {
    const size_t expected = shape_.rows * geometry().planes[layers_[layer].first_plane + i].channels();
    if (planes[i].size() != expected) {
      return absl::InvalidArgumentError(
          FoundExpected(absl::StrCat("elements of plane ", i), planes[i].size(), expected));
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<KvWorkspace> KvDecoding::TakeWorkspace() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<KvWorkspace>();
  std::unique_ptr<KvWorkspace> workspace = std::move(idle_.back());
  idle_.pop_back();
  return workspace;
}

void KvDecoding::GiveBack(std::unique_ptr<KvWorkspace> workspace) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(workspace));
}

absl::Status KvDecoding::AddQualities(size_t layer, std::span<const std::span<const uint8_t>> segments,
                                      std::span<const std::span<uint16_t>> planes) {
  LayerState& state = states_[layer];
  for (const auto segment : segments) {
    PLAIT_RETURN_IF_ERROR(Annotate(state.decoder->Add(segment), absl::StrCat("quality ", state.qualities)));
    ++state.qualities;
  }
  for (size_t i = 0; i < planes.size(); ++i) state.decoder->Values(i, planes[i]);
  return absl::OkStatus();
}

absl::Status KvDecoding::Add(size_t layer, std::span<const std::span<const uint8_t>> segments,
                             std::span<const std::span<uint16_t>> planes) {
  PLAIT_RETURN_IF_ERROR(CheckAdd(layer, segments.size(), planes));
  LayerState& state = states_[layer];
  const KvModelLayer& place = layers_[layer];
  KvLayerShape shape = shape_;
  shape.first_plane = place.first_plane;
  shape.num_planes = place.num_planes;
  if (state.workspace == nullptr) state.workspace = TakeWorkspace();
  absl::Status status;
  if (form_ == KvForm::kTier) {
    status = DecodeKvTierSegment(geometry().element, place.first_plane, segments[0], state.workspace->tier, planes);
  } else if (form_ == KvForm::kRange) {
    status = DecodeKvRangeSegment(geometry(), place, shape.rows, segments[0], planes);
  } else if (form_ == KvForm::kRans) {
    status = KvLayerDecoder::DecodeLossless(*profile_->coder, shape, segments[0], state.workspace->layers, planes);
  } else {
    if (!state.decoder) {
      PLAIT_ASSIGN_OR_RETURN(KvLayerDecoder decoder,
                             KvLayerDecoder::Create(*profile_->coder, shape, state.workspace->layers));
      state.decoder.emplace(std::move(decoder));
    }
    status = AddQualities(layer, segments, planes);
  }
  if (status.ok() && form_ != KvForm::kLayers) state.qualities = 1;
  if (!status.ok() || state.qualities == num_qualities_) {
    state.decoder.reset();
    GiveBack(std::move(state.workspace));
    state.qualities = num_qualities_;
  }
  return Annotate(status, absl::StrCat("model layer ", place.number));
}

}  // namespace plait
