#include "gpu/launch/cuda_gemv.h"

#include <algorithm>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "gpu/launch/cuda_binaries.h"
#include "gpu/launch/cuda_kernels.h"
#include "gpu/simt/words.h"

namespace plait::gpu {
namespace {

constexpr uint32_t kRowsWarps = 8;  // of a thread block of the second kernel, which shares nothing

absl::StatusOr<uint32_t> MostSharedBytes() {
  int device = 0, bytes = 0;
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaGetDevice(&device), "CUDA device"));
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
                                 "shared memory of a thread block"));
  return static_cast<uint32_t>(bytes);
}

template <class Params>
absl::Status Launch(const void* function, uint32_t thread_blocks, uint32_t warps, uint32_t shared_bytes, Params params,
                    DeviceStream stream) {
  void* arguments[] = {&params};
  return FromCuda(cudaLaunchKernel(function, dim3(thread_blocks), dim3(warps * simt::kWarpLanes), arguments,
                                   shared_bytes, static_cast<cudaStream_t>(stream)),
                  "launch of a kernel");
}

}  // namespace

absl::StatusOr<std::unique_ptr<CudaGemv>> CudaGemv::Create() {
  std::unique_ptr<CudaGemv> gemv(new CudaGemv());
  PLAIT_ASSIGN_OR_RETURN(const cudaLibrary_t library, LoadCudaLibrary(plait_tier_gemv_fatbin));
  gemv->library_ = library;
  PLAIT_ASSIGN_OR_RETURN(gemv->product_, FindCudaKernel(library, "TierGemv"));
  PLAIT_ASSIGN_OR_RETURN(gemv->rows_, FindCudaKernel(library, "GemvRows"));
  PLAIT_ASSIGN_OR_RETURN(gemv->shared_bytes_, MostSharedBytes());
  PLAIT_RETURN_IF_ERROR(AllowSharedBytes(gemv->product_, gemv->shared_bytes_));
  return gemv;
}

CudaGemv::~CudaGemv() {
  if (library_ != nullptr) cudaLibraryUnload(static_cast<cudaLibrary_t>(library_));
}

absl::Status CudaGemv::MultiplyChecked(const GemvPlan& plan, uint32_t batch, const GemvBuffers& buffers,
                                       DeviceStream stream) {
  const GemvLaunches launches{&plan, batch, &buffers};
  const uint32_t warps = launches.MaxWarps(shared_bytes_);
  if (warps == 0) {
    return absl::ResourceExhaustedError(
        FoundExpected("shared memory of a thread block", shared_bytes_, launches.shared_bytes(1)));
  }
  const uint32_t shared_bytes = launches.shared_bytes(warps);
  PLAIT_ASSIGN_OR_RETURN(const uint32_t thread_blocks, ResidentThreadBlocks(product_, warps, shared_bytes));
  PLAIT_RETURN_IF_ERROR(Launch(product_, thread_blocks, warps, shared_bytes, launches.product(), stream));
  if (plan.layout.whole_strips()) return absl::OkStatus();
  const GemvRowsParams rows = launches.rows();
  const uint32_t lanes = kRowsWarps * simt::kWarpLanes;
  const uint32_t wanted = CeilDiv(plan.layout.rows() * batch, lanes);
  PLAIT_ASSIGN_OR_RETURN(const uint32_t resident, ResidentThreadBlocks(rows_, kRowsWarps, 0));
  return Launch(rows_, std::clamp<uint32_t>(wanted, 1, resident), kRowsWarps, 0, rows, stream);
}

}  // namespace plait::gpu
