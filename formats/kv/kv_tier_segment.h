// The segments of an object of the tier form: blocks of codec/block, one behind the other. Every plane begins a block.
#ifndef PLAIT_FORMATS_KV_KV_TIER_SEGMENT_H_
#define PLAIT_FORMATS_KV_KV_TIER_SEGMENT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/block/workspace.h"
#include "codec/kv/kv_element.h"

namespace plait {

// Memory of a tier coder: one a thread.
struct KvTierScratch {
  BlockWorkspace workspace;
  std::vector<uint8_t> raw;
  std::vector<uint8_t> coded;
};

// Appends the segment of these planes; `first_plane` is the number of the first one in the object.
void EncodeKvTierSegment(KvElement element, size_t first_plane, std::span<const std::span<const uint16_t>> planes,
                         KvTierScratch& scratch, std::vector<uint8_t>* segment);

// Returns: kOutOfRange if the segment ends early; kDataLoss if a block is damaged or bytes follow; kUnimplemented for a
// block of an unknown codec. On failure elements are unspecified.
absl::Status DecodeKvTierSegment(KvElement element, size_t first_plane, std::span<const uint8_t> segment,
                                 KvTierScratch& scratch, std::span<const std::span<uint16_t>> planes);

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_TIER_SEGMENT_H_
