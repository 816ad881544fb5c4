// A prefix code for exponents and its lookup tables, as DFloat11's kernel reads them.
//
// The code is that of DFloat11's own encoder (github.com/LeanModels/DFloat11, dfloat11_utils.py: the Huffman tree of
// dahuffman 0.4.2, in which an end symbol of count 1 takes part) wherever its kernel can decode that one; so the same
// weights give the same bytes. Elsewhere it is a canonical code of limited length (package-merge: Larmore and
// Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", 1990).
#ifndef PLAIT_CODEC_HUFFMAN_HUFFMAN_CODE_H_
#define PLAIT_CODEC_HUFFMAN_HUFFMAN_CODE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/histogram/histogram.h"
#include "codec/huffman/huffman_layout.h"

namespace plait {

// Codes are the low `length` bits, to be sent from the highest one on.
struct HuffmanCode {
  std::array<uint32_t, 256> bits{};
  std::array<uint8_t, 256> length{};  // 0: no code
  uint32_t end_bits = 0;              // of the end symbol, whose first bits fill the last byte; no symbol's code
  uint8_t end_length = 0;             // 0: there is none, zeros fill the byte
};

struct HuffmanPlan {
  HuffmanCode code;
  std::vector<uint8_t> luts;  // rows of kHuffmanRowBytes: root, sub-tables, lengths
};

// A code for symbols that occur `counts` times each (fewer than 2^32 in all), with codes of kHuffmanMinCodeBits to
// kHuffmanMaxCodeBits and at most kHuffmanMaxSubTables sub-tables. There is one for all counts.
// Returns: kUnimplemented if a symbol from kHuffmanFirstPointer on occurs: DFloat11 has no code for it.
// kInvalidArgument if none occurs.
absl::StatusOr<HuffmanPlan> PlanHuffman(const ByteHistogram& counts);

// Bits of that many symbols in that code.
uint64_t HuffmanCodedBits(const HuffmanCode& code, const ByteHistogram& counts);

}  // namespace plait

#endif  // PLAIT_CODEC_HUFFMAN_HUFFMAN_CODE_H_
