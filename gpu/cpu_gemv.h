// The CPU twin of the matrix product: reads the image that kernels read, a group of 4096 weights at a time, and gives
// the host executor's bits. Runs everywhere; it is not fast.
#ifndef PLAIT_GPU_CPU_GEMV_H_
#define PLAIT_GPU_CPU_GEMV_H_

#include <cstdint>
#include <span>

#include "gpu/gemv.h"

namespace plait::gpu {

// Decodes group number `of_block` of a block to bf16 weights in the kernels' order (gpu/kernels/gemv_task.h).
// Returns: kTierWrongCounts if its digits escape more or less often than `task` says; `weights` is then unspecified.
TierStatus DecodeGemvGroup(std::span<const uint8_t> image, const GemvBlock& block, const GemvTask& task,
                           uint32_t of_block, std::span<uint16_t, kGroupSymbols> weights);

// Scratch is not used.
class CpuGemv : public GemvMultiplier {
 protected:
  absl::Status MultiplyChecked(const GemvPlan& plan, uint32_t batch, const GemvBuffers& buffers, DeviceStream) override;
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_CPU_GEMV_H_
