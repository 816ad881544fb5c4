// What config.json says of a model that this program can run: Llama, or the text model of Gemma 3.
// Source: the configuration classes of github.com/huggingface/transformers.
#ifndef PLAIT_EXAMPLES_RUNNER_MODEL_CONFIG_H_
#define PLAIT_EXAMPLES_RUNNER_MODEL_CONFIG_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace plait::runner {

enum class Family { kLlama, kGemma3 };

struct ModelConfig {
  Family family = Family::kLlama;
  size_t layers = 0;
  size_t hidden = 0;        // channels between the model's layers
  size_t intermediate = 0;  // channels inside the feed-forward network
  size_t heads = 0;
  size_t kv_heads = 0;
  size_t head_dim = 0;
  size_t vocabulary = 0;
  size_t max_tokens = 0;
  float norm_epsilon = 0;
  double rope_theta = 0;
  float query_scale = 0;  // what a query is multiplied with
  bool tied_embedding = false;

  // Gemma 3: every global_period-th model layer sees all tokens, the others the last `window`, with an angle of their
  // own. 0: all layers see all.
  size_t window = 0;
  size_t global_period = 0;
  double local_rope_theta = 0;

  size_t query_channels() const { return heads * head_dim; }
  size_t kv_channels() const { return kv_heads * head_dim; }
  bool is_local(size_t layer) const { return global_period != 0 && (layer + 1) % global_period != 0; }
};

// Columns are summed in steps of so many, so every matrix has a multiple of it.
inline constexpr size_t kColumnStep = 16;

// Parses the text of a config.json.
// Returns: kDataLoss if it is no JSON object, or a field is missing, of another type or out of range; kUnimplemented if
// the model needs something that is not built here. The message names the field.
absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view json);

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_MODEL_CONFIG_H_
