#include "tests/registry/draft.h"

#include <algorithm>
#include <cstdlib>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "formats/base/byte_io.h"
#include "formats/frame/frame_layout.h"
#include "tests/registry/files.h"

namespace plait {
namespace {

// Places of the manifest's fields, from formats/container/FORMAT.md.
constexpr size_t kContainerHeaderBytesAt = 32;
constexpr size_t kContainerHeaderHashAt = 40;

// The hash is 16 bytes before the end and covers all before.
void Seal(std::span<uint8_t> manifest) {
  const size_t hash_at = manifest.size() - 16;
  StoreLe(Hash64(manifest.first(hash_at)), manifest.data() + hash_at);
}

std::string HeaderJson(const Draft& draft, uint64_t manifest_bytes) {
  const TensorInfo manifest = {.name = std::string(kManifestName),
                               .dtype = Dtype::kU8,
                               .shape = {manifest_bytes},
                               .begin = draft.data.size(),
                               .end = draft.data.size() + manifest_bytes};
  std::vector<TensorInfo> entries = draft.stored;
  entries.insert(draft.manifest_first ? entries.begin() : entries.end(), manifest);
  return SafetensorsJson("", entries);
}

}  // namespace

Draft TakeApart(std::span<const uint8_t> container) {
  const uint64_t header_bytes = kSafetensorsLengthBytes + LoadLe<uint64_t>(container.data());
  const uint64_t manifest_bytes = LoadLe<uint64_t>(container.data() + container.size() - kManifestTailBytes);
  Draft draft;
  BlockWorkspace workspace;
  draft.manifest = ParseManifest(container.last(manifest_bytes), workspace).value();
  draft.stored = ParseSafetensorsHeader(container.first(header_bytes), container.size())->tensors;
  std::erase_if(draft.stored, [](const TensorInfo& tensor) { return tensor.name == kManifestName; });
  const auto data = container.subspan(header_bytes, container.size() - header_bytes - manifest_bytes);
  draft.data.assign(data.begin(), data.end());
  return draft;
}

std::vector<uint8_t> Assemble(const Draft& draft, const ManifestEdit& edit) {
  BlockWorkspace workspace;
  std::vector<uint8_t> manifest = SerializeManifest(draft.manifest, workspace);
  std::string json = HeaderJson(draft, manifest.size());
  json.resize(AlignUp(kSafetensorsLengthBytes + json.size(), kFrameAlignment) - kSafetensorsLengthBytes, ' ');
  std::vector<uint8_t> container = SafetensorsFile(json, draft.data);
  const auto header = std::span(container).first(kSafetensorsLengthBytes + json.size());
  StoreLe(uint64_t{header.size()}, manifest.data() + kContainerHeaderBytesAt);
  StoreLe(Hash64(header), manifest.data() + kContainerHeaderHashAt);
  if (edit) edit(manifest);
  Seal(manifest);
  container.insert(container.end(), manifest.begin(), manifest.end());
  return container;
}

}  // namespace plait
