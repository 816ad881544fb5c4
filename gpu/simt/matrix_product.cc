#include "gpu/simt/matrix_product.h"

#include <bit>

namespace plait::simt {
namespace {

constexpr uint32_t kHalfBits = 16;
constexpr uint32_t kQuarterLanes = 4;  // lanes that share a row of a, or a column of b
constexpr uint32_t kHalfRows = 8;

double ValueOf(uint16_t bf16) { return std::bit_cast<float>(uint32_t{bf16} << kHalfBits); }

// A row of a or a column of b: of k from 0 to 7 lane `first` + k / 2 has a half of `low`, of the others of `high`.
Bf16Vector Gather(const Lanes<uint32_t>& low, const Lanes<uint32_t>& high, uint32_t first) {
  Bf16Vector vector;
  for (uint32_t k = 0; k < kMmaDepth / 2; ++k) {
    const uint32_t shift = k % 2 * kHalfBits;
    vector[k] = static_cast<uint16_t>(low[first + k / 2] >> shift);
    vector[k + kMmaDepth / 2] = static_cast<uint16_t>(high[first + k / 2] >> shift);
  }
  return vector;
}

}  // namespace

float AddProducts(float c, const Bf16Vector& a, const Bf16Vector& b) {
  double sum = c;
  for (uint32_t k = 0; k < kMmaDepth; ++k) sum += ValueOf(a[k]) * ValueOf(b[k]);
  return static_cast<float>(sum);
}

Quad<Lanes<float>> MultiplyMatrices(const Quad<Lanes<uint32_t>>& a, const Pair<Lanes<uint32_t>>& b,
                                    const Quad<Lanes<float>>& c) {
  std::array<Bf16Vector, 2 * kHalfRows> rows;
  std::array<Bf16Vector, kHalfRows> columns;
  for (uint32_t g = 0; g < kHalfRows; ++g) {
    rows[g] = Gather(a.x, a.z, g * kQuarterLanes);
    rows[g + kHalfRows] = Gather(a.y, a.w, g * kQuarterLanes);
    columns[g] = Gather(b.x, b.y, g * kQuarterLanes);
  }
  Quad<Lanes<float>> d{0.0f, 0.0f, 0.0f, 0.0f};
  for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
    const uint32_t row = lane / kQuarterLanes;
    const uint32_t column = lane % kQuarterLanes * 2;
    d.x[lane] = AddProducts(c.x[lane], rows[row], columns[column]);
    d.y[lane] = AddProducts(c.y[lane], rows[row], columns[column + 1]);
    d.z[lane] = AddProducts(c.z[lane], rows[row + kHalfRows], columns[column]);
    d.w[lane] = AddProducts(c.w[lane], rows[row + kHalfRows], columns[column + 1]);
  }
  return d;
}

}  // namespace plait::simt
