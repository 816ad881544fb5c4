// The definition of the loops, without SIMD. std::fma is a call here, so this is slow.
#include <bit>
#include <cmath>

#include "examples/runner/dot_kernel.h"

#define PLAIT_LANES

namespace plait::runner {
namespace {

struct Lanes {
  struct Sums {
    float lane[16];
  };
  static constexpr int kRowsAtOnce = 1;
  static constexpr int kVectorsAtOnce = 2;
  static constexpr int kSumsAtOnce = 2;

  static Sums Zero() { return {}; }
  static Sums Broadcast(float value) {
    Sums sums;
    for (float& lane : sums.lane) lane = value;
    return sums;
  }
  static Sums Load(const float* values) {
    Sums sums;
    for (int l = 0; l < 16; ++l) sums.lane[l] = values[l];
    return sums;
  }
  static Sums LoadBf16(const uint16_t* values) {
    Sums sums;
    for (int l = 0; l < 16; ++l) sums.lane[l] = std::bit_cast<float>(uint32_t{values[l]} << 16);
    return sums;
  }
  static Sums MultiplyAdd(const Sums& a, const Sums& b, Sums sums) {
    for (int l = 0; l < 16; ++l) sums.lane[l] = std::fma(a.lane[l], b.lane[l], sums.lane[l]);
    return sums;
  }
  static float Fold(Sums sums) {
    for (int half = 8; half != 0; half /= 2) {
      for (int l = 0; l < half; ++l) sums.lane[l] += sums.lane[l + half];
    }
    return sums.lane[0];
  }
  static void Store(const Sums& sums, float* values) {
    for (int l = 0; l < 16; ++l) values[l] = sums.lane[l];
  }
};

#include "examples/runner/dot_loops.h"

}  // namespace

const DotKernels kDotScalar = {Dots, WeightedSums};

}  // namespace plait::runner
