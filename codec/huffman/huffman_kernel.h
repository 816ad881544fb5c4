// The loops of the Huffman coder over validated memory. They walk one stream bit by bit in order; what runs side by
// side is blocks and pieces, on other threads.
#ifndef PLAIT_CODEC_HUFFMAN_HUFFMAN_KERNEL_H_
#define PLAIT_CODEC_HUFFMAN_HUFFMAN_KERNEL_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "codec/huffman/huffman_layout.h"

namespace plait {

struct HuffmanEncodeTable {
  std::array<uint32_t, 256> bits;   // the low `length` ones
  std::array<uint8_t, 256> length;  // 1 to kHuffmanMaxCodeBits of every symbol that is encoded
};

// What the codes of a piece are written to: words of 32 bits, most significant byte first, from the one in which the
// piece begins; and a gap and the number of symbols before it for every thread whose bytes begin inside the piece.
struct HuffmanEncodeTarget {
  uint8_t* words;
  uint8_t* gaps;
  uint32_t* symbols_before;  // in the piece
};

// Encodes n symbols, the first one's code from bit `begin_bit` of the stream on. Bits of the first word in front of it
// and of the last one behind the end are zero. Returns the number of gaps: threads whose first bit is in
// (begin_bit, end]; with the one at `end` itself if a thread begins there.
// Requires: `words` has room for the bits from begin_bit / 32 * 32 on and 4 bytes more, the others for a thread each 64
// bits and one more; n is below 2^32. Always succeeds.
size_t EncodeHuffmanSymbols(const HuffmanEncodeTable& table, const uint8_t* symbols, size_t n, uint64_t begin_bit,
                            const HuffmanEncodeTarget& target);

// Two codes that one lookup finds: the symbols in the order of the bytes, then the bits of the second code, then those
// of both. 0: the next bits are not two codes of the root row.
using HuffmanPair = uint32_t;
inline constexpr unsigned kHuffmanPairBits = 12;
constexpr HuffmanPair MakeHuffmanPair(uint8_t first, uint8_t second, unsigned second_length, unsigned total_length) {
  return first | uint32_t{second} << 8 | second_length << 16 | total_length << 24;
}
constexpr unsigned SecondLength(HuffmanPair pair) { return pair >> 16 & 0xff; }
constexpr unsigned TotalLength(HuffmanPair pair) { return pair >> 24; }

// The lookup tables. Rows that a stream does not have are unspecified, and no entry of the others points to them.
struct HuffmanDecodeTable {
  std::array<std::array<uint8_t, kHuffmanRowBytes>, 1 + kHuffmanMaxSubTables> rows;
  std::array<uint8_t, 256> length;              // at most kHuffmanMaxCodeBits; 0 of pointers and of what has no code
  std::array<uint16_t, kHuffmanRowBytes> root;  // length << 8 | symbol by the next 8 bits; 0 where the length is 0
  std::array<HuffmanPair, size_t{1} << kHuffmanPairBits> pairs;  // by the next bits
};

// Fills root and pairs from rows and length. Always succeeds.
void DeriveHuffmanLookups(HuffmanDecodeTable* table);

// Where decoding a block's codes stands.
struct HuffmanBlockCursor {
  size_t bit = 0;      // of the block: the next code
  size_t symbols = 0;  // decoded
};

// Decodes the codes that start in a block, in order, until `most` symbols are there or bits are no symbol's code; and
// writes for each thread that it went through where, behind its bytes, the next code starts. Returns how many threads
// those are: the block's if all codes were decoded.
// Requires: cursor->bit is in the first thread's bytes; `codes` are the block's, with 8 bytes that can be read behind
// them; next_gaps has a block's threads, symbols has `most`. Always succeeds.
size_t DecodeHuffmanBlock(const HuffmanDecodeTable& table, const uint8_t* codes, size_t most,
                          HuffmanBlockCursor* cursor, uint8_t* symbols, uint8_t* next_gaps);

}  // namespace plait

#endif  // PLAIT_CODEC_HUFFMAN_HUFFMAN_KERNEL_H_
