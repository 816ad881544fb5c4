// Any bytes as a manifest: rejected, or read into what is written and read again alike. Its lengths, marks and hashes
// are made right first.
#include "formats/container/manifest.h"

#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/seal.h"

namespace plait {
namespace {

void MakeEnvelopeRight(std::span<uint8_t> manifest) {
  if (manifest.size() < kManifestFixedBytes + kManifestTailBytes) return;
  std::ranges::copy(kManifestMagic, manifest.begin());
  StoreLe(uint64_t{manifest.size()}, manifest.data() + 16);
  std::ranges::copy(kManifestEnd, manifest.end() - sizeof(kManifestEnd));
  SealManifest(manifest);
}

bool SameEntry(const ManifestEntry& a, const ManifestEntry& b) {
  return a.state == b.state && a.main_codec == b.main_codec && a.decoded_hash == b.decoded_hash;
}

bool SameSection(const Section& a, const Section& b) {
  return a.type == b.type && a.flags == b.flags && a.bytes == b.bytes;
}

bool Same(const Manifest& a, const Manifest& b) {
  return a.kind == b.kind && a.original_bytes == b.original_bytes && a.header_bytes == b.header_bytes &&
         a.header_hash == b.header_hash && a.original_header == b.original_header &&
         std::ranges::equal(a.entries, b.entries, SameEntry) && std::ranges::equal(a.sections, b.sections, SameSection);
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  static BlockWorkspace workspace;
  std::vector<uint8_t> bytes = ExactCopy({data, size});
  MakeEnvelopeRight(bytes);
  const absl::StatusOr<Manifest> manifest = ParseManifest(bytes, workspace);
  CheckRejection(manifest.status());
  if (!manifest.ok()) return 0;
  const absl::StatusOr<Manifest> again = ParseManifest(SerializeManifest(*manifest, workspace), workspace);
  Check(again.ok() && Same(*again, *manifest), "a manifest survives being written");
  return 0;
}
