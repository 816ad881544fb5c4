// A KV profile as a file: what planes a model's caches have, and what is known of each before a cache is coded.
#ifndef PLAIT_FORMATS_KV_KV_PROFILE_FILE_H_
#define PLAIT_FORMATS_KV_KV_PROFILE_FILE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/base/hash.h"
#include "codec/kv/kv_coder.h"
#include "formats/kv/kv_geometry.h"
#include "formats/kv/kv_object_layout.h"

namespace plait {

// Immutable: any number of threads may code with one.
struct KvProfileFile {
  KvGeometry geometry;
  std::shared_ptr<const KvCoder> coder;
  std::vector<uint8_t> bytes;  // the file
  Hash128 name;                // XXH3-128 of these, by which objects call it

  bool has_quality_layers() const { return coder->profile().indices.num_classes() > 0; }
};

// Returns: kInvalidArgument if profile and geometry do not fit together or one of them is not valid.
absl::StatusOr<std::shared_ptr<const KvProfileFile>> MakeKvProfileFile(const KvGeometry& geometry, KvProfile profile);

// Returns: kOutOfRange if `bytes` end early; kDataLoss if a field, the hash or a rule of KvProfile is broken or bytes
// follow; kUnimplemented for another version or an unknown element type; kFailedPrecondition if it is no profile file
// at all; kResourceExhausted if it decodes to more than `max_body_bytes`.
absl::StatusOr<std::shared_ptr<const KvProfileFile>> ParseKvProfileFile(
    std::span<const uint8_t> bytes, uint64_t max_body_bytes = kMaxKvProfileBodyBytes);

// What the zstd frame of a profile file holds, and back: for tests, which forge them.
std::vector<uint8_t> KvProfileBody(const KvGeometry& geometry, const KvProfile& profile);
std::vector<uint8_t> SealKvProfileBody(std::span<const uint8_t> body);

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_PROFILE_FILE_H_
