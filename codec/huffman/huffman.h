// The DFloat11 stream: Huffman codes of exponents in one bitstream, with what lets thousands of GPU threads start in
// the middle of it. Source: "70% Size, 100% Accuracy: Lossless LLM Compression for Efficient GPU Inference via
// Dynamic-Length Float" (arXiv:2504.11651) and github.com/LeanModels/DFloat11, whose kernel defines what bytes mean.
//
// Both directions work on parts of a stream, so that it never has to be in memory whole: pieces of symbols on the way
// in, runs of blocks on the way out.
#ifndef PLAIT_CODEC_HUFFMAN_HUFFMAN_H_
#define PLAIT_CODEC_HUFFMAN_HUFFMAN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "codec/huffman/huffman_code.h"
#include "codec/huffman/huffman_kernel.h"
#include "codec/huffman/huffman_layout.h"

namespace plait {

// ---- Encoding ----

// The codes of consecutive symbols of a stream.
struct HuffmanPiece {
  uint64_t num_symbols = 0;
  uint64_t end_bit = 0;                  // of the stream
  std::vector<uint8_t> bytes;            // from the word of 32 bits on that the piece begins in; other bits are zero
  std::vector<uint8_t> gaps;             // of the threads whose bytes begin in the piece
  std::vector<uint32_t> symbols_before;  // of the piece, in front of each of those threads
};

// Encodes `symbols`, at least one and fewer than 2^32, all of which have a code. Pieces may be coded in any order, also
// side by side: the bit at which one begins is what the counts of those before it take.
void EncodeHuffmanPiece(const HuffmanCode& code, std::span<const uint8_t> symbols, uint64_t begin_bit,
                        HuffmanPiece* piece);

// Puts pieces together, in order.
class HuffmanJoiner {
 public:
  explicit HuffmanJoiner(const HuffmanCode& code) : code_(code) {}

  // Appends to `codes` the whole words that are known with this piece.
  void Add(const HuffmanPiece& piece, std::vector<uint8_t>* codes);

  // Appends what is left, its last byte filled up, and completes gaps and positions. Call once, behind the last piece.
  void Finish(std::vector<uint8_t>* codes);

  // Of the whole stream, as it stores them; after Finish().
  const std::vector<uint8_t>& gaps() const { return packed_gaps_; }
  const std::vector<uint8_t>& output_positions() const { return packed_positions_; }

 private:
  void PackGaps(uint64_t num_blocks);
  void PackPositions(uint64_t num_blocks);

  HuffmanCode code_;
  uint64_t num_symbols_ = 0;
  uint64_t end_bit_ = 0;
  std::vector<uint8_t> last_bytes_;  // of the word that end_bit_ is in, up to there
  std::vector<uint8_t> gaps_ = {0};  // a byte each
  std::vector<uint32_t> positions_ = {0};
  std::vector<uint8_t> packed_gaps_;
  std::vector<uint8_t> packed_positions_;
};

// A whole stream in memory.
struct HuffmanStream {
  std::vector<uint8_t> luts;
  std::vector<uint8_t> codes;
  std::vector<uint8_t> gaps;
  std::vector<uint8_t> output_positions;
};

// Encodes all of `symbols`. Returns: as PlanHuffman; kResourceExhausted beyond kHuffmanMaxSymbols.
absl::StatusOr<HuffmanStream> EncodeHuffman(std::span<const uint8_t> symbols);

// Bytes of the parts of a stream of so many coded bits.
struct HuffmanSizes {
  uint64_t codes = 0;
  uint64_t gaps = 0;
  uint64_t output_positions = 0;
};
HuffmanSizes HuffmanSizesOf(uint64_t coded_bits);

// ---- Decoding ----

// Everything of a stream but its codes, checked.
class HuffmanReader {
 public:
  // `num_symbols` is known from outside: the stream's last position must be that.
  // Returns: kOutOfRange if a part is too short; kDataLoss if one is too long, an entry points to a row that is not
  // there, a length is above 32 or is given to what is no symbol, or positions do not rise from 0 to num_symbols;
  // kUnimplemented for more sub-tables than there are pointers; kResourceExhausted for more codes or symbols than
  // DFloat11's kernel can count.
  static absl::StatusOr<HuffmanReader> Open(std::span<const uint8_t> luts, std::span<const uint8_t> gaps,
                                            std::span<const uint8_t> output_positions, uint64_t code_bytes,
                                            uint64_t num_symbols);

  size_t num_blocks() const { return positions_.size() - 1; }
  uint64_t num_symbols() const { return positions_.back(); }
  // The first symbol of a block, or num_symbols() for num_blocks().
  uint64_t FirstSymbol(size_t block) const { return positions_[block]; }

  // The bytes of all codes that DecodeHuffmanBlocks of these blocks reads: they begin with the first block's.
  uint64_t CodeBytes(size_t first, size_t last) const;

  // Decodes blocks first to last - 1 from `codes`, which are CodeBytes(first, last) bytes, into `symbols`, which has
  // exactly theirs. Reads nothing outside `codes`.
  // Returns: kOutOfRange if codes end early; kDataLoss if bits are no code, or if where threads start or how many
  // symbols a block has is not what gaps and positions say, or if codes end behind the last symbol.
  absl::Status DecodeHuffmanBlocks(std::span<const uint8_t> codes, size_t first, size_t last,
                                   std::span<uint8_t> symbols) const;

 private:
  HuffmanReader() = default;
  absl::Status DecodeBlock(std::span<const uint8_t> codes, size_t block, std::span<uint8_t> symbols) const;
  absl::Status CheckEnd(size_t block, const HuffmanBlockCursor& cursor) const;

  HuffmanDecodeTable table_;
  std::vector<uint8_t> gaps_;        // a byte each
  std::vector<uint32_t> positions_;  // one more than there are blocks
  uint64_t code_bytes_ = 0;
};

// Decodes a whole stream. Errors are those of HuffmanReader.
absl::Status DecodeHuffman(std::span<const uint8_t> luts, std::span<const uint8_t> codes, std::span<const uint8_t> gaps,
                           std::span<const uint8_t> output_positions, std::span<uint8_t> symbols);

}  // namespace plait

#endif  // PLAIT_CODEC_HUFFMAN_HUFFMAN_H_
