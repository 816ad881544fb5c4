// The loops of dot_kernel.h over 16 lanes, for every variant: its file defines PLAIT_LANES (a function attribute, or
// nothing) and struct Lanes, and then includes this within its namespace.
//
// Why it is fast: a step loads kRowsAtOnce steps of rows and kVectorsAtOnce of vectors, and multiplies each with each
// in registers. Vectors are the outer loop: some of them stay in the nearest cache while a tile of rows streams by.

// Dot products of kRows rows from `row` on with kVectors vectors from `vector` on.
template <int kRows, int kVectors>
PLAIT_LANES inline void DotTile(const Bf16Rows& rows, size_t row, const Vectors<const float>& x, size_t vector,
                                const Vectors<float>& y) {
  Lanes::Sums sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = Lanes::Zero();
  }
  const uint16_t* weights = rows.weights + row * rows.stride;
  const float* values = x.values + vector * x.stride;
  for (size_t c = 0; c < rows.columns; c += 16) {
    Lanes::Sums row_lanes[kRows];
    for (int r = 0; r < kRows; ++r) row_lanes[r] = Lanes::LoadBf16(weights + r * rows.stride + c);
    for (int v = 0; v < kVectors; ++v) {
      const Lanes::Sums lanes = Lanes::Load(values + v * x.stride + c);
      for (int r = 0; r < kRows; ++r) sums[r][v] = Lanes::MultiplyAdd(row_lanes[r], lanes, sums[r][v]);
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    for (int r = 0; r < kRows; ++r) y.values[(vector + v) * y.stride + row + r] = Lanes::Fold(sums[r][v]);
  }
}

template <int kVectors>
PLAIT_LANES inline void DotAllRows(const Bf16Rows& rows, const Vectors<const float>& x, size_t vector,
                                   const Vectors<float>& y) {
  // One vector alone has too few sums to hide the latency of an addition, so it takes more rows at once.
  constexpr int kRows = kVectors == 1 ? 8 : Lanes::kRowsAtOnce;
  size_t row = 0;
  for (; row + kRows <= rows.rows; row += kRows) DotTile<kRows, kVectors>(rows, row, x, vector, y);
  for (; row < rows.rows; ++row) DotTile<1, kVectors>(rows, row, x, vector, y);
}

PLAIT_LANES inline void Dots(const Bf16Rows& rows, const Vectors<const float>& x, const Vectors<float>& y) {
  constexpr int kVectors = Lanes::kVectorsAtOnce;
  size_t vector = 0;
  for (; vector + kVectors <= x.count; vector += kVectors) DotAllRows<kVectors>(rows, x, vector, y);
  for (; vector < x.count; ++vector) DotAllRows<1>(rows, x, vector, y);
}

// 16 columns from `column` on of the weighted sums of kVectors vectors from `vector` on.
template <int kVectors>
PLAIT_LANES inline void SumColumns(const Bf16Rows& rows, size_t column, const Vectors<const float>& weights,
                                   size_t vector, const Vectors<float>& y) {
  Lanes::Sums sums[kVectors];
  for (int v = 0; v < kVectors; ++v) sums[v] = Lanes::Zero();
  const float* values = weights.values + vector * weights.stride;
  for (size_t r = 0; r < rows.rows; ++r) {
    const Lanes::Sums lanes = Lanes::LoadBf16(rows.weights + r * rows.stride + column);
    for (int v = 0; v < kVectors; ++v) {
      sums[v] = Lanes::MultiplyAdd(lanes, Lanes::Broadcast(values[v * weights.stride + r]), sums[v]);
    }
  }
  for (int v = 0; v < kVectors; ++v) Lanes::Store(sums[v], y.values + (vector + v) * y.stride + column);
}

template <int kVectors>
PLAIT_LANES inline void SumAllColumns(const Bf16Rows& rows, const Vectors<const float>& weights, size_t vector,
                                      const Vectors<float>& y) {
  for (size_t c = 0; c < rows.columns; c += 16) SumColumns<kVectors>(rows, c, weights, vector, y);
}

PLAIT_LANES inline void WeightedSums(const Bf16Rows& rows, const Vectors<const float>& weights,
                                     const Vectors<float>& y) {
  constexpr int kVectors = Lanes::kSumsAtOnce;
  size_t vector = 0;
  for (; vector + kVectors <= weights.count; vector += kVectors) SumAllColumns<kVectors>(rows, weights, vector, y);
  for (; vector < weights.count; ++vector) SumAllColumns<1>(rows, weights, vector, y);
}
