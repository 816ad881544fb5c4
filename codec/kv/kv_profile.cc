#include "codec/kv/kv_profile.h"

#include <cmath>

#include "codec/base/status.h"

namespace plait {
namespace {

absl::Status CheckSize(std::string_view field, size_t found, size_t expected) {
  if (found == expected) return absl::OkStatus();
  return absl::DataLossError(FoundExpected(field, absl::StrCat(found, " entries"), expected));
}

absl::Status CheckClasses(std::string_view field, const std::vector<uint8_t>& classes, size_t num_classes) {
  for (const uint8_t one : classes) {
    if (one >= num_classes) {
      return absl::DataLossError(FoundExpected(field, int{one}, absl::StrCat("below ", num_classes)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckQualityLayers(const KvProfile& profile, const KvPlaneProfile& plane) {
  PLAIT_RETURN_IF_ERROR(CheckSize("index_class", plane.index_class.size(), plane.channels()));
  PLAIT_RETURN_IF_ERROR(CheckSize("index_channels", plane.index_channels.size(), plane.channels()));
  PLAIT_RETURN_IF_ERROR(CheckSize("steps", plane.steps.size(), plane.channels()));
  PLAIT_RETURN_IF_ERROR(CheckClasses("index_class", plane.index_class, profile.indices.num_classes()));
  for (const KvIndexChannel& channel : plane.index_channels) {
    if (channel.shift > kKvMaxShift) {
      return absl::DataLossError(FoundExpected("shift", int{channel.shift}, absl::StrCat("at most ", kKvMaxShift)));
    }
  }
  if (!std::isfinite(plane.token_reference) || plane.token_reference < 0) {
    return absl::DataLossError(FoundExpected("token_reference", plane.token_reference, "a number from 0 on"));
  }
  return absl::OkStatus();
}

absl::Status CheckPlane(const KvProfile& profile, const KvPlaneProfile& plane) {
  if (plane.channels() == 0 || plane.channels() > kKvMaxChannels) {
    return absl::DataLossError(FoundExpected("channels", plane.channels(), absl::StrCat("1 to ", kKvMaxChannels)));
  }
  PLAIT_RETURN_IF_ERROR(CheckSize("head_offset", plane.head_offset.size(), plane.channels()));
  PLAIT_RETURN_IF_ERROR(CheckClasses("head_class", plane.head_class, profile.heads.num_classes()));
  return plane.has_quality_layers() ? CheckQualityLayers(profile, plane) : absl::OkStatus();
}

absl::Status CheckBitTables(const KvProfile& profile) {
  PLAIT_RETURN_IF_ERROR(CheckSize("bit tables", profile.bits.size(), profile.indices.num_classes()));
  for (const auto& of_class : profile.bits) {
    for (const uint16_t share : of_class) {
      if (share < 1 || share >= kKvSlots) {
        return absl::DataLossError(FoundExpected("share of decisions", share, absl::StrCat("1 to ", kKvSlots - 1)));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckKvProfile(const KvProfile& profile) {
  if (profile.refinements < 1 || profile.refinements > kKvMaxRefinements) {
    return absl::DataLossError(
        FoundExpected("refinements", profile.refinements, absl::StrCat("1 to ", kKvMaxRefinements)));
  }
  PLAIT_RETURN_IF_ERROR(Annotate(CheckKvTables(profile.heads), "head tables"));
  if (profile.indices.num_classes() > 0) {
    PLAIT_RETURN_IF_ERROR(Annotate(CheckKvTables(profile.indices), "index tables"));
  }
  PLAIT_RETURN_IF_ERROR(CheckBitTables(profile));
  for (size_t i = 0; i < profile.planes.size(); ++i) {
    PLAIT_RETURN_IF_ERROR(Annotate(CheckPlane(profile, profile.planes[i]), absl::StrCat("plane ", i).c_str()));
  }
  return absl::OkStatus();
}

}  // namespace plait
