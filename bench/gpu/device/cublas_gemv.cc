// The product that fused kernels are measured against: cuBLAS on plain bf16 weights, one vector, sums in fp32.
#include <cublas_v2.h>

#include <memory>

#include "bench/gpu/device/contenders.h"
#include "bench/gpu/device/device_memory.h"

namespace plait::gpu {
namespace {

constexpr int kColumns = 4096;  // a model's width, and a divisor of every block

absl::Status FromCublas(cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cuBLAS: ", cublasGetStatusString(status)));
}

struct Product {
  DeviceBytes matrix, x, y;
  cublasHandle_t handle = nullptr;
  int rows = 0;

  ~Product() {
    if (handle != nullptr) cublasDestroy(handle);
  }

  // Row-major [rows, columns] is column-major [columns, rows]: transposed once more.
  absl::Status Run(cudaStream_t stream) const {
    const float one = 1;
    const float zero = 0;
    PLAIT_RETURN_IF_ERROR(FromCublas(cublasSetStream(handle, stream)));
    return FromCublas(cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, rows, 1, kColumns, &one, matrix.span().data(),
                                   CUDA_R_16BF, kColumns, x.span().data(), CUDA_R_16BF, kColumns, &zero,
                                   y.span().data(), CUDA_R_16BF, rows, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
  }
};

}  // namespace

absl::StatusOr<Contender> MakeCublasGemv(const Weights& weights) {
  const std::span<const uint8_t> raw(weights.block(0).data(), weights.num_blocks * weights.block_bytes());
  const auto product = std::make_shared<Product>();
  product->rows = static_cast<int>(raw.size() / sizeof(uint16_t) / kColumns);
  PLAIT_ASSIGN_OR_RETURN(product->matrix, DeviceBytes::CopyOf(raw));
  PLAIT_ASSIGN_OR_RETURN(product->x, DeviceBytes::Make(kColumns * sizeof(uint16_t)));
  PLAIT_ASSIGN_OR_RETURN(product->y, DeviceBytes::Make(product->rows * sizeof(uint16_t)));
  PLAIT_RETURN_IF_ERROR(FromCublas(cublasCreate(&product->handle)));
  const auto run = [product](cudaStream_t stream) { return product->Run(stream); };
  return Contender{"cuBLAS bf16 GEMV", "", raw.size(), raw.size(), run};
}

}  // namespace plait::gpu
