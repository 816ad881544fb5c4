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
  using Frequencies = std::array<uint16_t, kKvSymbols>;  // each below kKvSlots, their sum; the escape's is at least 1
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

// A table for decoding shares its slots out by the alias method (A. J. Walker 1977; FORMAT.md says how): of the 32
// slots of bucket b, the lower ones belong to some other symbol, the upper ones to symbol b. So a table takes 256
// bytes, and all tables of a profile stay in the cache.
inline constexpr unsigned kKvBucketBits = 5;
inline constexpr uint32_t kKvBucketSlots = 1u << kKvBucketBits;
static_assert(kKvSymbols * kKvBucketSlots == kKvSlots);

struct KvBucket {
  uint16_t others_slots;  // the lower ones, 0 to kKvBucketSlots
  uint8_t other;
  uint16_t other_offset;  // which of the other symbol's slots is the lowest of them
};
using KvBuckets = std::array<KvBucket, kKvSymbols>;

// Requires: `frequencies` are as in checked tables.
KvBuckets MakeKvBuckets(const KvTables::Frequencies& frequencies);

// For decoding: [class][context][bucket].
class KvDecodeTables {
 public:
  // Requires: CheckKvTables(tables).
  explicit KvDecodeTables(const KvTables& tables);

  // An entry: bits 0..31 for the bucket's own symbol, 32..63 for the other one. Of each half: bits 0..7 symbol, 8..11
  // next context, 12..21 frequency, 22..31 in the lower half others_slots, in the upper half other_offset.
  static constexpr unsigned kContextShift = 8, kFrequencyShift = 12, kOffsetShift = 22;
  static constexpr uint8_t Symbol(uint32_t half) { return static_cast<uint8_t>(half); }
  static constexpr uint32_t NextContext(uint32_t half) { return half >> kContextShift & (kKvMaxContexts - 1); }
  static constexpr uint32_t Frequency(uint32_t half) { return half >> kFrequencyShift & (kKvSlots - 1); }
  static constexpr uint32_t Offset(uint32_t half) { return half >> kOffsetShift; }

  std::span<const uint64_t> entries() const { return entries_; }
  size_t class_entries() const { return num_contexts_ * kKvSymbols; }  // of all contexts of a class

 private:
  size_t num_contexts_;
  std::vector<uint64_t> entries_;
};

// For encoding.
class KvEncodeTables {
 public:
  // Requires: CheckKvTables(tables).
  explicit KvEncodeTables(const KvTables& tables);

  // An entry: bits 0..9 frequency (0: the symbol must be escaped), 10..19 the frequencies of smaller symbols together,
  // 20..23 next context.
  static constexpr unsigned kFirstShift = 10, kContextShift = 20;
  static constexpr uint32_t Frequency(uint32_t entry) { return entry % kKvSlots; }
  static constexpr uint32_t First(uint32_t entry) { return entry >> kFirstShift & (kKvSlots - 1); }
  static constexpr uint32_t NextContext(uint32_t entry) { return entry >> kContextShift; }

  std::span<const uint32_t> entries() const { return entries_; }       // [class][context][symbol]
  size_t class_entries() const { return num_contexts_ * kKvSymbols; }  // of all contexts of a class
  // [class][context][first + offset]: the slot.
  std::span<const uint16_t> slots() const { return slots_; }

  // Of one class, of each symbol: the contexts that know it (bit c: its frequency in context c is not 0), and the bit
  // of the context that it is to the next row.
  struct Known {
    std::array<uint16_t, kKvSymbols> in_contexts;
    std::array<uint16_t, kKvSymbols> as_context;
  };
  std::span<const Known> known() const { return known_; }  // [class]

 private:
  size_t num_contexts_;
  std::vector<uint32_t> entries_;
  std::vector<uint16_t> slots_;
  std::vector<Known> known_;
};

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_TABLES_H_
