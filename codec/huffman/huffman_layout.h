// Numbers of the DFloat11 stream (FORMAT.md beside this file), which others have frozen. CPU and GPU code both include
// this; every function is constexpr and takes no more than a pointer.
//
//   luts              rows of 256 bytes: row 0 is looked up by the next 8 bits, rows 1 .. 16 by the 8 bits behind
//                     those that led to them; the last row holds the bits of every symbol's code
//   entry of a row    0 .. 239 a symbol, 240 .. 255 the row 256 - entry, to be looked up by the next 8 bits
//   codes             from the most significant bit of the first byte on
//   gaps              5 bits for each thread, from the most significant bit of the first byte on
//   output positions  u32 for each block, and the number of symbols
#ifndef PLAIT_CODEC_HUFFMAN_HUFFMAN_LAYOUT_H_
#define PLAIT_CODEC_HUFFMAN_HUFFMAN_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace plait {

inline constexpr unsigned kHuffmanMaxCodeBits = 32;
inline constexpr unsigned kHuffmanLookupBits = 8;
inline constexpr size_t kHuffmanRowBytes = size_t{1} << kHuffmanLookupBits;
inline constexpr unsigned kHuffmanMaxDepth = kHuffmanMaxCodeBits / kHuffmanLookupBits;  // lookups of one code

// Entries from here on are pointers, so these symbols cannot be coded, and there are no more sub-tables than that.
inline constexpr unsigned kHuffmanFirstPointer = 240;
inline constexpr size_t kHuffmanMaxSubTables = 256 - kHuffmanFirstPointer;
// The root, the sub-tables and the row of lengths.
inline constexpr size_t kHuffmanMinRows = 2;
inline constexpr size_t kHuffmanMaxRows = 2 + kHuffmanMaxSubTables;

constexpr bool IsHuffmanPointer(uint8_t entry) { return entry >= kHuffmanFirstPointer; }
constexpr size_t HuffmanRowOf(uint8_t pointer) { return 256u - pointer; }
constexpr uint8_t HuffmanPointerTo(size_t row) { return static_cast<uint8_t>(256u - row); }
static_assert(HuffmanRowOf(HuffmanPointerTo(kHuffmanMaxSubTables)) == kHuffmanMaxSubTables);
static_assert(IsHuffmanPointer(HuffmanPointerTo(kHuffmanMaxSubTables)));

// A thread decodes the codes that start in its bytes; a block is what the threads of one launch block decode.
inline constexpr size_t kHuffmanThreadBytes = 8;
inline constexpr size_t kHuffmanThreadBits = 8 * kHuffmanThreadBytes;
inline constexpr size_t kHuffmanBlockThreads = 512;
inline constexpr size_t kHuffmanBlockBytes = kHuffmanThreadBytes * kHuffmanBlockThreads;
inline constexpr size_t kHuffmanBlockBits = 8 * kHuffmanBlockBytes;
// What a thread reads behind its own bytes: the rest of a code that starts in the last of them.
inline constexpr size_t kHuffmanLookAheadBytes = kHuffmanMaxCodeBits / 8;

// Where the first code that starts in a thread's bytes does so. 31 is the most that a code of 32 bits, started in the
// last bit in front of them, leaves.
inline constexpr unsigned kHuffmanGapBits = 5;
inline constexpr size_t kHuffmanBlockGapBytes = kHuffmanBlockThreads * kHuffmanGapBits / 8;
static_assert(kHuffmanBlockThreads * kHuffmanGapBits % 8 == 0);
static_assert((1u << kHuffmanGapBits) == kHuffmanMaxCodeBits);

// Eight gaps are five bytes: gap 0 is bits 39..35 of them as a big-endian number, gap 7 bits 4..0.
inline constexpr size_t kHuffmanGapsPerUnit = 8;
inline constexpr size_t kHuffmanGapUnitBytes = kHuffmanGapsPerUnit * kHuffmanGapBits / 8;

constexpr void PackHuffmanGaps(const uint8_t* gaps, uint8_t* unit) {
  uint64_t bits = 0;
  for (size_t i = 0; i < kHuffmanGapsPerUnit; ++i) bits = bits << kHuffmanGapBits | gaps[i];
  for (size_t i = 0; i < kHuffmanGapUnitBytes; ++i) unit[i] = static_cast<uint8_t>(bits >> (32 - 8 * i));
}

constexpr void UnpackHuffmanGaps(const uint8_t* unit, uint8_t* gaps) {
  uint64_t bits = 0;
  for (size_t i = 0; i < kHuffmanGapUnitBytes; ++i) bits = bits << 8 | unit[i];
  for (size_t i = 0; i < kHuffmanGapsPerUnit; ++i) {
    gaps[i] = static_cast<uint8_t>(bits >> (35 - kHuffmanGapBits * i) & 31);
  }
}

inline constexpr size_t kHuffmanPositionBytes = 4;

// Codes are counted by a signed 32-bit number of bytes, from the first thread's to those that the last block's last
// thread looks ahead; symbols by one of 32 bits, too.
inline constexpr uint64_t kHuffmanMaxCodeBytes = (uint64_t{1} << 31) - kHuffmanBlockBytes;
inline constexpr uint64_t kHuffmanMaxSymbols = (uint64_t{1} << 31) - 1;

// A launch takes at most so much shared memory unless its host asks for more, which the one of DFloat11 does not: a
// counter for each thread, one more, and two bytes for each symbol of a block.
inline constexpr size_t kHuffmanMaxSharedBytes = size_t{48} << 10;
constexpr size_t HuffmanSharedBytes(size_t block_symbols) { return 4 * kHuffmanBlockThreads + 4 + 2 * block_symbols; }
// So there must be no code of one bit.
inline constexpr unsigned kHuffmanMinCodeBits = 2;
static_assert(HuffmanSharedBytes(kHuffmanBlockBits / kHuffmanMinCodeBits) <= kHuffmanMaxSharedBytes);
static_assert(HuffmanSharedBytes(kHuffmanBlockBits) > kHuffmanMaxSharedBytes);

}  // namespace plait

#endif  // PLAIT_CODEC_HUFFMAN_HUFFMAN_LAYOUT_H_
