// Tiered fixed-width digits: the default coder of exponent planes.
//
// The three commonest symbols get the 2-bit digits 0, 1, 2; digit 3 escapes to the next level, where the next three
// commonest do the same; what is left after the last level is a raw byte. Decoding needs no serial bit pointer: the
// place of every part is a count of escape digits, so 64 lanes of AVX-512 and the lanes of a GPU warp follow the same
// bytes. On the files of FORMAT.md it spends 0.4 to 1.1 % more per weight than the order-0 limit
// (bench/corpora/tier_levels.py, order0.py).
//
// The idea of nested digits is public (layouts of this family are described by Glyd and ZipServ); layout and code here
// are our own.
#ifndef PLAIT_CODEC_TIER_TIER_H_
#define PLAIT_CODEC_TIER_TIER_H_

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "codec/histogram/histogram.h"
#include "codec/tier/tier_layout.h"

namespace plait {

// How one plane is coded: what its stream header says.
struct TierPlan {
  size_t num_levels = 1;                                               // 1..kTierMaxLevels
  std::array<uint8_t, kTierMaxLevels * kTierSymbolsPerLevel> table{};  // commonest symbol first
  size_t estimated_bytes = 0;                                          // of the whole stream, within a byte per part
};

// The cheapest plan for a plane with these counts. Ties go to the smaller symbol and to fewer levels, so the plan
// depends on the counts alone.
TierPlan PlanTier(const ByteHistogram& counts);

// Upper bound of what TierEncode writes for n symbols.
size_t TierMaxBytes(size_t n);

// Codes `symbols` and returns the number of bytes written to the front of `stream`.
// Requires: stream.size() >= TierMaxBytes(symbols.size()). The bytes do not depend on the CPU variant.
size_t TierEncode(std::span<const uint8_t> symbols, const TierPlan& plan, std::span<uint8_t> stream);

// Decodes exactly symbols.size() symbols from `stream`, which must hold one stream and nothing else. Reads nothing
// outside `stream`, whatever it holds.
// Returns: kOutOfRange if the stream ends early; kDataLoss if the level count, an unused table entry, a padding bit or
// the length is wrong. On failure `symbols` is unspecified.
absl::Status TierDecode(std::span<const uint8_t> stream, std::span<uint8_t> symbols);

}  // namespace plait

#endif  // PLAIT_CODEC_TIER_TIER_H_
