// Tiered fixed-width digits: the default coder of exponent planes.
//
// The three commonest symbols get the 2-bit digits 0, 1, 2; digit 3 escapes to the next level, where the next three
// commonest do the same, or the next one with digits of 1 bit; what is left after the last level is a raw byte. Level
// count and digit widths, the shape, are chosen for each plane. Decoding needs no serial bit pointer: the place of
// every part is a count of escape digits, so 64 lanes of AVX-512 and the lanes of a GPU warp follow the same bytes.
// What it spends over the order-0 limit: FORMAT.md.
//
// The idea of nested digits is public (layouts of this family are described by Glyd and ZipServ); layout and code here
// are our own.
#ifndef PLAIT_CODEC_TIER_TIER_H_
#define PLAIT_CODEC_TIER_TIER_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/histogram/histogram.h"
#include "codec/tier/tier_kernel.h"
#include "codec/tier/tier_layout.h"
#include "codec/transform/planes.h"

namespace plait {

// How one plane is coded: what its stream header says.
struct TierPlan {
  TierShape shape = TierShape(0b11);
  std::array<uint8_t, kTierTableSymbols> table{};  // commonest symbol first
  size_t estimated_bytes = 0;                      // of the whole stream
};

// The cheapest plan, of the shapes in FORMAT.md, for a plane of `num_symbols` with these counts, which may be those of
// a part of it. Ties go to the smaller symbol and to fewer levels, so the plan depends on the arguments alone.
// `max_levels` leaves out shapes with more levels.
TierPlan PlanTier(const ByteHistogram& counts, size_t num_symbols, size_t max_levels = kTierMaxLevels);

// Upper bound of what TierEncode writes for n symbols.
size_t TierMaxBytes(size_t n);

// Codes `symbols` and returns the number of bytes written to the front of `stream`. Any symbol can be coded by any
// plan. The bytes do not depend on the CPU variant.
// Requires: stream.size() >= TierMaxBytes(symbols.size()).
size_t TierEncode(std::span<const uint8_t> symbols, const TierPlan& plan, std::span<uint8_t> stream);

// Memory that decoding works in. Not thread-safe: one per thread.
struct TierScratch {
  using GroupBuffer = std::array<uint8_t, kTierGroupSymbols + kTierEscapeSlack>;
  std::array<std::array<GroupBuffer, 2>, kTierMaxLevels> symbols;  // of a level, of even and odd groups
  std::array<std::vector<uint8_t>, kTierMaxLevels> raw;            // copies of what ends close to the stream's end
  // How many digits of each group and level escape: what the last decode has counted, for those who know it from
  // elsewhere.
  std::vector<std::array<uint16_t, kTierMaxLevels>> escapes;
};

// Decodes exactly symbols.size() symbols from `stream`, which must hold one stream and nothing else. Reads nothing
// outside `stream`, whatever it holds.
// Returns: kOutOfRange if the stream ends early; kDataLoss if the shape, an unused table entry, a padding bit or the
// length is wrong. On failure `symbols` is unspecified.
absl::Status TierDecode(std::span<const uint8_t> stream, TierScratch& scratch, std::span<uint8_t> symbols);

// Decodes plane 0 of `kind` from `stream` and joins it with the other `planes` into `raw`, as JoinPlanes
// (codec/transform/planes.h) would, in one pass over the planes. Same statuses.
absl::Status TierDecodeAndJoin(std::span<const uint8_t> stream, TierScratch& scratch, PlaneKind kind,
                               const ConstPlaneSpans& planes, std::span<uint8_t> raw, const DecodeHints& hints);

}  // namespace plait

#endif  // PLAIT_CODEC_TIER_TIER_H_
