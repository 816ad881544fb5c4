// plait kv info: what an object says of itself. Reads its header and manifest only.
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/json_output.h"
#include "tools/names.h"
#include "tools/pipeline/kv_files.h"
#include "tools/pipeline/progress.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

namespace plait {
namespace {

using Json = nlohmann::ordered_json;

std::string KeyText(const KvKey& key) {
  std::string text;
  for (const uint8_t byte : key) absl::StrAppendFormat(&text, "%02x", byte);
  return text;
}

// The geometry, if it is in the object or in a profile that is at hand.
absl::StatusOr<std::optional<KvGeometry>> GeometryOf(const KvManifest& manifest,
                                                     const std::vector<std::string>& profiles) {
  if (manifest.profile_place == KvProfilePlace::kNone) return manifest.geometry;
  if (manifest.profile_place == KvProfilePlace::kInline) {
    PLAIT_ASSIGN_OR_RETURN(const auto profile, ParseKvProfileFile(manifest.inline_profile));
    return profile->geometry;
  }
  for (const std::string& path : profiles) {
    const auto profile = LoadKvProfile(path);
    if (!profile.ok()) return Annotate(profile.status(), path);
    if ((*profile)->name == manifest.profile_name) return (*profile)->geometry;
  }
  return std::nullopt;
}

Json ToJson(const std::optional<KvGeometry>& geometry) {
  if (!geometry) return nullptr;
  Json planes = Json::array();
  for (const KvPlaneInfo& plane : geometry->planes) {
    planes.push_back({{"name", plane.name},
                      {"model_layer", plane.model_layer},
                      {"heads", plane.heads},
                      {"head_dim", plane.head_dim}});
  }
  return {{"dtype", KvElementName(geometry->element)},
          {"rope", KvRopeName(geometry->rope)},
          {"model", geometry->model},
          {"planes", std::move(planes)}};
}

Json ProfileToJson(const KvManifest& manifest) {
  switch (manifest.profile_place) {
    case KvProfilePlace::kNone: return nullptr;
    case KvProfilePlace::kNamed: return {{"name", HexDigits(manifest.profile_name)}, {"inline", false}};
    case KvProfilePlace::kInline: return {{"name", HexDigits(Hash128Of(manifest.inline_profile))}, {"inline", true}};
  }
  return nullptr;
}

// Mean square over all planes.
double MeanError(const KvManifest& manifest, unsigned quality) {
  double sum = 0;
  for (size_t plane = 0; plane < manifest.num_planes; ++plane) sum += manifest.error(quality, plane);
  return sum / manifest.num_planes;
}

// Of the prefix that ends with a quality, with header and manifest.
double BitsPerElement(const KvManifest& manifest, unsigned quality) {
  return 8.0 * manifest.quality_end(quality) / manifest.num_elements();
}

void PrintAsJson(const KvObjectFile& object, const std::optional<KvGeometry>& geometry) {
  const KvManifest& manifest = object.manifest;
  Json layers = Json::array();
  Json segments = Json::array();
  for (unsigned quality = 0; quality < manifest.num_qualities; ++quality) {
    layers.push_back({{"index", quality},
                      {"begin", manifest.quality_begin(quality)},
                      {"end", manifest.quality_end(quality)},
                      {"bits_per_element", BitsPerElement(manifest, quality)},
                      {"error", MeanError(manifest, quality)}});
    for (size_t layer = 0; layer < manifest.num_layers; ++layer) {
      const KvSegment& segment = manifest.segment(quality, layer);
      segments.push_back({{"layer", quality},
                          {"model_layer", layer},
                          {"begin", segment.offset},
                          {"end", segment.offset + segment.bytes},
                          {"xxh3_64", HexDigits(segment.hash)}});
    }
  }
  PrintJson({{"schema", "plait.kv.info/1"},
             {"file", object.path},
             {"key", KeyText(manifest.key)},
             {"form", KvFormName(manifest.form)},
             {"first_token", manifest.first_token},
             {"tokens", manifest.rows},
             {"exact_first", manifest.exact_first},
             {"exact_last", manifest.exact_last},
             {"geometry", ToJson(geometry)},
             {"model_layers", manifest.num_layers},
             {"planes", manifest.num_planes},
             {"channels", manifest.channels},
             {"profile", ProfileToJson(manifest)},
             {"manifest_bytes", manifest.manifest_bytes},
             {"object_bytes", manifest.object_bytes},
             {"whole_qualities", manifest.qualities_in(object.file_bytes)},
             {"layers", std::move(layers)},
             {"segments", std::move(segments)}});
}

void PrintTable(const KvObjectFile& object, const std::optional<KvGeometry>& geometry) {
  const KvManifest& manifest = object.manifest;
  Table table({{"QUALITY"}, {"BEGIN", true}, {"END", true}, {"BITS", true}, {"MEAN SQUARED ERROR", true}, {"HERE"}});
  const unsigned whole = manifest.qualities_in(object.file_bytes);
  for (unsigned quality = 0; quality < manifest.num_qualities; ++quality) {
    const bool exact = quality + 1 == manifest.num_qualities;
    table.AddRow({exact ? "exact" : absl::StrCat(quality), absl::StrCat(manifest.quality_begin(quality)),
                  absl::StrCat(manifest.quality_end(quality)),
                  absl::StrFormat("%.3f", BitsPerElement(manifest, quality)),
                  absl::StrFormat("%.3g", MeanError(manifest, quality)), quality < whole ? "yes" : "no"});
  }
  std::fputs(table.Text(TerminalColumns(STDOUT_FILENO)).c_str(), stdout);
  std::string kind = absl::StrCat("profile ", HexDigits(manifest.profile_name));
  if (geometry) {
    kind = absl::StrCat(std::string(KvElementName(geometry->element)), ", ", std::string(KvRopeName(geometry->rope)),
                        "-RoPE", geometry->model.empty() ? "" : ", ", Printable(geometry->model));
  }
  absl::PrintF("%s: tokens %d to %d, %d model layers, %d channels, %s\n%s\n", std::string(KvFormName(manifest.form)),
               manifest.first_token, manifest.first_token + manifest.rows - 1, manifest.num_layers, manifest.channels,
               kind, object.path);
}

absl::Status ShowFile(const KvInfoOptions& options) {
  PLAIT_ASSIGN_OR_RETURN(const KvObjectFile object, OpenKvObject(options.file));
  PLAIT_ASSIGN_OR_RETURN(const std::optional<KvGeometry> geometry, GeometryOf(object.manifest, options.profiles));
  if (options.json) {
    PrintAsJson(object, geometry);
  } else {
    PrintTable(object, geometry);
  }
  return absl::OkStatus();
}

}  // namespace

int RunKvInfo(const KvInfoOptions& options) {
  if (absl::Status status = ShowFile(options); !status.ok()) return Report(DisplayName(options.file), status);
  return kExitOk;
}

}  // namespace plait
