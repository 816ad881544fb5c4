#include "gpu/kernels/tier_plan.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/tier/tier_checks.h"

namespace plait::gpu {
namespace {

// Bit plane of `count` digits, up to 64; what lies behind them comes along.
uint64_t LoadBits(const uint8_t* bytes, size_t count) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, TierBitPlaneBytes(count));
  return word;
}

// Counts the escapes among n digits; kDataLoss if bits behind them are ones.
absl::StatusOr<size_t> CountEscapes(const uint8_t* digits, size_t n, unsigned bits, size_t level) {
  size_t escapes = 0;
  for (size_t i = 0; i < n; i += kTierUnitSymbols) {
    const size_t count = std::min(kTierUnitSymbols, n - i);
    const uint8_t* const unit = digits + TierDigitBytes(i, bits);
    const uint64_t low = LoadBits(unit, count);
    const uint64_t high = bits == 2 ? LoadBits(unit + TierBitPlaneBytes(count), count) : low;
    if (count < kTierUnitSymbols && (low | high) >> count != 0) {
      return absl::DataLossError(absl::StrCat("padding of tier level ", level + 1, ": found ones, expected zeros"));
    }
    escapes += static_cast<size_t>(std::popcount(low & high));
  }
  return escapes;
}

class PacketIndexer {
 public:
  // Requires: CheckTierStart has accepted the stream.
  PacketIndexer(std::span<const uint8_t> stream, size_t n)
      : stream_(stream), shape_(stream[0]), at_(kTierHeaderBytes + TierDigitBytes(n, shape_.digit_bits(0))) {}

  // The group of `count` symbols from symbol `first` on.
  absl::StatusOr<TierGroup> Next(size_t first, size_t count) {
    TierGroup group{.packet = static_cast<uint32_t>(at_), .counts = {}, .raw = 0};
    size_t digits = kTierHeaderBytes + TierDigitBytes(first, shape_.digit_bits(0));
    for (size_t level = 0; level < shape_.num_levels(); ++level) {
      const unsigned bits = shape_.digit_bits(level);
      if (level != 0) {
        digits = at_;
        PLAIT_RETURN_IF_ERROR(Take(TierDigitBytes(count, bits)));
      }
      PLAIT_ASSIGN_OR_RETURN(count, CountEscapes(stream_.data() + digits, count, bits, level));
      (level + 1 < shape_.num_levels() ? group.counts[level] : group.raw) = static_cast<uint16_t>(count);
    }
    PLAIT_RETURN_IF_ERROR(Take(count));
    return group;
  }

  size_t left() const { return stream_.size() - at_; }

 private:
  absl::Status Take(size_t bytes) {
    if (bytes > left()) return absl::OutOfRangeError(FoundExpected("tier packet bytes left", left(), bytes));
    at_ += bytes;
    return absl::OkStatus();
  }

  std::span<const uint8_t> stream_;
  TierShape shape_;
  size_t at_;  // begin of the next part of the packets
};

}  // namespace

absl::StatusOr<TierIndex> IndexTierStream(std::span<const uint8_t> stream, size_t n) {
  PLAIT_RETURN_IF_ERROR(CheckTierStart(stream, n));
  const TierShape shape(stream[0]);
  TierIndex index{.shape = shape.code(), .tables = {}, .groups = {}};
  for (size_t level = 0; level < shape.num_levels(); ++level) {
    for (size_t i = 0; i < shape.known_symbols(level); ++i) {
      index.tables[level] |= uint32_t{stream[1 + shape.table_begin(level) + i]} << 8 * i;
    }
  }
  PacketIndexer packets(stream, n);
  for (size_t first = 0; first < n; first += kTierGroupSymbols) {
    PLAIT_ASSIGN_OR_RETURN(index.groups.emplace_back(), packets.Next(first, std::min(kTierGroupSymbols, n - first)));
  }
  if (packets.left() == 0) return index;
  return absl::DataLossError(FoundExpected("tier stream bytes after the last group", packets.left(), 0));
}

uint32_t TierStatusWord(const absl::Status& status) {
  if (status.ok()) return kTierOk;
  return status.code() == absl::StatusCode::kOutOfRange ? kTierTruncated : kTierCorrupt;
}

bool FitsCapacity(const TierCapacity& capacity, const TierGroup& group) {
  uint32_t units = 0;
  for (uint16_t count : group.counts) units += CeilDiv<uint32_t>(count, kUnitSymbols);
  return units <= capacity.units && group.first_escapes() <= capacity.symbols;
}

absl::Status AddTierPlane(const TierPlane& plane, TierDevicePlan* plan) {
  for (const uint8_t* address :
       {plane.device_stream, plane.device_noise, static_cast<const uint8_t*>(plane.device_out)}) {
    if (reinterpret_cast<uintptr_t>(address) % 16 != 0) {
      return absl::InvalidArgumentError("device address: found an odd one, expected a multiple of 16");
    }
  }
  absl::StatusOr<TierIndex> index = IndexTierStream(plane.stream, plane.elements);
  TierBlock block{.stream = plane.device_stream,
                  .noise = plane.device_noise,
                  .out = plane.device_out,
                  .stream_bytes = static_cast<uint32_t>(plane.stream.size()),
                  .elements = plane.elements,
                  .shape = static_cast<uint16_t>(index.ok() ? index->shape : 0),
                  .num_levels = static_cast<uint16_t>(index.ok() ? TierShape(index->shape).num_levels() : 0),
                  .tables = {}};
  if (index.ok()) std::ranges::copy(index->tables, block.tables);
  const auto number = static_cast<uint32_t>(plan->blocks.size());
  plan->blocks.push_back(block);
  plan->status.push_back(TierStatusWord(index.status()));
  if (!index.ok()) return index.status();
  for (uint32_t g = 0; g < index->groups.size(); ++g) {
    TierDevicePlan::Launch& launch = FitsCapacity(kTierNarrow, index->groups[g]) ? plan->narrow : plan->wide;
    launch.tasks.push_back({number, g});
    launch.groups.push_back(index->groups[g]);
  }
  return absl::OkStatus();
}

}  // namespace plait::gpu
