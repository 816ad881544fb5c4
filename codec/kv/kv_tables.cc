#include "codec/kv/kv_tables.h"

#include <algorithm>
#include <numeric>

#include "codec/base/status.h"

namespace plait {
namespace {

absl::Status CheckFrequencies(const KvTables::Frequencies& frequencies) {
  const unsigned sum = std::accumulate(frequencies.begin(), frequencies.end(), 0u);
  if (sum != kKvSlots) return absl::DataLossError(FoundExpected("sum of KV frequencies", sum, kKvSlots));
  const unsigned escape = frequencies[kKvEscape];
  if (escape < 1) return absl::DataLossError("frequency of the KV escape: found 0, expected at least 1");
  if (*std::ranges::max_element(frequencies) < kKvSlots) return absl::OkStatus();
  return absl::DataLossError(FoundExpected("KV frequency", kKvSlots, absl::StrCat("below ", kKvSlots)));
}

// How much more `count` symbols gain from one slot more than `other_count` do from theirs: whether the first is
// greater. The gain from f to f + 1 slots is count * log((f + 1) / f), about count / (f + 1/2).
bool GainsMore(uint64_t count, uint64_t frequency, uint64_t other_count, uint64_t other_frequency) {
  return count * (2 * other_frequency + 1) > other_count * (2 * frequency + 1);
}

}  // namespace

absl::Status CheckKvTables(const KvTables& tables) {
  if (tables.num_contexts < 1 || tables.num_contexts > kKvMaxContexts) {
    return absl::DataLossError(
        FoundExpected("KV contexts", tables.num_contexts, absl::StrCat("1 to ", kKvMaxContexts)));
  }
  const size_t num_classes = tables.num_classes();
  if (num_classes < 1 || num_classes > kKvMaxClasses) {
    return absl::DataLossError(FoundExpected("KV classes", num_classes, absl::StrCat("1 to ", kKvMaxClasses)));
  }
  if (tables.frequencies.size() != num_classes * tables.num_contexts) {
    return absl::DataLossError(
        FoundExpected("KV tables", tables.frequencies.size(), num_classes * tables.num_contexts));
  }
  for (const KvTables::ContextMap& contexts : tables.contexts) {
    const unsigned largest = *std::ranges::max_element(contexts);
    if (largest >= tables.num_contexts) {
      return absl::DataLossError(FoundExpected("KV context", largest, absl::StrCat("below ", tables.num_contexts)));
    }
  }
  for (const KvTables::Frequencies& frequencies : tables.frequencies) {
    PLAIT_RETURN_IF_ERROR(CheckFrequencies(frequencies));
  }
  return absl::OkStatus();
}

KvTables::Frequencies NormalizeKvCounts(std::span<const uint32_t, kKvSymbols> counts) {
  std::array<uint64_t, kKvSymbols> count;
  std::ranges::copy(counts, count.begin());
  // Two symbols at least, so that none has all slots; what was not counted weighs nothing.
  const auto is_in = [&](size_t s) { return count[s] != 0 || s == kKvEscape || s == kKvSymbolZero; };
  const uint64_t total = std::max<uint64_t>(1, std::accumulate(count.begin(), count.end(), uint64_t{0}));
  // What a symbol gets of its share even if all others get a slot that they have not earned.
  constexpr uint32_t kAtLeast = kKvSlots - 2 * kKvSymbols;
  KvTables::Frequencies frequencies{};
  unsigned sum = 0;
  for (size_t s = 0; s < kKvSymbols; ++s) {
    if (is_in(s)) frequencies[s] = static_cast<uint16_t>(std::max<uint64_t>(1, count[s] * kAtLeast / total));
    sum += frequencies[s];
  }
  // The others one at a time where they are worth most; ties go to the escape, else to the smaller symbol.
  for (; sum < kKvSlots; ++sum) {
    size_t best = kKvEscape;
    for (size_t s = 0; s < kKvSymbols; ++s) {
      if (is_in(s) && GainsMore(count[s], frequencies[s], count[best], frequencies[best])) best = s;
    }
    ++frequencies[best];
  }
  return frequencies;
}

KvBuckets MakeKvBuckets(const KvTables::Frequencies& frequencies) {
  KvBuckets buckets{};
  KvTables::Frequencies left =
      frequencies;  // of a symbol's slots, those that have not been given to a bucket of others
  size_t rich = 0;
  for (size_t s = 0; s < kKvSymbols; ++s) {
    if (frequencies[s] >= kKvBucketSlots) continue;
    // A rich symbol that becomes poor is filled up next.
    for (size_t poor = s; left[poor] < kKvBucketSlots; poor = rich) {
      const auto lacks = static_cast<uint16_t>(kKvBucketSlots - left[poor]);
      while (frequencies[rich] < kKvBucketSlots || left[rich] <= kKvBucketSlots) ++rich;
      left[rich] -= lacks;
      buckets[poor] = {.others_slots = lacks, .other = static_cast<uint8_t>(rich), .other_offset = left[rich]};
    }
  }
  return buckets;
}

KvDecodeTables::KvDecodeTables(const KvTables& tables) : num_contexts_(tables.num_contexts) {
  entries_.reserve(tables.frequencies.size() * kKvSymbols);
  for (size_t t = 0; t < tables.frequencies.size(); ++t) {
    const KvTables::ContextMap& contexts = tables.contexts[t / num_contexts_];
    const KvTables::Frequencies& frequencies = tables.frequencies[t];
    const auto half = [&](size_t symbol, uint32_t offset) {
      return static_cast<uint32_t>(symbol) | static_cast<uint32_t>(contexts[symbol]) << kContextShift |
             static_cast<uint32_t>(frequencies[symbol]) << kFrequencyShift | offset << kOffsetShift;
    };
    const KvBuckets buckets = MakeKvBuckets(frequencies);
    for (size_t b = 0; b < kKvSymbols; ++b) {
      entries_.push_back(half(b, buckets[b].others_slots) | uint64_t{half(buckets[b].other, buckets[b].other_offset)}
                                                                << 32);
    }
  }
}

KvEncodeTables::KvEncodeTables(const KvTables& tables)
    : num_contexts_(tables.num_contexts), slots_(tables.frequencies.size() * kKvSlots), known_(tables.num_classes()) {
  entries_.reserve(tables.frequencies.size() * kKvSymbols);
  for (size_t t = 0; t < tables.frequencies.size(); ++t) {
    const KvTables::ContextMap& contexts = tables.contexts[t / num_contexts_];
    std::array<uint32_t, kKvSymbols> firsts;
    uint32_t first = 0;
    for (size_t symbol = 0; symbol < kKvSymbols; ++symbol) {
      const uint32_t frequency = tables.frequencies[t][symbol];
      firsts[symbol] = first;
      // Where the frequency is zero, `first` may be kKvSlots: it has no room, and no meaning.
      entries_.push_back(frequency | (frequency != 0 ? first << kFirstShift : 0) |
                         static_cast<uint32_t>(contexts[symbol]) << kContextShift);
      first += frequency;
      Known& known = known_[t / num_contexts_];
      known.in_contexts[symbol] |= static_cast<uint16_t>((frequency != 0) << t % num_contexts_);
      known.as_context[symbol] = static_cast<uint16_t>(1u << contexts[symbol]);
    }
    const KvBuckets buckets = MakeKvBuckets(tables.frequencies[t]);
    uint16_t* const slots = slots_.data() + t * kKvSlots;
    for (size_t slot = 0; slot < kKvSlots; ++slot) {
      const KvBucket& bucket = buckets[slot / kKvBucketSlots];
      const size_t in_bucket = slot % kKvBucketSlots;
      const size_t place = in_bucket < bucket.others_slots
                               ? firsts[bucket.other] + bucket.other_offset + in_bucket
                               : firsts[slot / kKvBucketSlots] + in_bucket - bucket.others_slots;
      slots[place] = static_cast<uint16_t>(slot);
    }
  }
}

}  // namespace plait
