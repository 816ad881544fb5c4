#include <algorithm>
#include <functional>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/huffman/huffman.h"

namespace plait {
namespace {

constexpr uint64_t kWordBits = 32;
constexpr size_t kPieceSymbols = size_t{1} << 20;

uint64_t BytesOf(uint64_t bits) { return CeilDiv(bits, uint64_t{8}); }

uint64_t NumBlocks(uint64_t coded_bits) { return CeilDiv(BytesOf(coded_bits), uint64_t{kHuffmanBlockBytes}); }

}  // namespace

HuffmanSizes HuffmanSizesOf(uint64_t coded_bits) {
  return {.codes = BytesOf(coded_bits),
          .gaps = NumBlocks(coded_bits) * kHuffmanBlockGapBytes,
          .output_positions = (NumBlocks(coded_bits) + 1) * kHuffmanPositionBytes};
}

void EncodeHuffmanPiece(const HuffmanCode& code, std::span<const uint8_t> symbols, uint64_t begin_bit,
                        HuffmanPiece* piece) {
  piece->num_symbols = symbols.size();
  piece->end_bit = begin_bit + HuffmanCodedBits(code, CountBytes(symbols));
  const uint64_t bits = piece->end_bit - begin_bit / kWordBits * kWordBits;
  piece->bytes.resize(CeilDiv(bits, kWordBits) * sizeof(uint32_t) + sizeof(uint32_t));
  piece->gaps.resize(CeilDiv(bits, uint64_t{kHuffmanThreadBits}) + 1);
  piece->symbols_before.resize(piece->gaps.size());
  const HuffmanEncodeTarget target = {piece->bytes.data(), piece->gaps.data(), piece->symbols_before.data()};
  const HuffmanEncodeTable table = {.bits = code.bits, .length = code.length};
  const size_t num_gaps = EncodeHuffmanSymbols(table, symbols.data(), symbols.size(), begin_bit, target);
  piece->gaps.resize(num_gaps);
  piece->symbols_before.resize(num_gaps);
  piece->bytes.resize(BytesOf(bits));
}

void HuffmanJoiner::Add(const HuffmanPiece& piece, std::vector<uint8_t>* codes) {
  const auto first = codes->insert(codes->end(), piece.bytes.begin(), piece.bytes.end());
  std::ranges::transform(last_bytes_, std::span(first, last_bytes_.size()), first, std::bit_or());
  for (size_t i = 0; i < piece.gaps.size(); ++i) {
    if (gaps_.size() % kHuffmanBlockThreads == 0) {
      positions_.push_back(static_cast<uint32_t>(num_symbols_ + piece.symbols_before[i]));
    }
    gaps_.push_back(piece.gaps[i]);
  }
  num_symbols_ += piece.num_symbols;
  end_bit_ = piece.end_bit;
  const auto last = codes->end() - static_cast<ptrdiff_t>(BytesOf(end_bit_ % kWordBits));
  last_bytes_.assign(last, codes->end());
  codes->erase(last, codes->end());
}

void HuffmanJoiner::Finish(std::vector<uint8_t>* codes) {
  if (end_bit_ % 8 != 0) {
    const unsigned free = 8 - end_bit_ % 8;
    const uint64_t fill = uint64_t{code_.end_bits} << free >> code_.end_length;
    last_bytes_.back() |= static_cast<uint8_t>(fill);
  }
  codes->insert(codes->end(), last_bytes_.begin(), last_bytes_.end());
  PackGaps(NumBlocks(end_bit_));
  PackPositions(NumBlocks(end_bit_));
}

void HuffmanJoiner::PackGaps(uint64_t num_blocks) {
  // No code starts in the last thread if the last code ends inside it. Then DFloat11 writes a gap only if the last byte
  // is filled up; nothing depends on it.
  const uint64_t last_thread = (end_bit_ - 1) / kHuffmanThreadBits;
  const bool has_no_code = gaps_[last_thread] == end_bit_ - last_thread * kHuffmanThreadBits;
  if (has_no_code && end_bit_ % 8 == 0) gaps_[last_thread] = 0;
  gaps_.resize(num_blocks * kHuffmanBlockThreads);
  packed_gaps_.resize(num_blocks * kHuffmanBlockGapBytes);
  for (size_t unit = 0; unit < gaps_.size() / kHuffmanGapsPerUnit; ++unit) {
    PackHuffmanGaps(&gaps_[unit * kHuffmanGapsPerUnit], &packed_gaps_[unit * kHuffmanGapUnitBytes]);
  }
}

void HuffmanJoiner::PackPositions(uint64_t num_blocks) {
  positions_.resize(num_blocks);
  positions_.push_back(static_cast<uint32_t>(num_symbols_));
  packed_positions_.resize(positions_.size() * kHuffmanPositionBytes);
  for (size_t i = 0; i < positions_.size(); ++i) {
    StoreLe(positions_[i], &packed_positions_[i * kHuffmanPositionBytes]);
  }
}

absl::StatusOr<HuffmanStream> EncodeHuffman(std::span<const uint8_t> symbols) {
  if (symbols.size() > kHuffmanMaxSymbols) {
    return absl::ResourceExhaustedError(
        FoundExpected("symbols", symbols.size(), absl::StrCat("at most ", kHuffmanMaxSymbols)));
  }
  PLAIT_ASSIGN_OR_RETURN(HuffmanPlan plan, PlanHuffman(CountBytes(symbols)));
  HuffmanStream stream = {.luts = std::move(plan.luts), .codes = {}, .gaps = {}, .output_positions = {}};
  HuffmanJoiner joiner(plan.code);
  HuffmanPiece piece;
  for (size_t begin = 0; begin < symbols.size(); begin += kPieceSymbols) {
    const auto part = symbols.subspan(begin, std::min(kPieceSymbols, symbols.size() - begin));
    EncodeHuffmanPiece(plan.code, part, piece.end_bit, &piece);
    joiner.Add(piece, &stream.codes);
  }
  joiner.Finish(&stream.codes);
  if (stream.codes.size() > kHuffmanMaxCodeBytes) {
    return absl::ResourceExhaustedError(
        FoundExpected("bytes of codes", stream.codes.size(), absl::StrCat("at most ", kHuffmanMaxCodeBytes)));
  }
  stream.gaps = joiner.gaps();
  stream.output_positions = joiner.output_positions();
  return stream;
}

}  // namespace plait
