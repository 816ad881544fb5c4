// What nvcc has made of the shells, for each architecture, within this program.
#ifndef PLAIT_GPU_LAUNCH_CUDA_BINARIES_H_
#define PLAIT_GPU_LAUNCH_CUDA_BINARIES_H_

#include <cstdint>

// Of block_bind.cu, block_copy.cu, huffman_decode.cu, tier_decode.cu and tier_gemv.cu.
extern "C" const uint8_t plait_block_bind_fatbin[];
extern "C" const uint8_t plait_block_copy_fatbin[];
extern "C" const uint8_t plait_huffman_decode_fatbin[];
extern "C" const uint8_t plait_tier_decode_fatbin[];
extern "C" const uint8_t plait_tier_gemv_fatbin[];

#endif  // PLAIT_GPU_LAUNCH_CUDA_BINARIES_H_
