// Keys and values of all tokens so far, in bf16.
#ifndef PLAIT_EXAMPLES_RUNNER_KV_CACHE_H_
#define PLAIT_EXAMPLES_RUNNER_KV_CACHE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "examples/runner/model_config.h"

namespace plait::runner {

enum class KvPlane { kKeys, kValues, kUnrotatedKeys };

// One plane is [model layers, max_tokens, kv_channels].
class KvCache {
 public:
  // `with_unrotated`: also keep keys as they are before their rotation by position, which nothing here reads.
  KvCache(const ModelConfig& config, size_t max_tokens, bool with_unrotated);

  size_t tokens() const { return tokens_; }
  size_t max_tokens() const { return max_tokens_; }
  bool has_unrotated() const { return planes_ == 3; }
  uint64_t bytes() const { return planes_ * plane_elements_ * sizeof(uint16_t); }

  // Where token `token` of a model layer stands; those behind it follow.
  uint16_t* at(KvPlane plane, size_t layer, size_t token) {
    return elements_.get() + static_cast<size_t>(plane) * plane_elements_ + (layer * max_tokens_ + token) * channels_;
  }
  // Says that every layer of so many more tokens is written.
  void Add(size_t tokens) { tokens_ += tokens; }

  // Writes what is there as a .safetensors file: for each model layer N, `layers.N.k`, `layers.N.v` and, if kept,
  // `layers.N.k_pre_rope`, each bf16 [tokens, kv_heads, head_dim].
  // Returns: kUnavailable if writing fails.
  absl::Status Dump(const ModelConfig& config, const std::string& path);

 private:
  size_t channels_;
  size_t max_tokens_;
  size_t planes_;
  size_t plane_elements_;
  size_t tokens_ = 0;
  std::unique_ptr<uint16_t[]> elements_;  // not touched before it is written, so that only what is used is resident
};

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_KV_CACHE_H_
