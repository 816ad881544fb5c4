// The host's side of decoding tier streams on a device: validates a stream as its CPU decoder does, writes down where
// the packet of each group is, and deals the groups out to the narrow and the wide kernel.
#ifndef PLAIT_GPU_KERNELS_TIER_PLAN_H_
#define PLAIT_GPU_KERNELS_TIER_PLAN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gpu/kernels/tier_task.h"

namespace plait::gpu {

// What a stream's header and digits say.
struct TierIndex {
  uint8_t shape = 0;
  uint32_t tables[kTierMaxLevels] = {};
  std::vector<TierGroup> groups;
};

// Indexes a stream of n symbols.
// Returns: what TierDecode (codec/tier/tier.h) would: kOutOfRange if the stream ends early; kDataLoss if the shape, an
// unused table entry, a padding bit or the length is wrong.
absl::StatusOr<TierIndex> IndexTierStream(std::span<const uint8_t> stream, size_t n);

// Whether a group fits.
bool FitsCapacity(const TierCapacity& capacity, const TierGroup& group);

// A plane to decode: its bytes here, and the addresses of it, of plane 1 and of the result where the kernel runs.
struct TierPlane {
  std::span<const uint8_t> stream;
  uint32_t elements = 0;
  const uint8_t* device_stream = nullptr;
  const uint8_t* device_noise = nullptr;
  uint8_t* device_out = nullptr;
};

// The status word of a block whose stream IndexTierStream has found this of.
uint32_t TierStatusWord(const absl::Status& status);

// What a kernel gets of all blocks: to be copied to the device as it is.
struct TierDevicePlan {
  struct Launch {
    std::vector<TierTask> tasks;
    std::vector<TierGroup> groups;
  };

  std::vector<TierBlock> blocks;
  std::vector<uint32_t> status;  // of each block, as TierStatus; kernels add to it
  Launch narrow, wide;
};

// Adds a plane as the next block. If its stream is wrong, the block has a status word from the start and no tasks.
// Returns: what IndexTierStream does; kInvalidArgument if a device address is not a multiple of 16.
absl::Status AddTierPlane(const TierPlane& plane, TierDevicePlan* plan);

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_PLAN_H_
