// The manifest of a KV object: what it holds, and where each segment is. A KV object is the cache of one token chunk.
#ifndef PLAIT_FORMATS_KV_KV_MANIFEST_H_
#define PLAIT_FORMATS_KV_KV_MANIFEST_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/base/hash.h"
#include "formats/base/sections.h"
#include "formats/kv/kv_geometry.h"
#include "formats/kv/kv_object_layout.h"

namespace plait {

using KvKey = std::array<uint8_t, kKvKeyBytes>;

struct KvSegment {
  uint64_t offset = 0;  // in the object; derived
  uint64_t bytes = 0;
  uint64_t hash = 0;  // XXH3-64 of these
};

struct KvManifest {
  KvForm form = KvForm::kLayers;
  KvKey key = {};  // zeros: not known
  uint64_t first_token = 0;
  size_t rows = 0;         // tokens
  size_t exact_first = 0;  // so many rows are exact at every quality
  size_t exact_last = 0;

  KvProfilePlace profile_place = KvProfilePlace::kNone;
  Hash128 profile_name = {};                 // kNamed
  std::vector<uint8_t> inline_profile = {};  // kInline: a profile file
  std::optional<KvGeometry> geometry = {};   // kNone

  // As the geometry says, so that segments and sizes are known without it.
  size_t num_layers = 0;  // model layers that have planes
  size_t num_planes = 0;
  uint64_t channels = 0;  // of all planes

  unsigned num_qualities = 1;
  std::vector<KvSegment> segments = {};  // [quality][model layer]
  std::vector<uint16_t> errors = {};     // [quality but the last, which is exact][plane], KvErrorCode
  std::vector<Section> sections = {};

  // Filled by AppendKvManifest and ParseKvManifest.
  uint64_t manifest_bytes = 0;  // with the header: where segments begin
  uint64_t object_bytes = 0;

  const KvSegment& segment(unsigned quality, size_t layer) const { return segments[quality * num_layers + layer]; }
  uint64_t num_elements() const { return rows * channels; }
  // Where a quality's segments begin and end: what is in front of the end decodes at that quality.
  uint64_t quality_begin(unsigned quality) const { return segment(quality, 0).offset; }
  uint64_t quality_end(unsigned quality) const;
  // How many qualities are whole in the first `bytes` of the object.
  unsigned qualities_in(uint64_t bytes) const;
  // Mean square of a plane's error; 0 at the last quality.
  double error(unsigned quality, size_t plane) const;
};

// A mean square in 16 bits: those of an IEEE double that are highest, rounded to nearest. So 3 % precise, and 0 is 0.
// Requires: 0 <= mean_square, finite.
uint16_t KvErrorCode(double mean_square);
double KvErrorOfCode(uint16_t code);
inline constexpr uint16_t kMaxKvErrorCode = 0x7fef;

// Appends header and manifest; fills offsets and sizes. `object` is empty before.
// Requires: counts that fit each other and the limits.
void AppendKvManifest(KvManifest* manifest, std::vector<uint8_t>* object);

// How many bytes header and manifest take, from the first kKvHeaderBytes of an object.
// Returns: kOutOfRange if there are fewer; kFailedPrecondition for what is no KV object; kUnimplemented for another
// version; kDataLoss for a wrong field; kResourceExhausted above kMaxKvManifestBytes.
absl::StatusOr<uint64_t> KvManifestBytes(std::span<const uint8_t> object);

// The manifest at the front of an object, of which any prefix may be there that holds it.
// Returns: as KvManifestBytes; kOutOfRange if the manifest is not whole; kDataLoss if a field or the hash is wrong;
// kUnimplemented for an unknown form, place of the profile or section.
absl::StatusOr<KvManifest> ParseKvManifest(std::span<const uint8_t> object);

// The bytes of a segment of `object`, of which any prefix may be there, with their hash checked.
// Returns: kOutOfRange if the prefix ends before the segment does; kDataLoss if the hash differs.
absl::StatusOr<std::span<const uint8_t>> KvSegmentBytes(const KvManifest& manifest, std::span<const uint8_t> object,
                                                        unsigned quality, size_t layer);

std::string_view KvFormName(KvForm form);

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_MANIFEST_H_
