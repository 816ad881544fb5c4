#include "tests/registry/kv_inputs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace plait {
namespace {

constexpr double kCountScale = 1e6;

KvTables::Frequencies Around(double center, double width) {
  std::array<uint32_t, kKvSymbols> counts;
  for (size_t s = 0; s < kKvSymbols; ++s) {
    counts[s] = static_cast<uint32_t>(kCountScale * std::exp(-std::abs(static_cast<double>(s) - center) / width));
  }
  return NormalizeKvCounts(counts);
}

}  // namespace

KvTables MakeKvTables(size_t num_classes, size_t num_contexts, double width, Random& random) {
  KvTables tables{.num_contexts = num_contexts, .contexts = {}, .frequencies = {}};
  for (size_t k = 0; k < num_classes; ++k) {
    const double center = kKvSymbolZero - 3 + static_cast<double>(random() % 700) / 100;
    KvTables::ContextMap contexts;
    for (size_t s = 0; s < kKvSymbols; ++s) {
      const double place = (static_cast<double>(s) - center) / width + static_cast<double>(num_contexts) / 2;
      contexts[s] = static_cast<uint8_t>(std::clamp(place, 0.0, static_cast<double>(num_contexts - 1)));
    }
    tables.contexts.push_back(contexts);
    for (size_t c = 0; c < num_contexts; ++c) {
      const double from_middle = static_cast<double>(c) + 0.5 - static_cast<double>(num_contexts) / 2;
      tables.frequencies.push_back(Around(center + from_middle * width / 4, width));
    }
  }
  return tables;
}

KvTables UniformKvTables(size_t num_classes) {
  KvTables::Frequencies frequencies;
  frequencies.fill(kKvSlots / kKvSymbols);
  return {.num_contexts = 1,
          .contexts = std::vector<KvTables::ContextMap>(num_classes),
          .frequencies = std::vector<KvTables::Frequencies>(num_classes, frequencies)};
}

KvTables OneSymbolKvTables(uint8_t symbol) {
  KvTables::Frequencies frequencies{};
  ++frequencies[kKvEscape];
  frequencies[symbol == kKvEscape ? 0 : symbol] += 1;
  frequencies[symbol] += static_cast<uint16_t>(kKvSlots - 2);
  return {.num_contexts = 1, .contexts = {KvTables::ContextMap{}}, .frequencies = {frequencies}};
}

std::vector<uint8_t> KvClasses(size_t channels, size_t num_classes) {
  std::vector<uint8_t> classes(channels);
  for (size_t p = 0; p < channels; ++p) classes[p] = static_cast<uint8_t>(p * num_classes / channels);
  return classes;
}

KvSymbols MakeKvSymbols(const KvTables& tables, size_t rows, size_t channels, Random& random) {
  KvSymbols made = {.symbols = std::vector<uint8_t>(rows * channels),
                    .class_of = KvClasses(channels, tables.num_classes())};
  for (size_t i = 0; i < made.symbols.size(); ++i) {
    const size_t k = made.class_of[i % channels];
    const size_t context = i < channels ? 0 : tables.contexts[k][made.symbols[i - channels]];
    const KvTables::Frequencies& frequencies = tables.frequencies[k * tables.num_contexts + context];
    auto slot = static_cast<int>(random() % kKvSlots);
    uint8_t symbol = 0;
    while ((slot -= frequencies[symbol]) >= 0) ++symbol;
    made.symbols[i] = symbol;
  }
  return made;
}

KvBitTables MakeKvBitTables(size_t num_classes, Random& random) {
  KvBitTables tables(num_classes);
  for (auto& zeros : tables) {
    for (uint16_t& share : zeros) share = static_cast<uint16_t>(1 + random() % (kKvSlots - 1));
  }
  return tables;
}

KvDecisions MakeKvDecisions(const KvBitTables& tables, size_t rows, size_t channels, Random& random) {
  static constexpr uint8_t kKinds[] = {kKvBitZero, kKvBitZero, kKvBitZero, kKvBitZero,
                                       kKvBitOne,  kKvBitTwo,  kKvBitMore, kKvBitNone};
  KvDecisions made = {.states = std::vector<uint8_t>(rows * channels),
                      .bits = std::vector<uint8_t>(rows * channels),
                      .class_of = KvClasses(channels, tables.size())};
  for (size_t i = 0; i < made.states.size(); ++i) {
    const uint8_t kind = kKinds[random() % std::size(kKinds)];
    made.states[i] = kind;
    if (kind != kKvBitZero && random() % 2 == 0) made.states[i] |= kKvBitNegative;
    if (kind == kKvBitNone) continue;
    const bool negative_before = i >= channels && KvBitIsNegative(made.states[i - channels], made.bits[i - channels]);
    const size_t context = kind == kKvBitZero ? negative_before : kind + 1;
    made.bits[i] = random() % kKvSlots >= tables[made.class_of[i % channels]][context];
  }
  return made;
}

KvFuzzTables MakeKvFuzzTables() {
  Random random(1);
  constexpr size_t kClasses = 5;
  KvTables symbols = MakeKvTables(kClasses, 4, 1.0, random);
  return {.symbols = std::move(symbols), .bits = MakeKvBitTables(kClasses, random)};
}

std::vector<uint16_t> MakeKvOrder(size_t channels, Random& random) {
  std::vector<uint16_t> order(channels);
  std::iota(order.begin(), order.end(), uint16_t{0});
  for (size_t p = channels; p > 1; --p) std::swap(order[p - 1], order[random() % p]);
  return order;
}

}  // namespace plait
