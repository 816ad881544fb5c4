// Any bytes as a KV object (ParseKvHeader, ParseKvManifest, KvDecoding and under it DecodeKvTierSegment,
// DecodeKvRangeSegment, DecodeLossless), cut or whole. The hashes of its head and of all segments are made right first,
// so that the fields and streams behind them are reached.
#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "codec/kv/kv_bytes.h"
#include "formats/kv/kv_header.h"
#include "formats/kv/kv_manifest.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/kv_caches.h"

namespace plait {
namespace {

// Larger caches, which a few bytes can claim, make runs slow without showing more.
constexpr KvDecodingLimits kLimits = {.max_layer_elements = 1 << 16, .max_profile_bytes = 1 << 16};

void SealHead(std::span<uint8_t> object) {
  const auto bytes = KvManifestBytes(object);
  if (!bytes.ok() || *bytes > object.size()) return;
  SealKvHeader(kKvObjectMagic, LoadLe<uint64_t>(object.data() + 16), object.first(*bytes));
}

// Replaces every segment's hash, where it stands in the manifest, by the right one.
void SealSegments(std::vector<uint8_t>& object) {
  const auto manifest = ParseKvManifest(object);
  if (!manifest.ok()) return;
  KvManifest sealed = *manifest;
  for (KvSegment& segment : sealed.segments) {
    if (segment.offset > object.size() || segment.bytes > object.size() - segment.offset) continue;
    segment.hash = Hash64(std::span(object).subspan(segment.offset, segment.bytes));
  }
  std::vector<uint8_t> head;
  AppendKvManifest(&sealed, &head);
  Check(head.size() == manifest->manifest_bytes, "there is one way to write a manifest");
  std::ranges::copy(head, object.begin());
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::vector<uint8_t> object = ExactCopy({data, size});
  SealHead(object);
  SealSegments(object);
  const absl::Status status = DecodeKvObject(object, nullptr, /*cut=*/true, kLimits).status();
  // One that names a profile is not damaged for that.
  if (!absl::IsNotFound(status)) CheckRejection(status);
  return 0;
}
