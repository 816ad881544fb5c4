// Decodes images on the current CUDA device. Only built where there is a CUDA toolkit.
#ifndef PLAIT_GPU_LAUNCH_CUDA_DECODER_H_
#define PLAIT_GPU_LAUNCH_CUDA_DECODER_H_

#include <array>
#include <memory>

#include "absl/status/statusor.h"
#include "gpu/device_decoder.h"
#include "gpu/kernels/huffman_task.h"

namespace plait::gpu {

class CudaDecoder : public DeviceDecoder {
 public:
  // For the device that is current, and is current whenever Decode() is called. All that may wait or allocate is done
  // here.
  // Returns: kUnavailable if there is no device, or it refuses the kernels; the message has CUDA's reason.
  static absl::StatusOr<std::unique_ptr<CudaDecoder>> Create();
  ~CudaDecoder() override;

 protected:
  // Up to eleven launches on `stream`, one behind the other.
  absl::Status DecodeChecked(const DecodePlan& plan, BlockRun run, const DecodeBuffers& buffers,
                             DeviceStream stream) override;

 private:
  // Functions are handles of the CUDA runtime.
  struct Kernel {
    const void* function = nullptr;
    uint32_t warps = 0;  // of a thread block
    uint32_t shared_bytes = 0;
    uint32_t most_thread_blocks = 0;  // that are resident at once
  };

  CudaDecoder() = default;
  absl::Status LoadKernels();
  // Launches for so many tasks of a warp each.
  template <class Params>
  absl::Status Launch(const Kernel& kernel, uint32_t tasks, Params params, DeviceStream stream) const;

  // The same for tasks of a thread block each.
  template <class Params>
  absl::Status LaunchThreadBlocks(const Kernel& kernel, uint32_t tasks, Params params, DeviceStream stream) const;
  absl::Status LaunchHuffman(const HuffmanDecodeParams& params, DeviceStream stream) const;

  std::array<void*, 4> libraries_{};
  std::array<Kernel, kNumKernels> kernels_;
  Kernel bind_;
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_LAUNCH_CUDA_DECODER_H_
