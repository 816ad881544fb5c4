#include "gpu/cpu_gemv.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "gpu/kernels/gemv_twin.h"
#include "gpu/kernels/tier_digits.h"
#include "gpu/simt/words.h"

namespace plait::gpu {
namespace {

// What each run of a group has of a level: digits, then symbols in their place.
struct RunLevel {
  std::array<std::array<uint8_t, kRunWeights>, simt::kWarpLanes> values;
  std::array<uint32_t, simt::kWarpLanes> counts;

  uint32_t total() const { return std::accumulate(counts.begin(), counts.end(), 0u); }
};

constexpr uint8_t kEscapeOfTwoBits = 3;

// How many symbols each run has in the level below; `escape` is a digit.
std::array<uint32_t, simt::kWarpLanes> CountEscapes(const RunLevel& level, uint8_t escape) {
  std::array<uint32_t, simt::kWarpLanes> counts;
  for (uint32_t run = 0; run < counts.size(); ++run) {
    counts[run] = static_cast<uint32_t>(
        std::count(level.values[run].begin(), level.values[run].begin() + level.counts[run], escape));
  }
  return counts;
}

RunLevel LoadFirstDigits(const uint8_t* stream, uint32_t bits, uint32_t group) {
  RunLevel level;
  level.counts.fill(kRunWeights);
  for (uint32_t run = 0; run < simt::kWarpLanes; ++run) {
    for (uint32_t i = 0; i < kRunWeights; ++i) {
      const uint32_t unit = group * kGroupUnits + i / kUnitSymbols * simt::kWarpLanes + run;
      const uint8_t* const at = stream + unit * kUnitSymbols / kByteBits * bits + i % kUnitSymbols / kByteBits;
      const auto bit = [&](uint32_t plane) { return at[plane * kUnitSymbols / kByteBits] >> i % kByteBits & 1; };
      level.values[run][i] = static_cast<uint8_t>(bits == 2 ? bit(0) | bit(1) << 1 : bit(0));
    }
  }
  return level;
}

class BitReader {
 public:
  BitReader(const uint8_t* stream, uint64_t at) : stream_(stream), at_(at) {}

  uint32_t bit(uint64_t offset) const { return stream_[(at_ + offset) / kByteBits] >> (at_ + offset) % kByteBits & 1; }
  void Skip(uint64_t bits) { at_ += bits; }

 private:
  const uint8_t* stream_;
  uint64_t at_;
};

void ReadDigits(BitReader* reader, RunLevel* level) {
  for (uint32_t run = 0; run < simt::kWarpLanes; ++run) {
    for (uint32_t first = 0; first < level->counts[run]; first += kWordBits) {
      const uint32_t count = std::min(kWordBits, level->counts[run] - first);
      for (uint32_t i = 0; i < count; ++i) {
        level->values[run][first + i] = static_cast<uint8_t>(reader->bit(i) | reader->bit(count + i) << 1);
      }
      reader->Skip(2 * count);
    }
  }
}

void ReadRaw(BitReader* reader, RunLevel* level) {
  for (uint32_t run = 0; run < simt::kWarpLanes; ++run) {
    for (uint32_t i = 0; i < level->counts[run]; ++i) {
      uint32_t symbol = 0;
      for (uint32_t k = 0; k < kByteBits; ++k) symbol |= reader->bit(k) << k;
      level->values[run][i] = static_cast<uint8_t>(symbol);
      reader->Skip(kByteBits);
    }
  }
}

// Digits become symbols: those of `table`, or the next of the level below.
void Resolve(uint32_t table, uint8_t escape, const RunLevel& below, RunLevel* level) {
  for (uint32_t run = 0; run < simt::kWarpLanes; ++run) {
    uint32_t taken = 0;
    for (uint32_t i = 0; i < level->counts[run]; ++i) {
      uint8_t& value = level->values[run][i];
      value = value == escape ? below.values[run][taken++] : static_cast<uint8_t>(table >> kByteBits * value);
    }
  }
}

void Join(const RunLevel& rotated, const uint8_t* noise, std::span<uint16_t, kGroupSymbols> weights) {
  for (uint32_t i = 0; i < kGroupSymbols; ++i) {
    const uint32_t run = i / kRunWeights;
    const uint32_t of_run = i % kRunWeights;
    const uint32_t piece = of_run / kPieceSymbols * simt::kWarpLanes + run;
    const uint32_t sign_mantissa = noise[piece * kPieceSymbols + of_run % kPieceSymbols];
    const uint32_t symbol = rotated.values[run][of_run];
    const uint32_t exponent = (symbol << 1 | symbol >> 7) & 0xff;
    weights[i] = static_cast<uint16_t>(sign_mantissa >> 7 << 15 | exponent << 7 | (sign_mantissa & 0x7f));
  }
}

}  // namespace

TierStatus DecodeGemvGroup(std::span<const uint8_t> image, const GemvBlock& block, const GemvTask& task,
                           uint32_t of_block, std::span<uint16_t, kGroupSymbols> weights) {
  const uint8_t* const stream = image.data() + block.stream;
  const auto first_escape = static_cast<uint8_t>((1u << block.first_digit_bits) - 1);
  std::array<RunLevel, kGemvMaxLevels> levels;
  levels[0] = LoadFirstDigits(stream, block.first_digit_bits, of_block);
  uint32_t depth = 0;  // of the last level
  BitReader reader(stream, task.packet);
  auto escapes = CountEscapes(levels[0], first_escape);
  for (uint32_t k = 0; k < kGemvDeepLevels && task.counts[k] > 0; ++k) {
    RunLevel& level = levels[++depth];
    level.counts = escapes;
    if (level.total() != task.counts[k]) return kTierWrongCounts;
    ReadDigits(&reader, &level);
    escapes = CountEscapes(level, kEscapeOfTwoBits);
  }
  RunLevel below{.values = {}, .counts = escapes};
  if (below.total() != task.raw) return kTierWrongCounts;
  ReadRaw(&reader, &below);
  for (; depth > 0; --depth) {
    Resolve(block.tables[depth], kEscapeOfTwoBits, below, &levels[depth]);
    below = levels[depth];
  }
  Resolve(block.tables[0], first_escape, below, &levels[0]);
  Join(levels[0], image.data() + block.noise + of_block * kGroupSymbols, weights);
  return kTierOk;
}

absl::Status CpuGemv::MultiplyChecked(const GemvPlan& plan, uint32_t batch, const GemvBuffers& buffers, DeviceStream) {
  const GemvLayout& layout = plan.layout;
  const auto* const blocks = reinterpret_cast<const GemvBlock*>(buffers.image.data() + plan.blocks_at);
  const auto* const tasks = reinterpret_cast<const GemvTask*>(buffers.image.data() + plan.tasks_at);
  GemvTwin twin(layout, buffers.x, batch, buffers.y.first(size_t{layout.rows()} * batch));
  std::array<uint16_t, kGroupSymbols> weights;
  for (uint32_t window = 0; window < layout.windows(); ++window) {
    for (uint32_t group = 0; group < layout.window_groups(); ++group) {
      const uint32_t number = layout.group_number(window, group);
      const uint32_t block = number / kGemvBlockGroups;
      const TierStatus status =
          DecodeGemvGroup(buffers.image, blocks[block], tasks[number], number % kGemvBlockGroups, weights);
      buffers.status[block] |= status;
      if (status != kTierOk) weights.fill(0);
      twin.Add(weights);
    }
  }
  return absl::OkStatus();
}

}  // namespace plait::gpu
