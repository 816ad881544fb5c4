#include "gpu/kernels/huffman_plan.h"

#include <algorithm>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "codec/huffman/huffman_checks.h"

namespace plait::gpu {
namespace {

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

// The bits of the shortest code, at least 1. Requires: CheckHuffmanLuts has accepted them.
uint32_t MinCodeBits(std::span<const uint8_t> luts) {
  const std::span<const uint8_t> lengths = luts.last(kHuffmanRowBytes);
  uint32_t min_code_bits = kHuffmanMaxCodeBits;
  for (uint8_t entry : luts.first(luts.size() - kHuffmanRowBytes)) {
    if (lengths[entry] != 0) min_code_bits = std::min<uint32_t>(min_code_bits, lengths[entry]);
  }
  return min_code_bits;
}

uint64_t Distance(const uint8_t* from, const uint8_t* to) {
  return reinterpret_cast<uint64_t>(to) - reinterpret_cast<uint64_t>(from);
}

// A task for each block.
std::vector<HuffmanTask> MakeTasks(uint32_t source, std::span<const uint32_t> positions) {
  std::vector<HuffmanTask> tasks;
  for (uint32_t block = 0; block + 1 < positions.size(); ++block) {
    tasks.push_back({.source = source,
                     .block = block,
                     .first_symbol = positions[block],
                     .num_symbols = positions[block + 1] - positions[block]});
  }
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
  PLAIT_RETURN_IF_ERROR(CheckHuffmanSizes(stream.code_bytes, stream.num_symbols, stream.gap_bytes));
  PLAIT_RETURN_IF_ERROR(CheckHuffmanLuts(stream.luts));
  const auto num_blocks = static_cast<uint32_t>(CeilDiv(stream.code_bytes, uint64_t{kHuffmanBlockBytes}));
  PLAIT_ASSIGN_OR_RETURN(const std::vector<uint32_t> positions,
                         ReadHuffmanPositions(stream.output_positions, num_blocks, stream.num_symbols));
  const std::vector<HuffmanTask> tasks = MakeTasks(static_cast<uint32_t>(plan->sources.size()), positions);
  const HuffmanSource source{.codes = stream.device_codes,
                             .sign_mantissas = stream.device_sign_mantissas,
                             .out = stream.device_out,
                             .code_bytes = static_cast<uint32_t>(stream.code_bytes),
                             .num_symbols = static_cast<uint32_t>(stream.num_symbols),
                             .luts_at = Distance(stream.device_codes, stream.device_luts),
                             .gaps_at = Distance(stream.device_codes, stream.device_gaps),
                             .num_tables = static_cast<uint32_t>(stream.luts.size() / kHuffmanRowBytes - 1),
                             .min_code_bits = MinCodeBits(stream.luts)};
  const HuffmanCapacity capacity = Larger(plan->capacity, CapacityFor(source, tasks));
  if (capacity.shared_bytes() > max_shared_bytes) {
    return absl::ResourceExhaustedError(FoundExpected("shared bytes of a thread block", capacity.shared_bytes(),
                                                      absl::StrCat("at most ", max_shared_bytes)));
  }
  plan->sources.push_back(source);
  plan->tasks.insert(plan->tasks.end(), tasks.begin(), tasks.end());
  plan->capacity = capacity;
  return absl::OkStatus();
}

}  // namespace plait::gpu
