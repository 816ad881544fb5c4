#include "codec/rans/rans_plan.h"

#include <algorithm>
#include <numeric>

#include "codec/rans/rans.h"

namespace plait {
namespace {

// A level takes symbols until less than this part of its input would escape: fewer and the levels below have more to
// do, more and symbols too rare for 1/128ths get them all the same.
constexpr uint64_t kEscapePart = 32;

// Below this size sampling saves nothing worth its noise.
constexpr size_t kLargePlane = size_t{1} << 15;

// A lane for each so many symbols at most: its state then costs them 0.012 bits each.
constexpr size_t kSymbolsPerLane = 1024;

struct SymbolCount {
  uint8_t symbol;
  uint32_t count;
};

// What occurs, commonest first.
std::vector<SymbolCount> SortedCounts(const ByteHistogram& counts) {
  std::vector<SymbolCount> sorted;
  for (size_t s = 0; s < counts.size(); ++s) {
    if (counts[s] != 0) sorted.push_back({static_cast<uint8_t>(s), counts[s]});
  }
  std::ranges::stable_sort(sorted, std::greater(), &SymbolCount::count);
  return sorted;
}

// Bits saved if `count` symbols have one more slot than `frequency`, in units of 2^-kLog2FractionBits.
uint64_t GainOfSlot(uint64_t count, uint64_t frequency) {
  return count * (FixedLog2(frequency + 1) - FixedLog2(frequency));
}

// Gives each of `counts` its share of the slots, at least one. Nearest integers first, then slots move where they cost
// least.
void ShareSlots(std::span<const uint64_t> counts, std::span<uint8_t> frequencies) {
  const uint64_t total = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  int left = kRansSlots;
  for (size_t d = 0; d < counts.size(); ++d) {
    const uint64_t nearest = total == 0 ? 0 : (2 * counts[d] * kRansSlots + total) / (2 * total);
    frequencies[d] = static_cast<uint8_t>(std::max<uint64_t>(1, nearest));
    left -= frequencies[d];
  }
  for (; left > 0; --left) {
    size_t best = 0;
    for (size_t d = 1; d < counts.size(); ++d) {
      if (GainOfSlot(counts[d], frequencies[d]) > GainOfSlot(counts[best], frequencies[best])) best = d;
    }
    ++frequencies[best];
  }
  for (; left < 0; ++left) {
    size_t best = counts.size();
    for (size_t d = 0; d < counts.size(); ++d) {
      if (frequencies[d] == 1) continue;
      if (best == counts.size() ||
          GainOfSlot(counts[d], frequencies[d] - 1u) < GainOfSlot(counts[best], frequencies[best] - 1u)) {
        best = d;
      }
    }
    --frequencies[best];
  }
}

// How many of the commonest symbols a level with an escape takes.
size_t SymbolsOfLevel(std::span<const SymbolCount> sorted) {
  uint64_t total = 0;
  for (const SymbolCount& entry : sorted) total += entry.count;
  uint64_t escaping = total;
  size_t taken = 0;
  while (taken < std::min(sorted.size(), kRansMaxDigits - 1) && escaping * kEscapePart >= total) {
    escaping -= sorted[taken++].count;
  }
  return taken;
}

// Bits of the digits of a level, its escapes included.
uint64_t DigitBits(const RansLevel& level, const ByteHistogram& counts) {
  constexpr uint64_t kOne = uint64_t{1} << kLog2FractionBits;
  const auto bits_of = [&](size_t digit) { return kRansSlotBits * kOne - FixedLog2(level.frequency[digit]); };
  uint64_t escaping = TotalCount(counts);
  uint64_t bits = 0;
  for (size_t d = 0; d < level.num_symbols(); ++d) {
    bits += counts[level.symbol[d]] * bits_of(d);
    escaping -= counts[level.symbol[d]];
  }
  if (level.has_escape) bits += escaping * bits_of(level.num_digits - 1);
  return bits / kOne;
}

size_t LevelTableBytes(const RansLevel& level) { return kRansCountBytes + 1 + level.num_digits + level.num_symbols(); }

// The level for symbols with these counts. With `keep_escape` it has an escape even if it knows all of them; with
// `last` nothing but raw symbols can follow.
RansLevel PlanLevel(const ByteHistogram& counts, bool keep_escape, bool last) {
  const std::vector<SymbolCount> sorted = SortedCounts(counts);
  size_t taken = SymbolsOfLevel(sorted);
  // An escape for a single symbol is no cheaper than the symbol.
  const bool all_fit = sorted.size() <= kRansMaxDigits && (last || sorted.size() <= taken + 1);
  if (!keep_escape && all_fit) taken = sorted.size();

  // Two digits at least: a frequency of 128 would not fit the loops.
  taken = std::max<size_t>(taken, 1);
  RansLevel level;
  level.has_escape = keep_escape || taken < std::max<size_t>(sorted.size(), 2);
  level.num_digits = taken + (level.has_escape ? 1 : 0);
  uint64_t digit_counts[kRansMaxDigits] = {};
  uint64_t escaping = TotalCount(counts);
  for (size_t d = 0; d < std::min(taken, sorted.size()); ++d) {
    level.symbol[d] = sorted[d].symbol;
    digit_counts[d] = sorted[d].count;
    escaping -= sorted[d].count;
  }
  if (level.has_escape) digit_counts[taken] = escaping;
  ShareSlots(std::span(digit_counts).first(level.num_digits), level.frequency);
  return level;
}

// Counts of the symbols that escape.
ByteHistogram EscapingCounts(const RansLevel& level, ByteHistogram counts) {
  for (size_t d = 0; d < level.num_symbols(); ++d) counts[level.symbol[d]] = 0;
  return counts;
}

unsigned LanesLog2For(size_t n, unsigned most) {
  unsigned lanes_log2 = kRansMinLanesLog2;
  while (lanes_log2 < most && n >> (lanes_log2 + 1) >= kSymbolsPerLane) ++lanes_log2;
  return lanes_log2;
}

}  // namespace

bool PlanDeeperRansLevel(const ByteHistogram& counts, size_t level_index, RansLevel* level) {
  if (level_index >= kRansMaxLevels) return false;
  *level = PlanLevel(counts, false, level_index + 1 == kRansMaxLevels);
  const uint64_t known = TotalCount(counts) - TotalCount(EscapingCounts(*level, counts));
  return DigitBits(*level, counts) + 8 * LevelTableBytes(*level) < 8 * known;
}

ByteHistogram CountForRans(std::span<const uint8_t> symbols, const RansSettings& settings) {
  if (symbols.size() < kLargePlane || settings.sample_stride == 1) return CountBytes(symbols);
  return SampleBytes(symbols, settings.sample_stride);
}

RansPlan PlanRans(const ByteHistogram& counts, size_t n, const RansSettings& settings) {
  const uint64_t counted = TotalCount(counts);
  const bool sampled = counted != n;
  RansPlan plan{.level = PlanLevel(counts, sampled, false), .lanes_log2 = LanesLog2For(n, settings.lanes_log2)};
  RansLevel level = plan.level;
  ByteHistogram left = counts;
  uint64_t bits = 0;
  // A state begins at 2^8 and ends, on average, half way from there to 2^16: four of its 16 bits hold symbols.
  size_t fixed_bytes = kRansFixedHeaderBytes + (size_t{12} << plan.lanes_log2) / 8;
  size_t num_levels = 0;
  do {
    bits += DigitBits(level, left);
    fixed_bytes += LevelTableBytes(level);
    left = EscapingCounts(level, left);
  } while (PlanDeeperRansLevel(left, ++num_levels, &level));
  bits += 8 * TotalCount(left);
  plan.estimated_bytes = fixed_bytes + static_cast<size_t>(bits * n / std::max<uint64_t>(1, counted) / 8);
  return plan;
}

}  // namespace plait
