// Numbers frozen in the frame format (FORMAT.md beside this file).
#ifndef PLAIT_FORMATS_FRAME_FRAME_LAYOUT_H_
#define PLAIT_FORMATS_FRAME_FRAME_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace plait {

// Header: magic (6) | version (2) | dtype (1) | rank (1) | log2 of elements per block (1) | zero (1) |
//         header bytes (4) | elements (8) | shape (8 each) | sections | XXH3-64 of all before (8)
inline constexpr char kFrameMagic[6] = {'P', 'L', 'T', 'F', 'R', 'M'};
inline constexpr uint16_t kFrameVersion = 0;
inline constexpr size_t kFrameFixedHeaderBytes = 24;
inline constexpr size_t kFrameHashBytes = 8;
inline constexpr size_t kMaxFrameHeaderBytes = size_t{64} << 10;
inline constexpr size_t kMaxRank = 64;

// 128 Ki elements a block. Bytes that nobody parses: as many as 128 Ki bf16 take. In longer ones zstd would find a
// little more, but more of them would hold the end of one tensor and the start of the next, at another phase.
inline constexpr unsigned kDefaultBlockLog2 = 17;
inline constexpr unsigned kOpaqueBlockLog2 = 18;
// Writers stop here, whatever the element: what longer blocks save on tables they lose where statistics change.
inline constexpr uint64_t kMostWrittenBlockBytes = uint64_t{2} << 20;
constexpr unsigned WrittenBlockLog2(uint32_t element_bits, unsigned block_log2) {
  while (uint64_t{element_bits} << block_log2 > 8 * kMostWrittenBlockBytes) --block_log2;
  return block_log2;
}
inline constexpr unsigned kMinBlockLog2 = 10;
inline constexpr unsigned kMaxBlockLog2 = 20;

// Footer: magic (4) | blocks (4) | block table (8 each) | XXH3-128 of the decoded bytes (16) | frame bytes (8) |
//         XXH3-64 of all before, seeded with the header's hash (8) | footer bytes (8)
inline constexpr char kFooterMagic[4] = {'P', 'L', 'T', 'E'};
inline constexpr size_t kFooterFixedBytes = 48;
inline constexpr size_t kBlockTableEntryBytes = 8;

// Cut mark: magic (8) | decoded bytes before it (8) | XXH3-128 of those (16) | zero (24) |
//           XXH3-64 of all before, seeded with the header's hash (8)
// Stands where a block would begin when the tensor ended early; only streams hold such frames.
inline constexpr char kCutMagic[8] = {'P', 'L', 'T', 'C', 'U', 'T', 'F', 'R'};
inline constexpr size_t kCutMarkBytes = 64;

// Frames start on and are padded to this boundary of the container; the padding is before the footer, which is last.
inline constexpr size_t kFrameAlignment = 256;

}  // namespace plait

#endif  // PLAIT_FORMATS_FRAME_FRAME_LAYOUT_H_
