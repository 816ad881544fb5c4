// Runs a grid of thread blocks on the host: a fiber for each warp, one after another, in an order that a seed shuffles.
#ifndef PLAIT_GPU_SIMT_EXECUTOR_H_
#define PLAIT_GPU_SIMT_EXECUTOR_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "gpu/simt/counters.h"
#include "gpu/simt/global_memory.h"
#include "gpu/simt/host_context.h"

namespace plait::simt {

struct Grid {
  uint32_t thread_blocks = 1;
  uint32_t warps = 1;  // of each thread block, up to 32
  uint32_t shared_bytes = 0;
  uint64_t seed = 0;  // of the order of thread blocks and, between barriers, of warps
};

// Runs `body` once for each warp of the grid.
// Returns kInternal for the first fault, with its name (fault.h) and place; what is in `memory` is then unspecified.
absl::StatusOr<Counters> RunGrid(const Grid& grid, GlobalMemory& memory, const std::function<void(HostContext&)>& body);

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_EXECUTOR_H_
