#include "examples/runner/elementwise.h"

#include <cmath>
#include <numbers>

namespace plait::runner {

void RmsNorm(std::span<const float> x, std::span<const float> gain, float epsilon, std::span<float> out) {
  double squares = 0;
  for (const float value : x) squares += double{value} * value;
  const float scale = 1 / std::sqrt(static_cast<float>(squares / static_cast<double>(x.size())) + epsilon);
  for (size_t c = 0; c < x.size(); ++c) out[c] = x[c] * scale * gain[c];
}

void SiluTimes(std::span<float> gate, std::span<const float> up) {
  for (size_t c = 0; c < gate.size(); ++c) gate[c] = gate[c] / (1 + std::exp(-gate[c])) * up[c];
}

void GeluTimes(std::span<float> gate, std::span<const float> up) {
  constexpr float kSlope = std::numbers::inv_sqrtpi_v<float> * std::numbers::sqrt2_v<float>;  // sqrt(2 / pi)
  constexpr float kCubic = 0.044715F;
  for (size_t c = 0; c < gate.size(); ++c) {
    const float x = gate[c];
    gate[c] = x * 0.5F * (1 + std::tanh(kSlope * (x + kCubic * x * x * x))) * up[c];
  }
}

Rotation::Rotation(double theta, size_t head_dim, size_t first, size_t count)
    : pairs_(head_dim / 2), cosines_(count * pairs_), sines_(count * pairs_) {
  for (size_t pair = 0; pair < pairs_; ++pair) {
    const double step = std::pow(theta, -2.0 * static_cast<double>(pair) / static_cast<double>(head_dim));
    for (size_t index = 0; index < count; ++index) {
      const double angle = static_cast<double>(first + index) * step;
      cosines_[index * pairs_ + pair] = static_cast<float>(std::cos(angle));
      sines_[index * pairs_ + pair] = static_cast<float>(std::sin(angle));
    }
  }
}

void Rotation::Rotate(size_t index, std::span<float> head) const {
  for (size_t pair = 0; pair < pairs_; ++pair) {
    const float cosine = cosines_[index * pairs_ + pair];
    const float sine = sines_[index * pairs_ + pair];
    const float low = head[pair];
    const float high = head[pair + pairs_];
    head[pair] = low * cosine - high * sine;
    head[pair + pairs_] = high * cosine + low * sine;
  }
}

}  // namespace plait::runner
