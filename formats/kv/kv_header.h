// The 32 bytes that KV objects and profile files begin with (kv_object_layout.h).
#ifndef PLAIT_FORMATS_KV_KV_HEADER_H_
#define PLAIT_FORMATS_KV_KV_HEADER_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "formats/kv/kv_object_layout.h"

namespace plait {

struct KvHeader {
  uint64_t head_bytes = 0;  // of header and what its hash covers
  uint64_t bytes = 0;
  uint64_t hash = 0;
};

// Writes the header of `head`, whose first kKvHeaderBytes are room for it.
void SealKvHeader(std::span<const char, 8> magic, uint64_t bytes, std::span<uint8_t> head);

// The header at the front of `bytes`; `what` names it in messages. The hash is not checked.
// Returns: kOutOfRange if it ends early; kFailedPrecondition for another magic; kUnimplemented for another version;
// kDataLoss for reserved bytes or fewer head bytes than a header has.
absl::StatusOr<KvHeader> ParseKvHeader(std::span<const char, 8> magic, std::string_view what,
                                       std::span<const uint8_t> bytes);

// Returns: kOutOfRange if fewer than header.head_bytes are there; kDataLoss if the hash differs.
absl::Status CheckKvHeaderHash(const KvHeader& header, std::string_view what, std::span<const uint8_t> bytes);

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_HEADER_H_
