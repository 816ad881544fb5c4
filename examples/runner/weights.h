// The tensors of a model by their role, whatever the family calls them.
#ifndef PLAIT_EXAMPLES_RUNNER_WEIGHTS_H_
#define PLAIT_EXAMPLES_RUNNER_WEIGHTS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "examples/runner/checkpoint.h"
#include "examples/runner/model_config.h"

namespace plait::runner {

// What a normalised channel is multiplied with, fp32. Empty: there is no such norm.
using Gain = std::vector<float>;

struct LayerWeights {
  Gain before_attention, after_attention, before_ffn, after_ffn;
  Gain query, key;  // per head
  Matrix q, k, v, o;
  Matrix gate, up, down;
};

struct Weights {
  Matrix embedding;
  std::vector<LayerWeights> layers;
  Gain last;
  Matrix head;  // the embedding's, if it is tied
};

// Finds all tensors and reads the norms; matrices stay where they are, in the checkpoint's memory.
// Returns: as Checkpoint::Find and WeightTiles::Next.
absl::StatusOr<Weights> FindWeights(const Checkpoint& checkpoint, const ModelConfig& config);

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_WEIGHTS_H_
