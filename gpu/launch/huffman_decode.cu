#include "gpu/kernels/huffman_decode.h"
#include "gpu/simt/cuda_context.cuh"

extern "C" __global__ void __launch_bounds__(plait::kHuffmanBlockThreads)
    HuffmanBf16(plait::gpu::HuffmanDecodeParams params) {
  plait::simt::CudaContext ctx;
  plait::gpu::HuffmanDecodeBody(ctx, params);
}
