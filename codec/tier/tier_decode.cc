#include <algorithm>

#include "codec/base/status.h"
#include "codec/tier/tier.h"
#include "codec/tier/tier_kernel.h"
#include "codec/tier/tier_select.h"

namespace plait {
namespace {

// One part of a group: n digits at `digits`.
struct Level {
  const uint8_t* digits = nullptr;
  size_t n = 0;
};

// A stream whose header has been checked; `packets` shrinks as groups are read.
struct Stream {
  const TierKernels& kernels;
  size_t num_levels;
  const uint8_t* table;
  std::span<const uint8_t> packets;
};

absl::Status CheckHeader(std::span<const uint8_t> stream) {
  const size_t num_levels = stream[0];
  if (num_levels < 1 || num_levels > kTierMaxLevels) {
    return absl::DataLossError(FoundExpected("tier levels", num_levels, absl::StrCat("1 to ", kTierMaxLevels)));
  }
  for (size_t i = 1 + num_levels * kTierSymbolsPerLevel; i < kTierHeaderBytes; ++i) {
    if (stream[i] != 0) return absl::DataLossError(FoundExpected("unused tier table entry", stream[i], 0));
  }
  return absl::OkStatus();
}

bool PaddingIsZero(const Level& level) {
  const size_t used = level.n % kTierDigitsPerByte;
  return used == 0 || level.digits[level.n / kTierDigitsPerByte] >> (2 * used) == 0;
}

absl::Status PaddingError(size_t level) {
  return absl::DataLossError(absl::StrCat("padding of tier level ", level + 1, ": found ones, expected zeros"));
}

// Takes `bytes` from the front of the packets, or says that the stream ends early.
absl::StatusOr<const uint8_t*> Take(Stream& stream, size_t bytes) {
  if (bytes > stream.packets.size()) {
    return absl::OutOfRangeError(FoundExpected("tier packet bytes left", stream.packets.size(), bytes));
  }
  const uint8_t* taken = stream.packets.data();
  stream.packets = stream.packets.subspan(bytes);
  return taken;
}

// Finds every part of one group, then decodes from the deepest level up, each level feeding the one above it.
absl::Status DecodeGroup(Stream& stream, const uint8_t* level1_digits, std::span<uint8_t> symbols) {
  Level levels[kTierMaxLevels];
  levels[0] = {level1_digits, symbols.size()};
  if (!PaddingIsZero(levels[0])) return PaddingError(0);
  size_t escapes = stream.kernels.count_escapes(level1_digits, symbols.size());
  for (size_t k = 1; k < stream.num_levels; ++k) {
    PLAIT_ASSIGN_OR_RETURN(const uint8_t* digits, Take(stream, TierDigitBytes(escapes)));
    levels[k] = {digits, escapes};
    if (!PaddingIsZero(levels[k])) return PaddingError(k);
    escapes = stream.kernels.count_escapes(digits, escapes);
  }
  PLAIT_ASSIGN_OR_RETURN(const uint8_t* raw, Take(stream, escapes));

  // Levels at odd depth read the first buffer and write the second, and so on; slack as the kernels require.
  uint8_t buffers[2][kTierGroupSymbols + kTierEscapeSlack];
  std::copy_n(raw, escapes, buffers[0]);
  const uint8_t* deeper = buffers[0];
  for (size_t k = stream.num_levels - 1; k > 0; --k) {
    uint8_t* out = deeper == buffers[0] ? buffers[1] : buffers[0];
    stream.kernels.decode_level(levels[k].digits, levels[k].n, stream.table + k * kTierSymbolsPerLevel, deeper, out);
    deeper = out;
  }
  stream.kernels.decode_level(level1_digits, symbols.size(), stream.table, deeper, symbols.data());
  return absl::OkStatus();
}

}  // namespace

absl::Status TierDecode(std::span<const uint8_t> stream, std::span<uint8_t> symbols) {
  const size_t fixed_bytes = kTierHeaderBytes + TierDigitBytes(symbols.size());
  if (stream.size() < fixed_bytes) {
    return absl::OutOfRangeError(
        FoundExpected("tier stream bytes", stream.size(), absl::StrCat("at least ", fixed_bytes)));
  }
  PLAIT_RETURN_IF_ERROR(CheckHeader(stream));
  Stream state = {ActiveTierKernels(), stream[0], stream.data() + 1, stream.subspan(fixed_bytes)};
  const uint8_t* level1_digits = stream.data() + kTierHeaderBytes;
  for (size_t begin = 0; begin < symbols.size(); begin += kTierGroupSymbols) {
    const auto group = symbols.subspan(begin, std::min(kTierGroupSymbols, symbols.size() - begin));
    PLAIT_RETURN_IF_ERROR(DecodeGroup(state, level1_digits + begin / kTierDigitsPerByte, group));
  }
  if (!state.packets.empty()) {
    return absl::DataLossError(FoundExpected("tier stream bytes after the last group", state.packets.size(), 0));
  }
  return absl::OkStatus();
}

}  // namespace plait
