// What all readers of a tier stream check first, on a CPU and for a device.
#ifndef PLAIT_CODEC_TIER_TIER_CHECKS_H_
#define PLAIT_CODEC_TIER_TIER_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace plait {

// The header of a stream of n symbols (FORMAT.md), and that level-1 digits of all of them are there. kOutOfRange: it
// ends before; kDataLoss: a shape or table that no writer makes.
absl::Status CheckTierStart(std::span<const uint8_t> stream, size_t n);

}  // namespace plait

#endif  // PLAIT_CODEC_TIER_TIER_CHECKS_H_
