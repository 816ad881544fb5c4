#include "formats/kv/kv_manifest.h"

#include <algorithm>
#include <bit>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/kv/kv_coder.h"
#include "formats/kv/kv_header.h"

namespace plait {
namespace {

constexpr unsigned kErrorShift = 48;
constexpr unsigned kMaxQualities = kKvMaxRefinements + 2;
constexpr uint64_t kMaxToken = uint64_t{1} << 62;
constexpr size_t kLeastSegmentEntryBytes = 1 + kKvHashBytes;

template <class T>
void AppendLe(T value, std::vector<uint8_t>* out) {
  out->resize(out->size() + sizeof(T));
  StoreLe(value, out->data() + out->size() - sizeof(T));
}

uint64_t Difference(uint16_t code, uint16_t before) {
  const int32_t difference = code - before;
  return static_cast<uint32_t>(difference) << 1 ^ static_cast<uint32_t>(difference >> 31);
}

// Errors of neighbouring planes, and of a plane at neighbouring qualities, are alike.
uint16_t ErrorBefore(const KvManifest& manifest, size_t i) {
  if (i >= manifest.num_planes) return manifest.errors[i - manifest.num_planes];
  return i == 0 ? 0 : manifest.errors[i - 1];
}

void AppendProfile(const KvManifest& manifest, std::vector<uint8_t>* out) {
  switch (manifest.profile_place) {
    case KvProfilePlace::kNone: AppendKvGeometry(*manifest.geometry, out); break;
    case KvProfilePlace::kNamed:
      AppendLe(manifest.profile_name.low, out);
      AppendLe(manifest.profile_name.high, out);
      break;
    case KvProfilePlace::kInline: AppendKvRun(manifest.inline_profile, out); break;
  }
}

absl::Status ReadNumber(KvBytesReader& bytes, std::string_view field, uint64_t least, uint64_t most, size_t* number) {
  PLAIT_RETURN_IF_ERROR(bytes.ReadNumber(field, most, number));
  if (*number >= least) return absl::OkStatus();
  return absl::DataLossError(FoundExpected(field, *number, absl::StrCat("at least ", least)));
}

absl::Status ReadKinds(KvBytesReader& bytes, KvManifest* manifest) {
  std::span<const uint8_t> kinds;
  PLAIT_RETURN_IF_ERROR(bytes.Read("form, qualities and place of the profile", 3, &kinds));
  if (kinds[0] > static_cast<uint8_t>(KvForm::kRange)) {
    return absl::UnimplementedError(FoundExpected("form", int{kinds[0]}, "a known one"));
  }
  manifest->form = static_cast<KvForm>(kinds[0]);
  manifest->num_qualities = kinds[1];
  const bool layers = manifest->form == KvForm::kLayers;
  if (kinds[1] < (layers ? 3 : 1) || kinds[1] > (layers ? kMaxQualities : 1)) {
    return absl::DataLossError(
        FoundExpected("qualities", int{kinds[1]}, layers ? absl::StrCat("3 to ", kMaxQualities) : "1"));
  }
  if (kinds[2] > static_cast<uint8_t>(KvProfilePlace::kInline)) {
    return absl::UnimplementedError(FoundExpected("place of the profile", int{kinds[2]}, "0 to 2"));
  }
  manifest->profile_place = static_cast<KvProfilePlace>(kinds[2]);
  const bool needs_profile = NeedsKvProfile(manifest->form);
  if (needs_profile != (manifest->profile_place != KvProfilePlace::kNone)) {
    return absl::DataLossError(FoundExpected("place of the profile", int{kinds[2]},
                                             needs_profile ? "1 or 2 for this form" : "0 for this form"));
  }
  return absl::OkStatus();
}

absl::Status ReadTokens(KvBytesReader& bytes, KvManifest* manifest) {
  std::span<const uint8_t> key;
  PLAIT_RETURN_IF_ERROR(bytes.Read("key", kKvKeyBytes, &key));
  std::ranges::copy(key, manifest->key.begin());
  PLAIT_RETURN_IF_ERROR(bytes.ReadNumber("first token", kMaxToken, &manifest->first_token));
  PLAIT_RETURN_IF_ERROR(ReadNumber(bytes, "tokens", 1, kKvMaxRows, &manifest->rows));
  const size_t most_exact = manifest->form == KvForm::kLayers ? manifest->rows : 0;
  PLAIT_RETURN_IF_ERROR(ReadNumber(bytes, "exact first tokens", 0, most_exact, &manifest->exact_first));
  return ReadNumber(bytes, "exact last tokens", 0, most_exact - manifest->exact_first, &manifest->exact_last);
}

absl::Status ReadCounts(KvBytesReader& bytes, KvManifest* manifest) {
  PLAIT_RETURN_IF_ERROR(ReadNumber(bytes, "planes", 1, kMaxKvPlanes, &manifest->num_planes));
  PLAIT_RETURN_IF_ERROR(ReadNumber(bytes, "model layers", 1, manifest->num_planes, &manifest->num_layers));
  return ReadNumber(bytes, "channels", manifest->num_planes, manifest->num_planes * kKvMaxChannels,
                    &manifest->channels);
}

// The geometry, where it is here, says the same as the counts.
absl::Status CheckCounts(const KvManifest& manifest) {
  const KvGeometry& geometry = *manifest.geometry;
  if (geometry.planes.size() != manifest.num_planes) {
    return absl::DataLossError(FoundExpected("planes", manifest.num_planes, geometry.planes.size()));
  }
  if (const size_t layers = ModelLayersOf(geometry).size(); layers != manifest.num_layers) {
    return absl::DataLossError(FoundExpected("model layers", manifest.num_layers, layers));
  }
  if (geometry.channels() != manifest.channels) {
    return absl::DataLossError(FoundExpected("channels", manifest.channels, geometry.channels()));
  }
  return absl::OkStatus();
}

absl::Status ReadProfile(KvBytesReader& bytes, KvManifest* manifest) {
  std::span<const uint8_t> run;
  switch (manifest->profile_place) {
    case KvProfilePlace::kNone:
      PLAIT_RETURN_IF_ERROR(ReadKvGeometry(bytes, &manifest->geometry.emplace()));
      return CheckCounts(*manifest);
    case KvProfilePlace::kNamed:
      PLAIT_RETURN_IF_ERROR(bytes.Read("name of the profile", 2 * sizeof(uint64_t), &run));
      manifest->profile_name = {LoadLe<uint64_t>(run.data()), LoadLe<uint64_t>(run.data() + 8)};
      return absl::OkStatus();
    case KvProfilePlace::kInline:
      PLAIT_RETURN_IF_ERROR(bytes.ReadRun("profile", &run));
      manifest->inline_profile.assign(run.begin(), run.end());
      return absl::OkStatus();
  }
  return absl::InternalError("place of the profile");
}

absl::Status ReadSegments(KvBytesReader& bytes, KvManifest* manifest) {
  const size_t count = manifest->num_qualities * manifest->num_layers;
  if (count > bytes.rest().size() / kLeastSegmentEntryBytes) {
    return absl::OutOfRangeError(FoundExpected("entries of segments", absl::StrCat(bytes.rest().size(), " bytes"),
                                               absl::StrCat("room for ", count)));
  }
  manifest->segments.reserve(count);
  uint64_t offset = manifest->manifest_bytes;
  for (size_t i = 0; i < count; ++i) {
    KvSegment segment = {.offset = offset};
    std::span<const uint8_t> hash;
    PLAIT_RETURN_IF_ERROR(bytes.ReadNumber("segment bytes", manifest->object_bytes - offset, &segment.bytes));
    PLAIT_RETURN_IF_ERROR(bytes.Read("segment hash", kKvHashBytes, &hash));
    segment.hash = LoadLe<uint64_t>(hash.data());
    offset += segment.bytes;
    manifest->segments.push_back(segment);
  }
  if (offset == manifest->object_bytes) return absl::OkStatus();
  return absl::DataLossError(FoundExpected("object bytes", manifest->object_bytes, offset));
}

absl::Status ReadErrors(KvBytesReader& bytes, KvManifest* manifest) {
  const size_t count = (manifest->num_qualities - 1) * manifest->num_planes;
  if (count > bytes.rest().size()) {
    return absl::OutOfRangeError(
        FoundExpected("errors", absl::StrCat(bytes.rest().size(), " bytes"), absl::StrCat("room for ", count)));
  }
  manifest->errors.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    uint64_t number = 0;
    PLAIT_RETURN_IF_ERROR(bytes.ReadNumber("error", 2 * kMaxKvErrorCode, &number));
    const auto magnitude = static_cast<int32_t>(number >> 1);
    const int32_t code = ErrorBefore(*manifest, i) + ((number & 1) != 0 ? -magnitude - 1 : magnitude);
    if (code < 0 || code > kMaxKvErrorCode) {
      return absl::DataLossError(FoundExpected("error", code, absl::StrCat("0 to ", kMaxKvErrorCode)));
    }
    manifest->errors.push_back(static_cast<uint16_t>(code));
  }
  return absl::OkStatus();
}

absl::StatusOr<KvHeader> ObjectHeader(std::span<const uint8_t> object) {
  PLAIT_ASSIGN_OR_RETURN(const KvHeader header, ParseKvHeader(kKvObjectMagic, "object", object));
  if (header.head_bytes > kMaxKvManifestBytes) {
    return absl::ResourceExhaustedError(
        FoundExpected("object head bytes", header.head_bytes, absl::StrCat("at most ", kMaxKvManifestBytes)));
  }
  if (header.bytes < header.head_bytes) {
    return absl::DataLossError(
        FoundExpected("object bytes", header.bytes, absl::StrCat("at least ", header.head_bytes)));
  }
  return header;
}

}  // namespace

uint64_t KvManifest::quality_end(unsigned quality) const {
  const KvSegment& last = segment(quality, num_layers - 1);
  return last.offset + last.bytes;
}

unsigned KvManifest::qualities_in(uint64_t bytes) const {
  unsigned whole = 0;
  while (whole < num_qualities && quality_end(whole) <= bytes) ++whole;
  return whole;
}

double KvManifest::error(unsigned quality, size_t plane) const {
  return quality + 1 < num_qualities ? KvErrorOfCode(errors[quality * num_planes + plane]) : 0;
}

uint16_t KvErrorCode(double mean_square) {
  const uint64_t bits = std::bit_cast<uint64_t>(mean_square) + (uint64_t{1} << (kErrorShift - 1));
  return std::min(static_cast<uint16_t>(bits >> kErrorShift), kMaxKvErrorCode);
}

double KvErrorOfCode(uint16_t code) { return std::bit_cast<double>(uint64_t{code} << kErrorShift); }

void AppendKvManifest(KvManifest* manifest, std::vector<uint8_t>* object) {
  object->resize(kKvHeaderBytes);
  object->push_back(static_cast<uint8_t>(manifest->form));
  object->push_back(static_cast<uint8_t>(manifest->num_qualities));
  object->push_back(static_cast<uint8_t>(manifest->profile_place));
  object->insert(object->end(), manifest->key.begin(), manifest->key.end());
  for (const uint64_t number : {manifest->first_token, uint64_t{manifest->rows}, uint64_t{manifest->exact_first},
                                uint64_t{manifest->exact_last}, uint64_t{manifest->num_planes},
                                uint64_t{manifest->num_layers}, manifest->channels}) {
    AppendKvNumber(number, object);
  }
  AppendProfile(*manifest, object);
  for (const KvSegment& segment : manifest->segments) {
    AppendKvNumber(segment.bytes, object);
    AppendLe(segment.hash, object);
  }
  for (size_t i = 0; i < manifest->errors.size(); ++i) {
    AppendKvNumber(Difference(manifest->errors[i], ErrorBefore(*manifest, i)), object);
  }
  AppendSections(manifest->sections, object);
  manifest->manifest_bytes = manifest->object_bytes = object->size();
  for (KvSegment& segment : manifest->segments) {
    segment.offset = manifest->object_bytes;
    manifest->object_bytes += segment.bytes;
  }
  SealKvHeader(kKvObjectMagic, manifest->object_bytes, *object);
}

absl::StatusOr<uint64_t> KvManifestBytes(std::span<const uint8_t> object) {
  PLAIT_ASSIGN_OR_RETURN(const KvHeader header, ObjectHeader(object));
  return header.head_bytes;
}

absl::StatusOr<KvManifest> ParseKvManifest(std::span<const uint8_t> object) {
  PLAIT_ASSIGN_OR_RETURN(const KvHeader header, ObjectHeader(object));
  PLAIT_RETURN_IF_ERROR(CheckKvHeaderHash(header, "object", object));
  KvManifest manifest;
  manifest.manifest_bytes = header.head_bytes;
  manifest.object_bytes = header.bytes;
  KvBytesReader bytes(object.subspan(kKvHeaderBytes, header.head_bytes - kKvHeaderBytes));
  PLAIT_RETURN_IF_ERROR(ReadKinds(bytes, &manifest));
  PLAIT_RETURN_IF_ERROR(ReadTokens(bytes, &manifest));
  PLAIT_RETURN_IF_ERROR(ReadCounts(bytes, &manifest));
  PLAIT_RETURN_IF_ERROR(ReadProfile(bytes, &manifest));
  PLAIT_RETURN_IF_ERROR(ReadSegments(bytes, &manifest));
  PLAIT_RETURN_IF_ERROR(ReadErrors(bytes, &manifest));
  PLAIT_ASSIGN_OR_RETURN(manifest.sections, ParseSections(bytes.rest()));
  return manifest;
}

absl::StatusOr<std::span<const uint8_t>> KvSegmentBytes(const KvManifest& manifest, std::span<const uint8_t> object,
                                                        unsigned quality, size_t layer) {
  const KvSegment& segment = manifest.segment(quality, layer);
  const std::string where = absl::StrCat("quality ", quality, ": model layer ", layer);
  if (segment.offset > object.size() || segment.bytes > object.size() - segment.offset) {
    return absl::OutOfRangeError(
        FoundExpected(where + ": object bytes", object.size(), segment.offset + segment.bytes));
  }
  const auto bytes = object.subspan(segment.offset, segment.bytes);
  const uint64_t hash = Hash64(bytes);
  if (hash == segment.hash) return bytes;
  return absl::DataLossError(FoundExpected(where + ": segment hash", HexDigits(hash), HexDigits(segment.hash)));
}

std::string_view KvFormName(KvForm form) {
  switch (form) {
    case KvForm::kLayers: return "layers";
    case KvForm::kRans: return "rans";
    case KvForm::kTier: return "tier";
    case KvForm::kRange: return "range";
  }
  return "unknown";
}

}  // namespace plait
