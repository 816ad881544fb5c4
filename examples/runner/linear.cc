#include "examples/runner/linear.h"

#include <algorithm>

#include "codec/base/status.h"
#include "examples/runner/bf16.h"
#include "examples/runner/weight_tiles.h"

namespace plait::runner {
namespace {

// Rows [begin, end) of one product.
absl::Status MultiplyRows(const Product& product, size_t begin, size_t end, const Vectors<const float>& x,
                          TileScratch& scratch) {
  const Matrix& matrix = *product.matrix;
  WeightTiles tiles(matrix, begin, end, scratch);
  while (true) {
    PLAIT_ASSIGN_OR_RETURN(const Tile tile, tiles.Next());
    if (tile.rows == 0) return absl::OkStatus();
    const Bf16Rows rows = {tile.weights, matrix.columns, tile.rows, matrix.columns};
    ActiveDotKernels().dots(rows, x, {product.y.values + tile.first_row, product.y.stride, product.y.count});
  }
}

}  // namespace

absl::Status Multiply(std::span<const Product> products, const Vectors<const float>& x, Team& team) {
  size_t all_rows = 0;
  for (const Product& product : products) all_rows += product.matrix->rows;
  const auto multiply_share = [&](size_t begin, size_t end, Scratch& scratch) {
    size_t first = 0;  // row of all rows that the product begins with
    for (const Product& product : products) {
      const size_t rows = product.matrix->rows;
      const size_t from = std::clamp(begin, first, first + rows) - first;
      const size_t to = std::clamp(end, first, first + rows) - first;
      PLAIT_RETURN_IF_ERROR(MultiplyRows(product, from, to, x, scratch.tiles));
      first += rows;
    }
    return absl::OkStatus();
  };
  return team.Share(all_rows, multiply_share);
}

absl::Status ReadRow(const Matrix& matrix, size_t row, TileScratch& scratch, std::span<float> values) {
  WeightTiles tiles(matrix, row, row + 1, scratch);
  PLAIT_ASSIGN_OR_RETURN(const Tile tile, tiles.Next());
  std::transform(tile.weights, tile.weights + matrix.columns, values.begin(), FromBf16);
  return absl::OkStatus();
}

}  // namespace plait::runner
