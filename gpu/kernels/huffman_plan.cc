#include "gpu/kernels/huffman_plan.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"

namespace plait::gpu {
namespace {

absl::Status CheckSize(std::string_view what, uint64_t found, uint64_t expected) {
  const std::string message = FoundExpected(what, found, expected);
  if (found < expected) return absl::OutOfRangeError(message);
  return found > expected ? absl::DataLossError(message) : absl::OkStatus();
}

absl::Status CheckLimit(std::string_view what, uint64_t found, uint64_t most) {
  if (found <= most) return absl::OkStatus();
  return absl::ResourceExhaustedError(FoundExpected(what, found, absl::StrCat("at most ", most)));
}

absl::Status CheckAddresses(const HuffmanDeviceStream& stream) {
  for (const void* address :
       {static_cast<const void*>(stream.device_luts), static_cast<const void*>(stream.device_codes),
        static_cast<const void*>(stream.device_gaps), static_cast<const void*>(stream.device_sign_mantissas),
        static_cast<const void*>(stream.device_out)}) {
    if (reinterpret_cast<uintptr_t>(address) % kHuffmanPieceSymbols != 0) {
      return absl::InvalidArgumentError("device address: found an odd one, expected a multiple of 16");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSizes(const HuffmanDeviceStream& stream) {
  PLAIT_RETURN_IF_ERROR(CheckLimit("encoded_exponent bytes", stream.code_bytes, kHuffmanMaxCodeBytes));
  PLAIT_RETURN_IF_ERROR(CheckLimit("symbols", stream.num_symbols, kHuffmanMaxSymbols));
  if (stream.code_bytes == 0) return absl::OutOfRangeError(FoundExpected("encoded_exponent bytes", 0, "1 or more"));
  if (stream.num_symbols == 0) return absl::DataLossError(FoundExpected("symbols", 0, "1 or more"));
  return CheckSize("gaps bytes", stream.gap_bytes,
                   CeilDiv(stream.code_bytes, uint64_t{kHuffmanBlockBytes}) * kHuffmanBlockGapBytes);
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

// The bits of the shortest code, at least 1.
absl::StatusOr<uint32_t> CheckLuts(std::span<const uint8_t> luts) {
  PLAIT_RETURN_IF_ERROR(CheckRows(luts.size()));
  const std::span<const uint8_t> lengths = luts.last(kHuffmanRowBytes);
  const std::span<const uint8_t> tables = luts.first(luts.size() - kHuffmanRowBytes);
  for (size_t symbol = 0; symbol < lengths.size(); ++symbol) {
    const unsigned most = symbol < kHuffmanFirstPointer ? kHuffmanMaxCodeBits : 0;
    if (lengths[symbol] > most) {
      return absl::DataLossError(FoundExpected(absl::StrCat("bits of exponent ", symbol, " in luts"), lengths[symbol],
                                               absl::StrCat("at most ", most)));
    }
  }
  uint32_t min_code_bits = kHuffmanMaxCodeBits;
  for (size_t i = 0; i < tables.size(); ++i) {
    const uint8_t entry = tables[i];
    if (IsHuffmanPointer(entry) && HuffmanRowOf(entry) >= tables.size() / kHuffmanRowBytes) {
      return absl::DataLossError(FoundExpected(absl::StrCat("luts byte ", i, " as a row"), HuffmanRowOf(entry),
                                               absl::StrCat("below ", tables.size() / kHuffmanRowBytes)));
    }
    if (lengths[entry] != 0) min_code_bits = std::min<uint32_t>(min_code_bits, lengths[entry]);
  }
  return min_code_bits;
}

// A task for each block, whose source is set later.
absl::StatusOr<std::vector<HuffmanTask>> MakeTasks(std::span<const uint8_t> positions, uint32_t num_blocks,
                                                   uint64_t num_symbols) {
  // DFloat11's encoder leaves out the entry of a last block that holds nothing but the end of a code.
  const bool left_out = num_blocks > 1 && positions.size() == num_blocks * kHuffmanPositionBytes;
  const size_t num_positions = left_out ? num_blocks : size_t{num_blocks} + 1;
  PLAIT_RETURN_IF_ERROR(CheckSize("output_positions bytes", positions.size(), num_positions * kHuffmanPositionBytes));
  std::vector<HuffmanTask> tasks;
  uint32_t before = 0;
  for (uint32_t i = 0; i < num_positions; ++i) {
    const auto position = LoadLe<uint32_t>(&positions[i * kHuffmanPositionBytes]);
    const uint64_t most = i == 0 ? 0 : std::min(num_symbols, before + uint64_t{kHuffmanBlockBits});
    if (position < before || position > most) {
      return absl::DataLossError(
          FoundExpected(absl::StrCat("output position ", i), position, absl::StrCat(before, " to ", most)));
    }
    if (i > 0) tasks.push_back({.source = 0, .block = i - 1, .first_symbol = before, .num_symbols = position - before});
    before = position;
  }
  if (before != num_symbols) return absl::DataLossError(FoundExpected("last output position", before, num_symbols));
  if (left_out) tasks.push_back({.source = 0, .block = num_blocks - 1, .first_symbol = before, .num_symbols = 0});
  return tasks;
}

// What both need.
HuffmanCapacity Larger(const HuffmanCapacity& a, const HuffmanCapacity& b) {
  return {.num_tables = std::max(a.num_tables, b.num_tables),
          .slot_words = std::max(a.slot_words, b.slot_words),
          .symbols = std::max(a.symbols, b.symbols)};
}

HuffmanCapacity CapacityFor(const HuffmanSource& source, std::span<const HuffmanTask> tasks) {
  const uint32_t most_codes = CeilDiv<uint32_t>(kHuffmanThreadBits, source.min_code_bits);
  HuffmanCapacity capacity{
      .num_tables = source.num_tables, .slot_words = CeilDiv(most_codes, kHuffmanSlotSymbols), .symbols = 0};
  for (const HuffmanTask& task : tasks) capacity.symbols = std::max(capacity.symbols, task.num_symbols);
  return capacity;
}

}  // namespace

absl::Status AddHuffmanStream(const HuffmanDeviceStream& stream, uint32_t max_shared_bytes, HuffmanDevicePlan* plan) {
  PLAIT_RETURN_IF_ERROR(CheckAddresses(stream));
  PLAIT_RETURN_IF_ERROR(CheckSizes(stream));
  PLAIT_ASSIGN_OR_RETURN(const uint32_t min_code_bits, CheckLuts(stream.luts));
  const auto num_blocks = static_cast<uint32_t>(CeilDiv(stream.code_bytes, uint64_t{kHuffmanBlockBytes}));
  PLAIT_ASSIGN_OR_RETURN(std::vector<HuffmanTask> tasks,
                         MakeTasks(stream.output_positions, num_blocks, stream.num_symbols));
  const HuffmanSource source{.luts = stream.device_luts,
                             .codes = stream.device_codes,
                             .gaps = stream.device_gaps,
                             .sign_mantissas = stream.device_sign_mantissas,
                             .out = stream.device_out,
                             .code_bytes = static_cast<uint32_t>(stream.code_bytes),
                             .num_symbols = static_cast<uint32_t>(stream.num_symbols),
                             .num_blocks = num_blocks,
                             .num_tables = static_cast<uint32_t>(stream.luts.size() / kHuffmanRowBytes - 1),
                             .min_code_bits = min_code_bits};
  const HuffmanCapacity capacity = Larger(plan->capacity, CapacityFor(source, tasks));
  PLAIT_RETURN_IF_ERROR(CheckLimit("shared bytes of a thread block", capacity.shared_bytes(), max_shared_bytes));
  for (HuffmanTask& task : tasks) task.source = static_cast<uint32_t>(plan->sources.size());
  plan->sources.push_back(source);
  plan->tasks.insert(plan->tasks.end(), tasks.begin(), tasks.end());
  plan->capacity = capacity;
  return absl::OkStatus();
}

}  // namespace plait::gpu
