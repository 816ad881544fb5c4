#include "gpu/kernels/gemv_plan.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "gpu/kernels/join.h"
#include "gpu/simt/words.h"

namespace plait::gpu {
namespace {

constexpr size_t kUnitPlaneBytes = TierBitPlaneBytes(kTierUnitSymbols);

// The symbols that each run of a group has at some level.
using RunSymbols = std::array<std::vector<uint8_t>, simt::kWarpLanes>;

size_t TotalSize(const RunSymbols& runs) {
  size_t size = 0;
  for (const auto& run : runs) size += run.size();
  return size;
}
uint32_t StepsOf(const RunSymbols& runs, size_t step_symbols) {
  size_t most = 0;
  for (const auto& run : runs) most = std::max(most, run.size());
  return static_cast<uint32_t>(CeilDiv(most, step_symbols));
}

// Appends bits to bytes, the lowest first.
class BitWriter {
 public:
  explicit BitWriter(std::vector<uint8_t>* bytes) : bytes_(*bytes), bits_(8 * bytes->size()) {}

  void Write(uint64_t bits, size_t count) {
    for (size_t i = 0; i < count; ++i, ++bits_) {
      if (bits_ % 8 == 0) bytes_.push_back(0);
      bytes_.back() |= static_cast<uint8_t>((bits >> i & 1) << bits_ % 8);
    }
  }
  size_t bits() const { return bits_; }

 private:
  std::vector<uint8_t>& bytes_;
  size_t bits_;
};

// Both bit planes of up to 64 digits.
struct DigitPlanes {
  uint64_t bit0 = 0;
  uint64_t bit1 = 0;
};

// Digits of one level.
class LevelCoder {
 public:
  LevelCoder(TierShape shape, std::span<const uint8_t, kTierTableSymbols> table, size_t level)
      : bits_(shape.digit_bits(level)) {
    digits_.fill(static_cast<uint8_t>((1u << bits_) - 1));
    for (size_t d = shape.known_symbols(level); d-- > 0;) {
      digits_[table[shape.table_begin(level) + d]] = static_cast<uint8_t>(d);
    }
  }

  unsigned bits() const { return bits_; }

  // Appends those symbols that escape to `escaped`.
  DigitPlanes Code(std::span<const uint8_t> symbols, std::vector<uint8_t>* escaped) const {
    DigitPlanes planes;
    for (size_t i = 0; i < symbols.size(); ++i) {
      const uint64_t digit = digits_[symbols[i]];
      planes.bit0 |= (digit & 1) << i;
      planes.bit1 |= (digit >> 1) << i;
      if (digit + 1 == 1u << bits_) escaped->push_back(symbols[i]);
    }
    return planes;
  }

 private:
  unsigned bits_;
  std::array<uint8_t, 256> digits_;
};

class BlockCoder {
 public:
  BlockCoder(TierShape shape, std::span<const uint8_t, kTierTableSymbols> table, std::span<const uint8_t> exponents,
             std::vector<uint8_t>* stream)
      : exponents_(exponents), stream_(*stream) {
    for (size_t level = 0; level < shape.num_levels(); ++level) coders_.emplace_back(shape, table, level);
    stream_.resize(exponents.size() / kTierUnitSymbols * kUnitPlaneBytes * coders_[0].bits());
  }

  // Groups in their order.
  GemvTask Code(size_t number) {
    RunSymbols symbols = CodeFirstLevel(number);
    BitWriter writer(&stream_);
    GemvTask task{.packet = static_cast<uint32_t>(writer.bits()), .steps = 0, .counts = {}, .raw = 0};
    for (size_t level = 1; level < coders_.size(); ++level) {
      task.counts[level - 1] = static_cast<uint16_t>(TotalSize(symbols));
      task.steps |= StepsOf(symbols, 8) << GemvTask::kStepBits * (level - 1);
      symbols = CodeLevel(coders_[level], symbols, &writer);
    }
    task.raw = static_cast<uint16_t>(TotalSize(symbols));
    task.steps |= StepsOf(symbols, 4) << GemvTask::kStepBits * kGemvDeepLevels;
    for (const auto& run : symbols) {
      for (uint32_t symbol : run) writer.Write(RotateBytes(symbol), 8);
    }
    return task;
  }

 private:
  RunSymbols CodeFirstLevel(size_t group) {
    RunSymbols escaped;
    const unsigned bits = coders_[0].bits();
    for (size_t unit = 0; unit < kGroupUnits; ++unit) {
      const auto own = exponents_.subspan(group * kTierGroupSymbols + unit * kTierUnitSymbols, kTierUnitSymbols);
      const DigitPlanes planes = coders_[0].Code(own, &escaped[unit / 2]);
      const size_t place = group * kGroupUnits + unit % 2 * simt::kWarpLanes + unit / 2;
      uint8_t* const to = stream_.data() + place * kUnitPlaneBytes * bits;
      std::memcpy(to, &planes.bit0, kUnitPlaneBytes);
      if (bits == 2) std::memcpy(to + kUnitPlaneBytes, &planes.bit1, kUnitPlaneBytes);
    }
    return escaped;
  }

  static RunSymbols CodeLevel(const LevelCoder& coder, const RunSymbols& symbols, BitWriter* writer) {
    constexpr size_t kWordDigits = 32;
    RunSymbols escaped;
    for (size_t run = 0; run < symbols.size(); ++run) {
      const std::span<const uint8_t> own(symbols[run]);
      for (size_t at = 0; at < own.size(); at += kWordDigits) {
        const size_t count = std::min(kWordDigits, own.size() - at);
        const DigitPlanes planes = coder.Code(own.subspan(at, count), &escaped[run]);
        writer->Write(planes.bit0, count);
        writer->Write(planes.bit1, count);
      }
    }
    return escaped;
  }

  std::span<const uint8_t> exponents_;
  std::vector<LevelCoder> coders_;
  std::vector<uint8_t>& stream_;
};

std::vector<uint8_t> ArrangeNoise(std::span<const uint8_t> noise) {
  std::vector<uint8_t> arranged(noise.size());
  for (size_t at = 0; at < noise.size(); at += kPieceSymbols) {
    const size_t group = at / kGroupSymbols;
    const size_t run = at % kGroupSymbols / kRunWeights;
    const size_t piece = at % kRunWeights / kPieceSymbols;
    const size_t to = ((group * kRunPieces + piece) * simt::kWarpLanes + run) * kPieceSymbols;
    std::memcpy(arranged.data() + to, noise.data() + at, kPieceSymbols);
  }
  return arranged;
}

}  // namespace

absl::Status CheckGemvShape(uint64_t rows, uint64_t in_features) {
  constexpr uint64_t kMaxUint32 = ~uint32_t{0};
  constexpr uint64_t kMaxSteps = kMaxUint32 / kStepWeights;
  if (rows == 0) return absl::InvalidArgumentError(FoundExpected("rows", rows, "1 or more"));
  if (in_features == 0) return absl::InvalidArgumentError(FoundExpected("in_features", in_features, "1 or more"));
  if (rows <= kMaxUint32 && in_features <= kMaxUint32 / 2) {
    const auto columns = static_cast<uint32_t>(in_features);
    const uint64_t row_steps = uint64_t{GemvSteps(columns)} * GemvWindows(columns);
    if (CeilDiv<uint64_t>(rows, kStripRows) <= kMaxSteps / row_steps) return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      FoundExpected("matrix", absl::StrCat(rows, " x ", in_features), "fewer than 2^32 weights, padding included"));
}

ArrangedGemvBlock ArrangeGemvBlock(TierShape shape, std::span<const uint8_t, kTierTableSymbols> table,
                                   std::span<const uint8_t> exponents, std::span<const uint8_t> noise) {
  ArrangedGemvBlock arranged;
  arranged.block = {.stream = 0, .noise = 0, .first_digit_bits = shape.digit_bits(0), .tables = {}};
  for (size_t level = 0; level < shape.num_levels(); ++level) {
    for (size_t d = 0; d < shape.known_symbols(level); ++d) {
      arranged.block.tables[level] |= uint32_t{table[shape.table_begin(level) + d]} << 8 * d;
    }
    arranged.block.tables[level] = RotateBytes(arranged.block.tables[level]);
  }
  BlockCoder coder(shape, table, exponents, &arranged.stream);
  for (size_t g = 0; g * kTierGroupSymbols < exponents.size(); ++g) arranged.tasks.push_back(coder.Code(g));
  arranged.noise = ArrangeNoise(noise);
  return arranged;
}

std::vector<GemvChunk> MakeGemvChunks(const GemvLayout& layout) {
  std::vector<GemvChunk> chunks;
  for (uint32_t window = 0; window < layout.windows(); ++window) {
    for (uint32_t c = 0; c < layout.window_chunks(); ++c) {
      const uint32_t first = c * layout.chunk_groups();
      const uint32_t num_groups = std::min(layout.chunk_groups(), layout.window_groups() - first);
      const uint32_t first_strip = first * kGroupSteps / layout.steps();
      const uint32_t last_strip = ((first + num_groups) * kGroupSteps - 1) / layout.steps();
      chunks.push_back({.first_group = layout.group_number(window, first),
                        .num_groups = num_groups,
                        .window = window,
                        .first_step = first * kGroupSteps % layout.steps(),
                        .num_strips = std::min(last_strip + 1, layout.strips()) - first_strip,
                        .first_slot = layout.slot(window, c, first_strip)});
    }
  }
  return chunks;
}

}  // namespace plait::gpu
