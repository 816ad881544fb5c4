// Predicts each value of a token from those before it in the token, by what the tokens before have taught: least
// squares over all of them, exactly as recursive least squares gives it, in integers.
//
// The values x of a token are held to be x = L z with L lower triangular, ones on its diagonal, and z uncorrelated
// *innovations*. Then the prediction of x_r is the sum of L_rj z_j over j < r, and z_r is what it misses. After the
// token the factorisation L D L' of the sum of all x x' takes it in by a rank-one update. Source: P. Gill, G. Golub, W.
// Murray and M. Saunders, "Methods for Modifying Matrix Factorizations", Mathematics of Computation 28 (1974), method
// C1.
//
// Work for each token and n values: 3 n^2 / 2 multiplications of 32 bits, in loops over contiguous memory.
#ifndef PLAIT_CODEC_RANGE_RANGE_PREDICTOR_H_
#define PLAIT_CODEC_RANGE_RANGE_PREDICTOR_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/range/range_kernel.h"

namespace plait {

// For one token after the other: Begin(), then prediction(i) and Add() for i = 0, 1, ... , then Learn().
class RangePredictor {
 public:
  // `values` a token, at least 1 and at most kRangeMaxRegressors. All factors are zero at first.
  explicit RangePredictor(size_t values);

  void Begin();

  // What the next value will be, from those added; in units of 2^-kRangeUnitLog2.
  int32_t prediction(size_t i) const { return predictions_[i]; }

  // The next value, at most kRangeMaxNormal in size.
  void Add(int32_t value);

  // Takes the token in. Call when all its values are there.
  void Learn();

 private:
  // Factors L_rj with r > j, for j = 0, 1, ... one column behind the other.
  int32_t* Column(size_t j) { return factors_.data() + j * (2 * size_ - j - 1) / 2; }

  const RangeKernels& kernels_;
  size_t size_;
  size_t added_ = 0;
  std::vector<int32_t> values_;
  std::vector<int32_t> predictions_;
  std::vector<int32_t> factors_;
  std::vector<int64_t> energies_;  // D: sums of squared innovations, and the ridge
};

}  // namespace plait

#endif  // PLAIT_CODEC_RANGE_RANGE_PREDICTOR_H_
