// Any bytes as a container, decoded as `plait decompress` does. The hashes of manifest and header are made right first.
#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "formats/container/container_layout.h"
#include "formats/safetensors/safetensors_header.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/files.h"

namespace plait {
namespace {

constexpr uint64_t kMaxOriginalBytes = uint64_t{1} << 20;
constexpr size_t kHeaderHashAt = 40;  // in the manifest

void Seal(std::span<uint8_t> container) {
  if (container.size() < kManifestFixedBytes + kManifestTailBytes) return;
  const auto manifest_bytes = LoadLe<uint64_t>(container.data() + container.size() - kManifestTailBytes);
  if (manifest_bytes < kManifestFixedBytes + kManifestTailBytes || manifest_bytes > container.size()) return;
  const auto manifest = container.last(manifest_bytes);
  const auto json_bytes = LoadLe<uint64_t>(container.data());
  if (json_bytes <= container.size() - kSafetensorsLengthBytes) {
    StoreLe(Hash64(container.first(kSafetensorsLengthBytes + json_bytes)), manifest.data() + kHeaderHashAt);
  }
  const size_t hash_at = manifest.size() - 16;
  StoreLe(Hash64(manifest.first(hash_at)), manifest.data() + hash_at);
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::vector<uint8_t> container = ExactCopy({data, size});
  Seal(container);
  CheckRejection(Decompress(container, 1, kMaxOriginalBytes).status());
  return 0;
}
