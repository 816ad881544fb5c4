// How a frame ends: its footer (block table, decoded hash, length) or, in a stream, a cut mark. Written and checked
// here only.
#ifndef PLAIT_FORMATS_FRAME_FRAME_FOOTER_H_
#define PLAIT_FORMATS_FRAME_FRAME_FOOTER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/base/hash.h"
#include "codec/block/block_layout.h"

namespace plait {

// What a footer says beside its own length and hash.
struct FrameFooter {
  std::span<const uint8_t> block_table;  // as AppendBlockTableEntry makes it
  Hash128 decoded_hash;
  uint64_t frame_bytes = 0;
};

uint64_t FrameFooterBytes(uint64_t num_blocks);

// Bytes of a frame whose last block ends at `blocks_end`: the footer ends at a multiple of kFrameAlignment.
uint64_t FrameBytes(uint64_t blocks_end, uint64_t num_blocks);

void AppendBlockTableEntry(const BlockHeader& block, std::vector<uint8_t>* block_table);

// The footer of a frame whose header has the hash `header_hash`.
std::vector<uint8_t> MakeFrameFooter(const FrameFooter& footer, uint64_t header_hash);

// Parses `bytes`, the footer of a frame of `num_blocks` blocks and nothing else; the result points into it.
// Requires: bytes.size() == FrameFooterBytes(num_blocks).
// Returns: kDataLoss if a field or the hash is wrong. What the table says of each block is not looked at.
absl::StatusOr<FrameFooter> ParseFrameFooter(std::span<const uint8_t> bytes, uint64_t header_hash, uint64_t num_blocks);

// How a frame ends whose tensor ended early: what a stream writes when its input breaks off.
struct FrameCut {
  uint64_t decoded_bytes = 0;  // of the blocks that are there
  Hash128 decoded_hash;        // of those
};

// Whether `bytes`, at least as many as kCutMagic, begin with a cut mark.
bool IsCutMark(std::span<const uint8_t> bytes);

std::vector<uint8_t> MakeCutMark(const FrameCut& cut, uint64_t header_hash);

// Requires: bytes.size() == kCutMarkBytes. Returns: kDataLoss if the magic, a zero or the hash is wrong.
absl::StatusOr<FrameCut> ParseCutMark(std::span<const uint8_t> bytes, uint64_t header_hash);

}  // namespace plait

#endif  // PLAIT_FORMATS_FRAME_FRAME_FOOTER_H_
