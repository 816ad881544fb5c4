// The inside of a profile file: tables and the values of channels, all of one kind together, so that zstd finds them
// alike.
#ifndef PLAIT_FORMATS_KV_KV_PROFILE_BODY_H_
#define PLAIT_FORMATS_KV_KV_PROFILE_BODY_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_bytes.h"
#include "codec/kv/kv_profile.h"

namespace plait {

// Requires: CheckKvProfile(profile); either all planes have quality layers or none.
void AppendKvProfile(const KvProfile& profile, std::vector<uint8_t>* out);

// What AppendKvProfile wrote of planes with so many channels. `profile` has its element type. What has been read is not
// checked with CheckKvProfile yet.
// Returns: kOutOfRange if it ends early; kDataLoss if a number is out of its range.
absl::Status ReadKvProfile(KvBytesReader& bytes, const std::vector<size_t>& channels, KvProfile* profile);

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_PROFILE_BODY_H_
