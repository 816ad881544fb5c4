// Numbers frozen in the frame stream (FORMAT.md beside this file).
#ifndef PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_LAYOUT_H_
#define PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_LAYOUT_H_

#include <cstddef>
#include <cstdint>

#include "codec/base/hash.h"
#include "formats/frame/frame_layout.h"

namespace plait {

// Header: magic (8) | version (2) | kind (2) | zero (236) | XXH3-64 of all before (8)
inline constexpr char kStreamMagic[8] = {'P', 'L', 'T', 'S', 'T', 'R', 'E', 'M'};
inline constexpr uint16_t kStreamVersion = 0;
inline constexpr size_t kStreamHeaderBytes = 256;
static_assert(kStreamHeaderBytes % kFrameAlignment == 0, "the first frame starts aligned");

enum class StreamKind : uint16_t {
  kOpaque = 0,       // frames of U8, cut anywhere
  kSafetensors = 1,  // begins with the original's header; every large tensor is a frame of its own
};

// Index: magic (8) | frames (8) | original bytes (8) | entries (40 each) | XXH3-64 of all before (8) | index bytes (8)
// |
//        end magic (8)
inline constexpr char kIndexMagic[8] = {'P', 'L', 'T', 'I', 'N', 'D', 'E', 'X'};
inline constexpr char kStreamEnd[8] = {'P', 'L', 'T', 'S', 'T', 'E', 'N', 'D'};
inline constexpr size_t kIndexFixedBytes = 48;

// Entry: frame bytes (8) | decoded bytes (8) | XXH3-128 of those (16) | 1 for a cut frame, else 0 (8)
inline constexpr size_t kIndexEntryBytes = 40;

struct IndexEntry {
  uint64_t frame_bytes = 0;
  uint64_t decoded_bytes = 0;
  Hash128 decoded_hash;
  bool cut = false;

  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

}  // namespace plait

#endif  // PLAIT_FORMATS_FRAME_STREAM_FRAME_STREAM_LAYOUT_H_
