// What all readers of a DFloat11 stream check before they decode, on a CPU and for a device (FORMAT.md, "A reader must
// reject"): everything but the codes and gaps themselves.
#ifndef PLAIT_CODEC_HUFFMAN_HUFFMAN_CHECKS_H_
#define PLAIT_CODEC_HUFFMAN_HUFFMAN_CHECKS_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plait {

// The size of one part. kOutOfRange: it is short; kDataLoss: it is too long.
absl::Status CheckHuffmanSize(std::string_view what, uint64_t found, uint64_t expected);

// The sizes of a stream's parts. kOutOfRange: a part is missing or short; kDataLoss: it is too long;
// kResourceExhausted: more than a stream may have.
absl::Status CheckHuffmanSizes(uint64_t code_bytes, uint64_t num_symbols, uint64_t gap_bytes);

// Rows of luts. Afterwards every pointer leads to a row that is there, and lengths are those that symbols may have.
// kOutOfRange: less than two rows; kUnimplemented: more than a pointer can name; kDataLoss: anything else.
absl::Status CheckHuffmanLuts(std::span<const uint8_t> luts);

// Symbols in front of each of `num_blocks` blocks, and of the end. kOutOfRange: entries are missing; kDataLoss: they do
// not rise to num_symbols, or rise faster than bits allow.
absl::StatusOr<std::vector<uint32_t>> ReadHuffmanPositions(std::span<const uint8_t> bytes, size_t num_blocks,
                                                           uint64_t num_symbols);

}  // namespace plait

#endif  // PLAIT_CODEC_HUFFMAN_HUFFMAN_CHECKS_H_
