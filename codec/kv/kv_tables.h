// Static tables of the KV coder: for each class of channels and each context the frequencies of 32 symbols.
#ifndef PLAIT_CODEC_KV_KV_TABLES_H_
#define PLAIT_CODEC_KV_KV_TABLES_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_layout.h"

namespace plait {

// As a profile holds them.
struct KvTables {
  using Frequencies = std::array<uint16_t, kKvSymbols>;  // they add up to kKvSlots; the escape's is at least 1
  using ContextMap = std::array<uint8_t, kKvSymbols>;    // of each symbol: the context that it is to the next row

  size_t num_contexts = 1;               // of every class, up to kKvMaxContexts; the first row has context 0
  std::vector<ContextMap> contexts;      // one a class, up to kKvMaxClasses
  std::vector<Frequencies> frequencies;  // [class][context]

  size_t num_classes() const { return contexts.size(); }
};

// Whether the members are as the comments say. kDataLoss if not.
absl::Status CheckKvTables(const KvTables& tables);

// Counts -> frequencies that add up to kKvSlots, each counted symbol and the escape at least 1. Deterministic.
KvTables::Frequencies NormalizeKvCounts(std::span<const uint32_t, kKvSymbols> counts);

// Expanded, for decoding: [class][context][slot].
class KvDecodeTables {
 public:
  // Requires: CheckKvTables(tables).
  explicit KvDecodeTables(const KvTables& tables);

  // An entry: bits 0..9 frequency, 10..19 slot - first slot of the symbol, 20..24 symbol, 25..28 next context.
  static constexpr unsigned kOffsetShift = 10, kSymbolShift = 20, kContextShift = 25;
  std::span<const uint32_t> entries() const { return entries_; }
  size_t num_contexts() const { return num_contexts_; }

 private:
  size_t num_contexts_;
  std::vector<uint32_t> entries_;
};

// For encoding: [class][context][symbol].
class KvEncodeTables {
 public:
  // Requires: CheckKvTables(tables).
  explicit KvEncodeTables(const KvTables& tables);

  // An entry: bits 0..9 frequency (0: the symbol must be escaped), 10..19 first slot, 20..23 next context.
  static constexpr unsigned kFirstShift = 10, kContextShift = 20;
  std::span<const uint32_t> entries() const { return entries_; }
  size_t num_contexts() const { return num_contexts_; }

 private:
  size_t num_contexts_;
  std::vector<uint32_t> entries_;
};

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_TABLES_H_
