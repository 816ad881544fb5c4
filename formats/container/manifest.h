// The manifest of a container: what the original was, and the hash of everything that no frame covers.
#ifndef PLAIT_FORMATS_CONTAINER_MANIFEST_H_
#define PLAIT_FORMATS_CONTAINER_MANIFEST_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/base/hash.h"
#include "codec/block/codec_id.h"
#include "codec/block/workspace.h"
#include "formats/base/sections.h"
#include "formats/container/container_layout.h"

namespace plait {

struct ManifestEntry {
  TensorState state = TensorState::kPlain;
  CodecId main_codec = CodecId::kStore;
  Hash128 decoded_hash;
};

struct Manifest {
  ContainerKind kind = ContainerKind::kOpaque;
  uint64_t original_bytes = 0;
  uint64_t header_bytes = 0;  // of the container: 8 + N
  uint64_t header_hash = 0;   // XXH3-64 of those
  std::vector<uint8_t> original_header;
  std::vector<ManifestEntry> entries;  // in the order of the original's data
  std::vector<Section> sections;
};

// The identity of an original: XXH3-128 of its header's XXH3-128 followed by its tensors', in order (each low half
// first, little-endian).
Hash128 OriginalIdentity(const Manifest& manifest);

std::vector<uint8_t> SerializeManifest(const Manifest& manifest, BlockWorkspace& workspace);

// Where the header's hash stands in the bytes of SerializeManifest: it is known only after their number is.
void PatchManifestHeaderHash(uint64_t header_hash, std::span<uint8_t> manifest_bytes);

// Parses `bytes`, which must be a manifest and nothing else.
// Returns: kOutOfRange if it ends early; kDataLoss if a field or the hash is wrong; kUnimplemented for another version,
// kind, codec or a section that must be understood; kResourceExhausted for an original header over the limit of
// safetensors.
absl::StatusOr<Manifest> ParseManifest(std::span<const uint8_t> bytes, BlockWorkspace& workspace);

}  // namespace plait

#endif  // PLAIT_FORMATS_CONTAINER_MANIFEST_H_
