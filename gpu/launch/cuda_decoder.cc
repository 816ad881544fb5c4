#include "gpu/launch/cuda_decoder.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "gpu/decode_launches.h"
#include "gpu/launch/cuda_binaries.h"
#include "gpu/launch/cuda_kernels.h"
#include "gpu/simt/words.h"

namespace plait::gpu {
namespace {

// In the order of DecodePlan's kernels (gpu/decode_plan.h).
constexpr const char* kTierNames[kCopyKernel] = {"TierSymbols", "TierSymbolsWide", "TierBf16", "TierBf16Wide",
                                                 "TierE4m3",    "TierE4m3Wide",    "TierE5m2", "TierE5m2Wide"};

}  // namespace

absl::StatusOr<std::unique_ptr<CudaDecoder>> CudaDecoder::Create() {
  std::unique_ptr<CudaDecoder> decoder(new CudaDecoder());
  PLAIT_RETURN_IF_ERROR(decoder->LoadKernels());
  return decoder;
}

CudaDecoder::~CudaDecoder() {
  for (void* library : libraries_) {
    if (library != nullptr) cudaLibraryUnload(static_cast<cudaLibrary_t>(library));
  }
}

absl::Status CudaDecoder::LoadKernels() {
  const uint8_t* const binaries[] = {plait_block_bind_fatbin, plait_block_copy_fatbin, plait_tier_decode_fatbin,
                                     plait_huffman_decode_fatbin};
  cudaLibrary_t libraries[std::size(binaries)];
  for (size_t i = 0; i < std::size(binaries); ++i) {
    PLAIT_ASSIGN_OR_RETURN(libraries[i], LoadCudaLibrary(binaries[i]));
    libraries_[i] = libraries[i];
  }
  const auto load = [](cudaLibrary_t library, const char* name, uint32_t warps, uint32_t shared_bytes,
                       Kernel* kernel) -> absl::Status {
    PLAIT_ASSIGN_OR_RETURN(kernel->function, FindCudaKernel(library, name));
    kernel->warps = warps;
    kernel->shared_bytes = shared_bytes;
    PLAIT_RETURN_IF_ERROR(AllowSharedBytes(kernel->function, shared_bytes));
    PLAIT_ASSIGN_OR_RETURN(kernel->most_thread_blocks, ResidentThreadBlocks(kernel->function, warps, shared_bytes));
    return absl::OkStatus();
  };
  PLAIT_RETURN_IF_ERROR(load(libraries[0], "BlockBind", kBindWarps, 0, &bind_));
  PLAIT_RETURN_IF_ERROR(load(libraries[1], "BlockCopy", kCopyWarps, 0, &kernels_[kCopyKernel]));
  PLAIT_RETURN_IF_ERROR(
      load(libraries[3], "HuffmanBf16", kHuffmanWarps, kHuffmanMaxSharedBytes, &kernels_[kHuffmanKernel]));
  for (uint32_t k = 0; k < kCopyKernel; ++k) {
    const TierCapacity capacity = CapacityOfKernel(k);
    PLAIT_RETURN_IF_ERROR(load(libraries[2], kTierNames[k], capacity.warps, capacity.shared_bytes(), &kernels_[k]));
  }
  return absl::OkStatus();
}

template <class Params>
absl::Status CudaDecoder::Launch(const Kernel& kernel, uint32_t tasks, Params params, DeviceStream stream) const {
  return LaunchThreadBlocks(kernel, CeilDiv(tasks, kernel.warps), params, stream);
}

template <class Params>
absl::Status CudaDecoder::LaunchThreadBlocks(const Kernel& kernel, uint32_t tasks, Params params,
                                             DeviceStream stream) const {
  if (tasks == 0) return absl::OkStatus();
  const uint32_t thread_blocks = std::min(tasks, kernel.most_thread_blocks);
  void* arguments[] = {&params};
  return FromCuda(cudaLaunchKernel(kernel.function, dim3(thread_blocks), dim3(kernel.warps * simt::kWarpLanes),
                                   arguments, kernel.shared_bytes, static_cast<cudaStream_t>(stream)),
                  "launch of a kernel");
}

absl::Status CudaDecoder::DecodeChecked(const DecodePlan& plan, BlockRun run, const DecodeBuffers& buffers,
                                        DeviceStream stream) {
  const DecodeLaunches launches{&plan, run, &buffers};
  PLAIT_RETURN_IF_ERROR(Launch(bind_, run.count, launches.bind(), stream));
  for (uint32_t k = 0; k < kCopyKernel; ++k) {
    const TierDecodeParams tier = launches.tier(k);
    PLAIT_RETURN_IF_ERROR(Launch(kernels_[k], tier.num_tasks, tier, stream));
  }
  const BlockCopyParams copy = launches.copy();
  PLAIT_RETURN_IF_ERROR(Launch(kernels_[kCopyKernel], copy.num_tasks, copy, stream));
  return LaunchHuffman(launches.huffman(), stream);
}

// What a thread block needs, and so how many there is room for, depends on the plan.
absl::Status CudaDecoder::LaunchHuffman(const HuffmanDecodeParams& params, DeviceStream stream) const {
  if (params.num_tasks == 0) return absl::OkStatus();
  Kernel kernel = kernels_[kHuffmanKernel];
  kernel.shared_bytes = params.capacity.shared_bytes();
  PLAIT_ASSIGN_OR_RETURN(kernel.most_thread_blocks,
                         ResidentThreadBlocks(kernel.function, kernel.warps, kernel.shared_bytes));
  return LaunchThreadBlocks(kernel, params.num_tasks, params, stream);
}

}  // namespace plait::gpu
