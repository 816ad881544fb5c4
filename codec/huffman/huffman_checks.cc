#include "codec/huffman/huffman_checks.h"

#include <algorithm>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/huffman/huffman_layout.h"

namespace plait {
namespace {

absl::Status CheckLimit(std::string_view what, uint64_t found, uint64_t most) {
  if (found <= most) return absl::OkStatus();
  return absl::ResourceExhaustedError(FoundExpected(what, found, absl::StrCat("at most ", most)));
}

absl::Status CheckRows(size_t luts_bytes) {
  if (luts_bytes < kHuffmanMinRows * kHuffmanRowBytes) {
    return absl::OutOfRangeError(
        FoundExpected("luts bytes", luts_bytes, absl::StrCat(kHuffmanMinRows * kHuffmanRowBytes, " or more")));
  }
  if (luts_bytes % kHuffmanRowBytes != 0) {
    return absl::DataLossError(FoundExpected("luts bytes", luts_bytes, "whole rows of 256"));
  }
  const size_t rows = luts_bytes / kHuffmanRowBytes;
  if (rows <= kHuffmanMaxRows) return absl::OkStatus();
  return absl::UnimplementedError(FoundExpected("rows of luts", rows, absl::StrCat("at most ", kHuffmanMaxRows)));
}

absl::Status CheckLengths(std::span<const uint8_t> lengths) {
  for (size_t symbol = 0; symbol < lengths.size(); ++symbol) {
    const unsigned most = symbol < kHuffmanFirstPointer ? kHuffmanMaxCodeBits : 0;
    if (lengths[symbol] > most) {
      return absl::DataLossError(FoundExpected(absl::StrCat("bits of exponent ", symbol, " in luts"), lengths[symbol],
                                               absl::StrCat("at most ", most)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckHuffmanSize(std::string_view what, uint64_t found, uint64_t expected) {
  const std::string message = FoundExpected(what, found, expected);
  if (found < expected) return absl::OutOfRangeError(message);
  return found > expected ? absl::DataLossError(message) : absl::OkStatus();
}

absl::Status CheckHuffmanSizes(uint64_t code_bytes, uint64_t num_symbols, uint64_t gap_bytes) {
  PLAIT_RETURN_IF_ERROR(CheckLimit("encoded_exponent bytes", code_bytes, kHuffmanMaxCodeBytes));
  PLAIT_RETURN_IF_ERROR(CheckLimit("symbols", num_symbols, kHuffmanMaxSymbols));
  if (code_bytes == 0) return absl::OutOfRangeError(FoundExpected("encoded_exponent bytes", 0, "1 or more"));
  if (num_symbols == 0) return absl::DataLossError(FoundExpected("symbols", 0, "1 or more"));
  return CheckHuffmanSize("gaps bytes", gap_bytes,
                          CeilDiv(code_bytes, uint64_t{kHuffmanBlockBytes}) * kHuffmanBlockGapBytes);
}

absl::Status CheckHuffmanLuts(std::span<const uint8_t> luts) {
  PLAIT_RETURN_IF_ERROR(CheckRows(luts.size()));
  PLAIT_RETURN_IF_ERROR(CheckLengths(luts.last(kHuffmanRowBytes)));
  const size_t num_tables = luts.size() / kHuffmanRowBytes - 1;
  for (size_t i = 0; i < num_tables * kHuffmanRowBytes; ++i) {
    if (IsHuffmanPointer(luts[i]) && HuffmanRowOf(luts[i]) >= num_tables) {
      return absl::DataLossError(FoundExpected(absl::StrCat("luts byte ", i, " as a row"), HuffmanRowOf(luts[i]),
                                               absl::StrCat("below ", num_tables)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint32_t>> ReadHuffmanPositions(std::span<const uint8_t> bytes, size_t num_blocks,
                                                           uint64_t num_symbols) {
  // DFloat11's encoder leaves out the entry of a last block that holds nothing but the end of a code.
  const bool left_out = num_blocks > 1 && bytes.size() == num_blocks * kHuffmanPositionBytes;
  if (!left_out) {
    PLAIT_RETURN_IF_ERROR(
        CheckHuffmanSize("output_positions bytes", bytes.size(), (num_blocks + 1) * kHuffmanPositionBytes));
  }
  std::vector<uint32_t> positions(bytes.size() / kHuffmanPositionBytes);
  for (size_t i = 0; i < positions.size(); ++i) {
    positions[i] = LoadLe<uint32_t>(&bytes[i * kHuffmanPositionBytes]);
    const uint32_t least = i == 0 ? 0 : positions[i - 1];
    const uint64_t most = i == 0 ? 0 : std::min(num_symbols, least + uint64_t{kHuffmanBlockBits});
    if (positions[i] < least || positions[i] > most) {
      return absl::DataLossError(
          FoundExpected(absl::StrCat("output position ", i), positions[i], absl::StrCat(least, " to ", most)));
    }
  }
  if (positions.back() != num_symbols) {
    return absl::DataLossError(FoundExpected("last output position", positions.back(), num_symbols));
  }
  if (left_out) positions.push_back(static_cast<uint32_t>(num_symbols));
  return positions;
}

}  // namespace plait
