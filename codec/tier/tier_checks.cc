#include "codec/tier/tier_checks.h"

#include "codec/base/status.h"
#include "codec/tier/tier_layout.h"

namespace plait {
namespace {

absl::Status CheckHeader(std::span<const uint8_t> header) {
  const TierShape shape(header[0]);
  if (!shape.valid()) {
    return absl::DataLossError(FoundExpected("tier shape", header[0], "up to 6 levels with up to 15 symbols"));
  }
  for (size_t i = 1 + shape.table_begin(shape.num_levels()); i < kTierHeaderBytes; ++i) {
    if (header[i] != 0) return absl::DataLossError(FoundExpected("unused tier table entry", header[i], 0));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTierStart(std::span<const uint8_t> stream, size_t n) {
  if (stream.size() < kTierHeaderBytes) {
    return absl::OutOfRangeError(FoundExpected("tier stream bytes", stream.size(), kTierHeaderBytes));
  }
  PLAIT_RETURN_IF_ERROR(CheckHeader(stream.first(kTierHeaderBytes)));
  const size_t least_bytes = kTierHeaderBytes + TierDigitBytes(n, TierShape(stream[0]).digit_bits(0));
  if (stream.size() >= least_bytes) return absl::OkStatus();
  return absl::OutOfRangeError(
      FoundExpected("tier stream bytes", stream.size(), absl::StrCat("at least ", least_bytes)));
}

}  // namespace plait
