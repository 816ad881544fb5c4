#include "examples/runner/weights.h"

#include <string>
#include <string_view>

#include "codec/base/status.h"
#include "examples/runner/linear.h"

namespace plait::runner {
namespace {

class Finder {
 public:
  Finder(const Checkpoint& checkpoint, const ModelConfig& config) : checkpoint_(checkpoint), config_(config) {}

  absl::StatusOr<Weights> Find() {
    Weights weights;
    PLAIT_RETURN_IF_ERROR(FindMatrix("model.embed_tokens", config_.vocabulary, config_.hidden, &weights.embedding));
    weights.layers.resize(config_.layers);
    for (size_t layer = 0; layer < config_.layers; ++layer) {
      prefix_ = absl::StrCat("model.layers.", layer, ".");
      PLAIT_RETURN_IF_ERROR(FindMatrices(weights.layers[layer]));
      PLAIT_RETURN_IF_ERROR(config_.family == Family::kLlama ? ReadLlamaGains(weights.layers[layer])
                                                             : ReadGemma3Gains(weights.layers[layer]));
    }
    prefix_.clear();
    PLAIT_RETURN_IF_ERROR(ReadGain("model.norm", config_.hidden, &weights.last));
    if (!config_.tied_embedding) {
      PLAIT_RETURN_IF_ERROR(FindMatrix("lm_head", config_.vocabulary, config_.hidden, &weights.head));
    } else {
      weights.head = weights.embedding;
    }
    return weights;
  }

 private:
  absl::Status FindMatrix(std::string_view name, size_t rows, size_t columns, Matrix* matrix) {
    PLAIT_ASSIGN_OR_RETURN(*matrix, checkpoint_.Find(absl::StrCat(prefix_, Absl(name), ".weight"), rows, columns));
    return absl::OkStatus();
  }

  absl::Status FindMatrices(LayerWeights& layer) {
    const size_t hidden = config_.hidden;
    PLAIT_RETURN_IF_ERROR(FindMatrix("self_attn.q_proj", config_.query_channels(), hidden, &layer.q));
    PLAIT_RETURN_IF_ERROR(FindMatrix("self_attn.k_proj", config_.kv_channels(), hidden, &layer.k));
    PLAIT_RETURN_IF_ERROR(FindMatrix("self_attn.v_proj", config_.kv_channels(), hidden, &layer.v));
    PLAIT_RETURN_IF_ERROR(FindMatrix("self_attn.o_proj", hidden, config_.query_channels(), &layer.o));
    PLAIT_RETURN_IF_ERROR(FindMatrix("mlp.gate_proj", config_.intermediate, hidden, &layer.gate));
    PLAIT_RETURN_IF_ERROR(FindMatrix("mlp.up_proj", config_.intermediate, hidden, &layer.up));
    return FindMatrix("mlp.down_proj", hidden, config_.intermediate, &layer.down);
  }

  absl::Status ReadGain(std::string_view name, size_t channels, Gain* gain) {
    Matrix row;
    PLAIT_RETURN_IF_ERROR(FindMatrix(name, 1, channels, &row));
    gain->resize(channels);
    PLAIT_RETURN_IF_ERROR(ReadRow(row, 0, scratch_, *gain));
    // Gemma's checkpoints hold what is added to 1.
    if (config_.family == Family::kGemma3) {
      for (float& value : *gain) value += 1;
    }
    return absl::OkStatus();
  }

  absl::Status ReadLlamaGains(LayerWeights& layer) {
    PLAIT_RETURN_IF_ERROR(ReadGain("input_layernorm", config_.hidden, &layer.before_attention));
    return ReadGain("post_attention_layernorm", config_.hidden, &layer.before_ffn);
  }

  absl::Status ReadGemma3Gains(LayerWeights& layer) {
    PLAIT_RETURN_IF_ERROR(ReadGain("input_layernorm", config_.hidden, &layer.before_attention));
    PLAIT_RETURN_IF_ERROR(ReadGain("post_attention_layernorm", config_.hidden, &layer.after_attention));
    PLAIT_RETURN_IF_ERROR(ReadGain("pre_feedforward_layernorm", config_.hidden, &layer.before_ffn));
    PLAIT_RETURN_IF_ERROR(ReadGain("post_feedforward_layernorm", config_.hidden, &layer.after_ffn));
    PLAIT_RETURN_IF_ERROR(ReadGain("self_attn.q_norm", config_.head_dim, &layer.query));
    return ReadGain("self_attn.k_norm", config_.head_dim, &layer.key);
  }

  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
  std::string prefix_;
  TileScratch scratch_;
};

}  // namespace

absl::StatusOr<Weights> FindWeights(const Checkpoint& checkpoint, const ModelConfig& config) {
  return Finder(checkpoint, config).Find();
}

}  // namespace plait::runner
