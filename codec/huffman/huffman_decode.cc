#include <algorithm>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/huffman/huffman.h"
#include "codec/huffman/huffman_checks.h"

namespace plait {
namespace {

// Requires: CheckHuffmanLuts has accepted them.
HuffmanDecodeTable ReadLuts(std::span<const uint8_t> luts) {
  HuffmanDecodeTable table = {};
  std::ranges::copy(luts.last(kHuffmanRowBytes), table.length.begin());
  for (size_t i = 0; i < luts.size() - kHuffmanRowBytes; ++i) {
    table.rows[i / kHuffmanRowBytes][i % kHuffmanRowBytes] = luts[i];
  }
  DeriveHuffmanLookups(&table);
  return table;
}

// A byte for each of the gaps.
std::vector<uint8_t> ReadGaps(std::span<const uint8_t> packed) {
  std::vector<uint8_t> gaps(packed.size() / kHuffmanGapUnitBytes * kHuffmanGapsPerUnit);
  for (size_t unit = 0; unit < packed.size() / kHuffmanGapUnitBytes; ++unit) {
    UnpackHuffmanGaps(&packed[unit * kHuffmanGapUnitBytes], &gaps[unit * kHuffmanGapsPerUnit]);
  }
  return gaps;
}

}  // namespace

absl::StatusOr<HuffmanReader> HuffmanReader::Open(std::span<const uint8_t> luts, std::span<const uint8_t> gaps,
                                                  std::span<const uint8_t> output_positions, uint64_t code_bytes,
                                                  uint64_t num_symbols) {
  PLAIT_RETURN_IF_ERROR(CheckHuffmanSizes(code_bytes, num_symbols, gaps.size()));
  PLAIT_RETURN_IF_ERROR(CheckHuffmanLuts(luts));
  const size_t num_blocks = CeilDiv(code_bytes, uint64_t{kHuffmanBlockBytes});
  HuffmanReader reader;
  PLAIT_ASSIGN_OR_RETURN(reader.positions_, ReadHuffmanPositions(output_positions, num_blocks, num_symbols));
  reader.table_ = ReadLuts(luts);
  reader.gaps_ = ReadGaps(gaps);
  reader.code_bytes_ = code_bytes;
  return reader;
}

uint64_t HuffmanReader::CodeBytes(size_t first, size_t last) const {
  const uint64_t end = std::min(code_bytes_, last * uint64_t{kHuffmanBlockBytes} + kHuffmanLookAheadBytes);
  return end - first * uint64_t{kHuffmanBlockBytes};
}

absl::Status HuffmanReader::DecodeHuffmanBlocks(std::span<const uint8_t> codes, size_t first, size_t last,
                                                std::span<uint8_t> symbols) const {
  if (codes.size() != CodeBytes(first, last) || symbols.size() != FirstSymbol(last) - FirstSymbol(first)) {
    return absl::InvalidArgumentError("codes or symbols: found spans of other sizes than the blocks have");
  }
  for (size_t block = first; block < last; ++block) {
    const size_t num_symbols = FirstSymbol(block + 1) - FirstSymbol(block);
    const auto block_codes = codes.subspan((block - first) * kHuffmanBlockBytes, CodeBytes(block, block + 1));
    PLAIT_RETURN_IF_ERROR(
        Annotate(DecodeBlock(block_codes, block, symbols.first(num_symbols)), absl::StrCat("coded block ", block)));
    symbols = symbols.subspan(num_symbols);
  }
  return absl::OkStatus();
}

absl::Status HuffmanReader::DecodeBlock(std::span<const uint8_t> codes, size_t block,
                                        std::span<uint8_t> symbols) const {
  uint8_t padded[kHuffmanBlockBytes + kHuffmanLookAheadBytes + 8] = {};
  uint8_t next_gaps[kHuffmanBlockThreads];
  std::ranges::copy(codes, padded);
  const uint8_t* gaps = gaps_.data() + block * kHuffmanBlockThreads;
  HuffmanBlockCursor cursor = {.bit = gaps[0], .symbols = 0};
  const size_t threads = DecodeHuffmanBlock(table_, padded, symbols.size(), &cursor, symbols.data(), next_gaps);
  if (cursor.symbols < symbols.size() && threads < kHuffmanBlockThreads) {
    return absl::DataLossError(
        absl::StrCat("bit ", block * kHuffmanBlockBits + cursor.bit, ": found bits that are no exponent's code"));
  }
  if (cursor.symbols < symbols.size()) {
    return absl::DataLossError(FoundExpected("symbols that start in it", cursor.symbols, symbols.size()));
  }
  PLAIT_RETURN_IF_ERROR(CheckEnd(block, cursor));
  for (size_t thread = 0; thread < threads; ++thread) {
    const size_t next = block * kHuffmanBlockThreads + thread + 1;
    // Where no code starts any more nothing depends on the gap.
    const bool is_over = cursor.bit <= (thread + 1) * kHuffmanThreadBits + next_gaps[thread];
    if (is_over && FirstSymbol(block + 1) == num_symbols()) break;
    if (next_gaps[thread] != gaps_[next]) {
      return absl::DataLossError(FoundExpected(absl::StrCat("gap ", next), gaps_[next], next_gaps[thread]));
    }
  }
  return absl::OkStatus();
}

// A block ends where the next one begins, the last one with its codes.
absl::Status HuffmanReader::CheckEnd(size_t block, const HuffmanBlockCursor& cursor) const {
  if (FirstSymbol(block + 1) != num_symbols()) {
    if (cursor.bit >= kHuffmanBlockBits) return absl::OkStatus();
    return absl::DataLossError(
        FoundExpected("symbols that start in it", "more", FirstSymbol(block + 1) - FirstSymbol(block)));
  }
  if (FirstSymbol(block) == num_symbols()) return absl::OkStatus();  // nothing but the end of a code
  const uint64_t used = CeilDiv(block * uint64_t{kHuffmanBlockBits} + cursor.bit, uint64_t{8});
  return CheckHuffmanSize("encoded_exponent bytes", code_bytes_, used);
}

absl::Status DecodeHuffman(std::span<const uint8_t> luts, std::span<const uint8_t> codes, std::span<const uint8_t> gaps,
                           std::span<const uint8_t> output_positions, std::span<uint8_t> symbols) {
  PLAIT_ASSIGN_OR_RETURN(const HuffmanReader reader,
                         HuffmanReader::Open(luts, gaps, output_positions, codes.size(), symbols.size()));
  return reader.DecodeHuffmanBlocks(codes, 0, reader.num_blocks(), symbols);
}

}  // namespace plait
