#include "codec/kv/kv_classes.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace plait {
namespace {

using Counts = std::array<uint32_t, kKvSymbols>;
using Bits = std::array<float, kKvSymbols>;
// [symbol of the row before][symbol]; the first row counts as if symbol `kFirst` had been before.
using Pairs = std::array<Counts, kKvSymbols + 1>;
constexpr size_t kFirst = kKvSymbols;

constexpr int kMarginalRounds = 12;
constexpr int kContextRounds = 4;
constexpr float kEscapedBits = 16;  // of an escaped value, behind its escape

// What each symbol costs by a table.
Bits CodeLengths(const KvTables::Frequencies& frequencies) {
  const auto length = [&](size_t symbol) {
    return static_cast<float>(kKvSlotBits) - std::log2(static_cast<float>(frequencies[symbol]));
  };
  Bits bits{};
  for (size_t s = 0; s < kKvSymbols; ++s) {
    bits[s] = s != kKvEscape && frequencies[s] > 0 ? length(s) : length(kKvEscape) + kEscapedBits;
  }
  return bits;
}

float Cost(const Counts& counts, const Bits& bits) {
  float cost = 0;
  for (size_t s = 0; s < kKvSymbols; ++s) cost += static_cast<float>(counts[s]) * bits[s];
  return cost;
}

void Add(const Counts& from, Counts* to) {
  for (size_t s = 0; s < kKvSymbols; ++s) (*to)[s] += from[s];
}

// Of a plane's channels: how often each symbol stands behind which.
std::vector<Pairs> CountPairs(size_t plane, size_t channels, const KvSymbolSource& source) {
  std::vector<Pairs> pairs(channels);
  source(plane, [&](std::span<const uint8_t> symbols) {
    std::vector<uint8_t> before(channels, kFirst);
    for (size_t i = 0; i < symbols.size(); ++i) {
      const size_t c = i % channels;
      ++pairs[c][before[c]][symbols[i]];
      before[c] = symbols[i];
    }
  });
  return pairs;
}

Counts SumOf(const Pairs& pairs) {
  Counts sum{};
  for (const Counts& counts : pairs) Add(counts, &sum);
  return sum;
}

// Runs of neighbours on the line with about equal shares of the symbols.
KvTables::ContextMap MakeContexts(const Counts& counts, const KvSymbolLine& line, size_t contexts) {
  const uint64_t total = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  KvTables::ContextMap map{};
  uint64_t before = 0;
  for (const uint8_t symbol : line) {
    const uint64_t middle = 2 * before + counts[symbol];  // in halves
    const uint64_t context = total == 0 ? 0 : middle * contexts / (2 * total);
    map[symbol] = static_cast<uint8_t>(std::min<uint64_t>(context, contexts - 1));
    before += counts[symbol];
  }
  return map;
}

class Finder {
 public:
  Finder(std::span<const size_t> channels, const KvSymbolSource& source, const KvSymbolLine& line,
         const KvClassSettings& settings)
      : channels_(channels), source_(source), line_(line), settings_(settings) {}

  KvClasses Find() {
    CountMarginals();
    Begin();
    for (int round = 0; round < kMarginalRounds && AssignByMarginals(); ++round) {
    }
    DropEmptyClasses();
    MakeContextMaps();
    MakeTables();
    for (int round = 0; settings_.contexts > 1 && round < kContextRounds && AssignByPairs(); ++round) MakeTables();
    return std::move(found_);
  }

 private:
  void CountMarginals() {
    for (size_t plane = 0; plane < channels_.size(); ++plane) {
      for (const Pairs& pairs : CountPairs(plane, channels_[plane], source_)) marginals_.push_back(SumOf(pairs));
      found_.of_channel.emplace_back(channels_[plane]);
    }
  }

  uint8_t& ClassOf(size_t channel) { return class_of_[channel]; }

  // Channels by entropy, in as many parts of equal size as there are classes.
  void Begin() {
    std::vector<std::pair<float, size_t>> by_entropy;
    for (size_t c = 0; c < marginals_.size(); ++c) {
      const Bits own = CodeLengths(NormalizeKvCounts(marginals_[c]));
      const uint64_t n = std::accumulate(marginals_[c].begin(), marginals_[c].end(), uint64_t{0});
      by_entropy.emplace_back(n == 0 ? 0.0f : Cost(marginals_[c], own) / static_cast<float>(n), c);
    }
    std::sort(by_entropy.begin(), by_entropy.end());
    class_of_.resize(marginals_.size());
    for (size_t i = 0; i < by_entropy.size(); ++i) {
      ClassOf(by_entropy[i].second) = static_cast<uint8_t>(i * settings_.classes / by_entropy.size());
    }
  }

  // One round; whether a channel has changed its class.
  bool AssignByMarginals() {
    std::vector<Counts> of_class(settings_.classes);
    for (size_t c = 0; c < marginals_.size(); ++c) Add(marginals_[c], &of_class[ClassOf(c)]);
    std::vector<Bits> bits;
    bits.reserve(of_class.size());
    for (const Counts& counts : of_class) bits.push_back(CodeLengths(NormalizeKvCounts(counts)));
    bool changed = false;
    for (size_t c = 0; c < marginals_.size(); ++c) {
      const auto cost = [&](size_t k) { return Cost(marginals_[c], bits[k]); };
      changed |= Move(c, settings_.classes, cost);
    }
    return changed;
  }

  template <class CostOf>
  bool Move(size_t channel, size_t classes, const CostOf& cost) {
    size_t best = ClassOf(channel);
    float best_cost = cost(best);
    for (size_t k = 0; k < classes; ++k) {
      const float here = cost(k);
      if (here < best_cost) best = k, best_cost = here;
    }
    const bool changed = best != ClassOf(channel);
    ClassOf(channel) = static_cast<uint8_t>(best);
    return changed;
  }

  void DropEmptyClasses() {
    std::vector<uint8_t> number(settings_.classes, 0);
    for (const uint8_t k : class_of_) number[k] = 1;
    uint8_t classes = 0;
    for (uint8_t& k : number) k = k != 0 ? classes++ : uint8_t{0};
    for (uint8_t& k : class_of_) k = number[k];
    found_.tables.contexts.resize(std::max<uint8_t>(classes, 1));
    found_.tables.num_contexts = settings_.contexts;
  }

  size_t num_classes() const { return found_.tables.num_classes(); }

  void MakeContextMaps() {
    std::vector<Counts> of_class(num_classes());
    for (size_t c = 0; c < marginals_.size(); ++c) Add(marginals_[c], &of_class[ClassOf(c)]);
    for (size_t k = 0; k < num_classes(); ++k) {
      found_.tables.contexts[k] = MakeContexts(of_class[k], line_, settings_.contexts);
    }
  }

  uint8_t ContextOf(size_t k, size_t before) const {
    return before == kFirst ? uint8_t{0} : found_.tables.contexts[k][before];
  }

  // Tables of the classes as they are, and who is in which.
  void MakeTables() {
    std::vector<Counts> counts(num_classes() * settings_.contexts);
    size_t first = 0;
    for (size_t plane = 0; plane < channels_.size(); ++plane) {
      const std::vector<Pairs> pairs = CountPairs(plane, channels_[plane], source_);
      for (size_t c = 0; c < pairs.size(); ++c) {
        const size_t k = ClassOf(first + c);
        found_.of_channel[plane][c] = static_cast<uint8_t>(k);
        for (size_t b = 0; b <= kFirst; ++b) Add(pairs[c][b], &counts[k * settings_.contexts + ContextOf(k, b)]);
      }
      first += pairs.size();
    }
    found_.tables.frequencies.clear();
    for (const Counts& one : counts) found_.tables.frequencies.push_back(NormalizeKvCounts(one));
  }

  bool AssignByPairs() {
    std::vector<Bits> bits;
    for (const auto& frequencies : found_.tables.frequencies) bits.push_back(CodeLengths(frequencies));
    bool changed = false;
    size_t first = 0;
    for (size_t plane = 0; plane < channels_.size(); ++plane) {
      const std::vector<Pairs> pairs = CountPairs(plane, channels_[plane], source_);
      for (size_t c = 0; c < pairs.size(); ++c) {
        const auto cost = [&](size_t k) {
          std::vector<Counts> by_context(settings_.contexts);
          for (size_t b = 0; b <= kFirst; ++b) Add(pairs[c][b], &by_context[ContextOf(k, b)]);
          float sum = 0;
          for (size_t x = 0; x < by_context.size(); ++x) sum += Cost(by_context[x], bits[k * settings_.contexts + x]);
          return sum;
        };
        changed |= Move(first + c, num_classes(), cost);
      }
      first += pairs.size();
    }
    return changed;
  }

  std::span<const size_t> channels_;
  const KvSymbolSource& source_;
  const KvSymbolLine& line_;
  KvClassSettings settings_;
  std::vector<Counts> marginals_;  // of all channels, plane after plane
  std::vector<uint8_t> class_of_;
  KvClasses found_;
};

}  // namespace

KvClasses FindKvClasses(std::span<const size_t> channels, const KvSymbolSource& source, const KvSymbolLine& line,
                        const KvClassSettings& settings) {
  return Finder(channels, source, line, settings).Find();
}

}  // namespace plait
