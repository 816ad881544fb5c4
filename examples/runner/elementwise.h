// The steps of a model layer that work on one token's channels, in fp32.
#ifndef PLAIT_EXAMPLES_RUNNER_ELEMENTWISE_H_
#define PLAIT_EXAMPLES_RUNNER_ELEMENTWISE_H_

#include <cstddef>
#include <span>
#include <vector>

namespace plait::runner {

// out = x / root mean square of x * gain. `out` may be `x`.
void RmsNorm(std::span<const float> x, std::span<const float> gain, float epsilon, std::span<float> out);

// gate = silu(gate) * up, or gelu(gate) * up by its tanh formula.
void SiluTimes(std::span<float> gate, std::span<const float> up);
void GeluTimes(std::span<float> gate, std::span<const float> up);

// Cosines and sines of rotary position embedding for a run of positions.
class Rotation {
 public:
  // For positions [first, first + count) of heads of `head_dim` channels.
  Rotation(double theta, size_t head_dim, size_t first, size_t count);

  // Rotates channel i with channel i + head_dim / 2, for position first + `index`.
  void Rotate(size_t index, std::span<float> head) const;

 private:
  size_t pairs_;
  std::vector<float> cosines_;  // [count, pairs_]
  std::vector<float> sines_;
};

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_ELEMENTWISE_H_
