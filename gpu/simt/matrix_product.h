// The tensor cores' matrix product on the host: HostContext::Mma16816Bf16 says which lane has what.
#ifndef PLAIT_GPU_SIMT_MATRIX_PRODUCT_H_
#define PLAIT_GPU_SIMT_MATRIX_PRODUCT_H_

#include <array>
#include <cstdint>

#include "gpu/simt/lanes.h"
#include "gpu/simt/words.h"

namespace plait::simt {

inline constexpr uint32_t kMmaDepth = 16;  // k
using Bf16Vector = std::array<uint16_t, kMmaDepth>;

// c plus the products of bf16 values, exact and added in double in their order; rounded to float once.
float AddProducts(float c, const Bf16Vector& a, const Bf16Vector& b);

// a * b + c of a warp.
Quad<Lanes<float>> MultiplyMatrices(const Quad<Lanes<uint32_t>>& a, const Pair<Lanes<uint32_t>>& b,
                                    const Quad<Lanes<float>>& c);

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_MATRIX_PRODUCT_H_
