// The index that ends a frame stream.
#ifndef PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_INDEX_H_
#define PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_INDEX_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "formats/frame_stream/frame_stream_layout.h"

namespace plait {

// The index of these frames, in order; a function of `entries` alone, so a reader that has seen every frame knows what
// the index must be.
std::vector<uint8_t> MakeStreamIndex(std::span<const IndexEntry> entries);

// kDataLoss unless `bytes` is the index of `entries`; the message names the field. Requires: bytes.size() is that of
// their index.
absl::Status CheckStreamIndex(std::span<const uint8_t> bytes, std::span<const IndexEntry> entries);

}  // namespace plait

#endif  // PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_INDEX_H_
