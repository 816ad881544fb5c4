// Matrices times vectors, with the weights read a tile at a time.
#ifndef PLAIT_EXAMPLES_RUNNER_LINEAR_H_
#define PLAIT_EXAMPLES_RUNNER_LINEAR_H_

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "examples/runner/checkpoint.h"
#include "examples/runner/dot_kernel.h"
#include "examples/runner/team.h"

namespace plait::runner {

// y = matrix * x, for each of the vectors.
struct Product {
  const Matrix* matrix;
  Vectors<float> y;
};

// Computes products with the same vectors `x` and matrices of as many columns; the rows of all are shared out together.
// Returns: as WeightTiles::Next.
absl::Status Multiply(std::span<const Product> products, const Vectors<const float>& x, Team& team);

// Row `row` of a matrix as fp32.
// Returns: as WeightTiles::Next.
absl::Status ReadRow(const Matrix& matrix, size_t row, TileScratch& scratch, std::span<float> values);

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_LINEAR_H_
