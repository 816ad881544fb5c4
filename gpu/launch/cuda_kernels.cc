#include "gpu/launch/cuda_kernels.h"

#include <algorithm>

#include "codec/base/status.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

absl::Status FromCuda(cudaError_t error, std::string_view what) {
  if (error == cudaSuccess) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(Absl(what), ": ", cudaGetErrorString(error)));
}

absl::StatusOr<cudaLibrary_t> LoadCudaLibrary(const uint8_t* binary) {
  cudaLibrary_t library = nullptr;
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaLibraryLoadData(&library, binary, nullptr, nullptr, 0, nullptr, nullptr, 0),
                                 "kernels for this device"));
  return library;
}

absl::StatusOr<const void*> FindCudaKernel(cudaLibrary_t library, const char* name) {
  cudaKernel_t kernel = nullptr;
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaLibraryGetKernel(&kernel, library, name), name));
  return kernel;
}

absl::Status AllowSharedBytes(const void* function, uint32_t shared_bytes) {
  return FromCuda(
      cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
      "shared memory of a kernel");
}

absl::StatusOr<uint32_t> ResidentThreadBlocks(const void* function, uint32_t warps, uint32_t shared_bytes) {
  int device = 0;
  int multiprocessors = 0;
  int resident = 0;
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaGetDevice(&device), "CUDA device"));
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
                                 "number of multiprocessors"));
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                                     &resident, function, static_cast<int>(warps * simt::kWarpLanes), shared_bytes),
                                 "occupancy of a kernel"));
  return static_cast<uint32_t>(multiprocessors * std::max(resident, 1));
}

}  // namespace plait::gpu
