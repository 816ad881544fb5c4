// The kernels of a matrix product on the host executor: every access checked and counted, no GPU needed, and slow.
#ifndef PLAIT_GPU_EXECUTOR_GEMV_H_
#define PLAIT_GPU_EXECUTOR_GEMV_H_

#include <cstdint>

#include "gpu/gemv.h"
#include "gpu/simt/counters.h"
#include "gpu/simt/executor.h"

namespace plait::gpu {

class ExecutorGemv : public GemvMultiplier {
 public:
  // Buffers are in `memory`, which outlives this; `grid` says how many thread blocks of how many warps there are and
  // the seed of their order.
  ExecutorGemv(simt::GlobalMemory* memory, const simt::Grid& grid) : memory_(memory), grid_(grid) {}

  // Of all launches so far.
  const simt::Counters& counters() const { return counters_; }

 protected:
  // Returns also: kInternal for a fault (gpu/simt/fault.h).
  absl::Status MultiplyChecked(const GemvPlan& plan, uint32_t batch, const GemvBuffers& buffers, DeviceStream) override;

 private:
  simt::GlobalMemory* memory_;
  simt::Grid grid_;
  simt::Counters counters_;
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_EXECUTOR_GEMV_H_
