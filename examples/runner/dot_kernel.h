// The two loops that take nearly all of the time: rows times vectors, and rows added up with weights. Rows are bf16,
// everything else is fp32.
//
// The order of every sum is fixed: a dot product has 16 partial sums, sum l over columns l, l + 16, l + 32, ..., each
// with fused multiply-adds, folded 16 -> 8 -> 4 -> 2 -> 1 (l and l + 8, then l and l + 4, ...). So all variants give
// the same bits, and a vector's result depends neither on the vectors beside it nor on how rows are cut into calls.
#ifndef PLAIT_EXAMPLES_RUNNER_DOT_KERNEL_H_
#define PLAIT_EXAMPLES_RUNNER_DOT_KERNEL_H_

#include <cstddef>
#include <cstdint>

#include "codec/base/cpu.h"

namespace plait::runner {

// bf16 rows; row r begins at weights + r * stride.
struct Bf16Rows {
  const uint16_t* weights;
  size_t stride;
  size_t rows;
  size_t columns;  // a multiple of kColumnStep
};

// fp32 vectors; vector v begins at values + v * stride.
template <class Float>
struct Vectors {
  Float* values;
  size_t stride;
  size_t count;
};

struct DotKernels {
  // y[v][r] = dot product of row r and vector v. Requires: x and y have as many vectors, of at least `columns` and
  // `rows` values, and do not overlap. Always succeeds.
  void (*dots)(const Bf16Rows& rows, const Vectors<const float>& x, const Vectors<float>& y);

  // y[v][c] = the sum over r, in order, of weights[v][r] * row r [c]. Requires: weights and y have as many vectors, of
  // at least `rows` and `columns` values, and do not overlap. Always succeeds.
  void (*weighted_sums)(const Bf16Rows& rows, const Vectors<const float>& weights, const Vectors<float>& y);
};

extern const DotKernels kDotScalar;
extern const DotKernels kDotAvx2;  // also needs FMA
extern const DotKernels kDotAvx512;

inline const DotKernels& ActiveDotKernels() {
#if defined(__x86_64__)
  if (ActiveCpu() >= CpuVariant::kAvx512) return kDotAvx512;
  static const bool has_fma = __builtin_cpu_supports("fma");
  if (ActiveCpu() >= CpuVariant::kAvx2 && has_fma) return kDotAvx2;
#endif
  return kDotScalar;
}

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_DOT_KERNEL_H_
