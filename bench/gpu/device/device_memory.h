// Memory of the current CUDA device, and its errors as statuses.
#ifndef PLAIT_BENCH_GPU_DEVICE_DEVICE_MEMORY_H_
#define PLAIT_BENCH_GPU_DEVICE_DEVICE_MEMORY_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "codec/base/status.h"
#include "gpu/launch/cuda_kernels.h"

namespace plait::gpu {

// Owns it. All bytes have been written, so that no page is touched for the first time while it is timed.
class DeviceBytes {
 public:
  static absl::StatusOr<DeviceBytes> Make(size_t bytes) {
    DeviceBytes memory;
    void* address = nullptr;
    PLAIT_RETURN_IF_ERROR(FromCuda(cudaMalloc(&address, bytes), "memory of the device"));
    memory.span_ = {static_cast<uint8_t*>(address), bytes};
    PLAIT_RETURN_IF_ERROR(FromCuda(cudaMemset(address, 0, bytes), "memory of the device"));
    return memory;
  }
  static absl::StatusOr<DeviceBytes> CopyOf(std::span<const uint8_t> bytes) {
    PLAIT_ASSIGN_OR_RETURN(DeviceBytes memory, Make(bytes.size()));
    PLAIT_RETURN_IF_ERROR(
        FromCuda(cudaMemcpy(memory.span_.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice), "upload"));
    return memory;
  }

  DeviceBytes() = default;
  DeviceBytes(DeviceBytes&& other) noexcept : span_(std::exchange(other.span_, {})) {}
  DeviceBytes& operator=(DeviceBytes&& other) noexcept {
    std::swap(span_, other.span_);
    return *this;
  }
  ~DeviceBytes() { cudaFree(span_.data()); }

  std::span<uint8_t> span() const { return span_; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(span_.data());
  }

 private:
  std::span<uint8_t> span_;
};

}  // namespace plait::gpu

#endif  // PLAIT_BENCH_GPU_DEVICE_DEVICE_MEMORY_H_
