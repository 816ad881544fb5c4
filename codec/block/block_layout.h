// Numbers frozen in the block header (FORMAT.md beside this file): the one pack/unpack pair of its fields.
//
//   offset  bytes  field
//   0       2      sync, the bytes "PB"
//   2       1      codec id of plane 0 (codec_id.h)
//   3       1      plane kind (codec/transform/plane_kind.h)
//   4       4      elements of the frame's dtype
//   8       4      payload bytes, which follow the header
//   12      4      reserved, zero
//   16      8      XXH3-64 of the payload, seeded with XXH3-64 of bytes 0..15 seeded with the block's seed
//   24      8      reserved, zero
#ifndef PLAIT_CODEC_BLOCK_BLOCK_LAYOUT_H_
#define PLAIT_CODEC_BLOCK_BLOCK_LAYOUT_H_

#include <cstddef>
#include <cstdint>

#include "codec/base/endian.h"

namespace plait {

inline constexpr size_t kBlockHeaderBytes = 32;
inline constexpr size_t kBlockHashedHeaderBytes = 16;
inline constexpr uint16_t kBlockSync = 'P' | 'B' << 8;

// Blocks start on this boundary of their frame; the gap before a block is zero.
inline constexpr size_t kBlockAlignment = 64;
// After a payload this many bytes can always be read: the next block's header or the frame's footer is there.
inline constexpr size_t kReadableBytesAfterPayload = 64;

// A block's decoded bytes never exceed this; a reader may reject before allocating.
inline constexpr size_t kMaxBlockBytes = size_t{8} << 20;

struct BlockHeader {
  uint8_t codec = 0;  // raw values: a reader checks them against codec_id.h
  uint8_t plane = 0;
  uint32_t elements = 0;
  uint32_t payload_bytes = 0;
  uint64_t hash = 0;
};

inline void PackBlockHeader(const BlockHeader& header, uint8_t* bytes) {
  StoreLe(kBlockSync, bytes);
  bytes[2] = header.codec;
  bytes[3] = header.plane;
  StoreLe(header.elements, bytes + 4);
  StoreLe(header.payload_bytes, bytes + 8);
  StoreLe(uint32_t{0}, bytes + 12);
  StoreLe(header.hash, bytes + 16);
  StoreLe(uint64_t{0}, bytes + 24);
}

// False if the sync bytes or a reserved field are wrong.
[[nodiscard]] inline bool UnpackBlockHeader(const uint8_t* bytes, BlockHeader* header) {
  header->codec = bytes[2];
  header->plane = bytes[3];
  header->elements = LoadLe<uint32_t>(bytes + 4);
  header->payload_bytes = LoadLe<uint32_t>(bytes + 8);
  header->hash = LoadLe<uint64_t>(bytes + 16);
  return LoadLe<uint16_t>(bytes) == kBlockSync && LoadLe<uint32_t>(bytes + 12) == 0 &&
         LoadLe<uint64_t>(bytes + 24) == 0;
}

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_BLOCK_LAYOUT_H_
