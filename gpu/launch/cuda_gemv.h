// The kernels of a matrix product on a CUDA device.
#ifndef PLAIT_GPU_LAUNCH_CUDA_GEMV_H_
#define PLAIT_GPU_LAUNCH_CUDA_GEMV_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "gpu/gemv.h"

namespace plait::gpu {

class CudaGemv : public GemvMultiplier {
 public:
  // For the current device, which must be the current one of every Multiply().
  // Returns: kUnavailable without a device, a driver, or kernels for it.
  static absl::StatusOr<std::unique_ptr<CudaGemv>> Create();
  ~CudaGemv() override;

 protected:
  // One launch or two on `stream`.
  absl::Status MultiplyChecked(const GemvPlan& plan, uint32_t batch, const GemvBuffers& buffers,
                               DeviceStream stream) override;

 private:
  CudaGemv() = default;

  // Handles of the CUDA runtime.
  void* library_ = nullptr;
  const void* product_ = nullptr;
  const void* rows_ = nullptr;
  uint32_t shared_bytes_ = 0;  // that a thread block may have
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_LAUNCH_CUDA_GEMV_H_
