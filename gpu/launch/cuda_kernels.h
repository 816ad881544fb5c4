// What the launchers share: libraries of kernels within this program, and what the current device has room for.
#ifndef PLAIT_GPU_LAUNCH_CUDA_KERNELS_H_
#define PLAIT_GPU_LAUNCH_CUDA_KERNELS_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plait::gpu {

// kUnavailable, with what CUDA says of it, unless there is no error.
absl::Status FromCuda(cudaError_t error, std::string_view what);

// Of what cuda_binaries.h has. Returns: as FromCuda.
absl::StatusOr<cudaLibrary_t> LoadCudaLibrary(const uint8_t* binary);
absl::StatusOr<const void*> FindCudaKernel(cudaLibrary_t library, const char* name);

// Lets a kernel have so many bytes of shared memory. Returns: as FromCuda.
absl::Status AllowSharedBytes(const void* function, uint32_t shared_bytes);

// How many thread blocks of a kernel the current device holds at once, at least 1.
absl::StatusOr<uint32_t> ResidentThreadBlocks(const void* function, uint32_t warps, uint32_t shared_bytes);

}  // namespace plait::gpu

#endif  // PLAIT_GPU_LAUNCH_CUDA_KERNELS_H_
