// The forward pass of a decoder-only transformer, tokens in, logits out.
#ifndef PLAIT_EXAMPLES_RUNNER_MODEL_H_
#define PLAIT_EXAMPLES_RUNNER_MODEL_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "examples/runner/elementwise.h"
#include "examples/runner/kv_cache.h"
#include "examples/runner/model_config.h"
#include "examples/runner/team.h"
#include "examples/runner/weights.h"

namespace plait::runner {

class Model {
 public:
  // All outlive the model.
  Model(const ModelConfig& config, const Weights& weights, Team& team);

  // Runs `tokens` behind those in `cache` and adds them to it; `logits` gets the config.vocabulary logits of the token
  // after the last. How tokens are cut into calls changes no bit of the result.
  // `after_layer` is called after every model layer of every chunk of tokens.
  // Requires: 1 <= tokens.size() <= cache.max_tokens() - cache.tokens(), each < config.vocabulary.
  // Returns: as WeightTiles::Next.
  absl::Status Run(std::span<const uint32_t> tokens, KvCache& cache, std::span<float> logits,
                   const std::function<void()>& after_layer);

 private:
  absl::Status RunChunk(std::span<const uint32_t> tokens, KvCache& cache, const std::function<void()>& after_layer);
  absl::Status Embed(std::span<const uint32_t> tokens);
  absl::Status RunAttention(size_t layer, const Rotation& rotation, KvCache& cache);
  absl::Status RunFeedForward(const LayerWeights& layer);
  void StoreToken(size_t layer, size_t token, const Rotation& rotation, KvCache& cache);

  // Normalises the stream into normed_, or adds branch_ to the stream, normalised first if `gain` is not empty.
  void NormStream(const Gain& gain);
  void AddBranch(const Gain& gain);

  std::span<float> row(std::vector<float>& values, size_t channels, size_t token) {
    return std::span(values).subspan(token * channels, channels);
  }

  const ModelConfig& config_;
  const Weights& weights_;
  Team& team_;
  size_t count_ = 0;  // tokens of the chunk at hand; each vector below has a row for each
  std::vector<float> stream_;
  std::vector<float> normed_;
  std::vector<float> branch_;
  std::vector<float> queries_, keys_, values_, attended_;
  std::vector<float> gate_, up_;
};

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_MODEL_H_
