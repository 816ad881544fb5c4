#include "examples/runner/model_config.h"

#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

#include "codec/base/status.h"

namespace plait::runner {
namespace {

using Json = nlohmann::json;

// Real sizes are far below these, and what is multiplied of them stays below 2^64.
constexpr uint64_t kMaxSize = uint64_t{1} << 24;
constexpr uint64_t kMaxCount = uint64_t{1} << 12;  // of layers, of heads, of a head's channels

std::string Found(const Json& config, const char* field) {
  return config.contains(field) ? config[field].dump() : "nothing";
}

absl::Status ReadSize(const Json& config, const char* field, size_t* size, uint64_t most = kMaxSize) {
  const bool is_size = config.contains(field) && config[field].is_number_unsigned();
  if (!is_size || config[field] == 0 || config[field] > most) {
    return absl::DataLossError(
        FoundExpected(field, Found(config, field), absl::StrCat("a whole number from 1 to ", most)));
  }
  *size = config[field].get<size_t>();
  return absl::OkStatus();
}

template <class Number>
absl::Status ReadPositive(const Json& config, const char* field, Number* number) {
  if (!config.contains(field) || !config[field].is_number() || !(config[field] > 0)) {
    return absl::DataLossError(FoundExpected(field, Found(config, field), "a number above 0"));
  }
  *number = config[field].get<Number>();
  return absl::OkStatus();
}

// Fields that would change what is computed: absent, or what this program does.
absl::Status Require(const Json& config, const char* field, const Json& expected) {
  if (!config.contains(field) || config[field] == expected) return absl::OkStatus();
  return absl::UnimplementedError(FoundExpected(field, config[field].dump(), expected.dump()));
}

absl::Status ReadCommon(const Json& json, ModelConfig* config) {
  PLAIT_RETURN_IF_ERROR(ReadSize(json, "num_hidden_layers", &config->layers, kMaxCount));
  PLAIT_RETURN_IF_ERROR(ReadSize(json, "hidden_size", &config->hidden));
  PLAIT_RETURN_IF_ERROR(ReadSize(json, "intermediate_size", &config->intermediate));
  PLAIT_RETURN_IF_ERROR(ReadSize(json, "num_attention_heads", &config->heads, kMaxCount));
  PLAIT_RETURN_IF_ERROR(ReadSize(json, "num_key_value_heads", &config->kv_heads, kMaxCount));
  PLAIT_RETURN_IF_ERROR(ReadSize(json, "vocab_size", &config->vocabulary));
  PLAIT_RETURN_IF_ERROR(ReadSize(json, "max_position_embeddings", &config->max_tokens));
  config->head_dim = config->hidden / config->heads;
  if (json.contains("head_dim")) PLAIT_RETURN_IF_ERROR(ReadSize(json, "head_dim", &config->head_dim, kMaxCount));
  PLAIT_RETURN_IF_ERROR(ReadPositive(json, "rms_norm_eps", &config->norm_epsilon));
  PLAIT_RETURN_IF_ERROR(ReadPositive(json, "rope_theta", &config->rope_theta));
  config->tied_embedding = json.value("tie_word_embeddings", config->family == Family::kGemma3);
  for (const char* field : {"rope_scaling", "attn_logit_softcapping", "final_logit_softcapping"}) {
    PLAIT_RETURN_IF_ERROR(Require(json, field, nullptr));
  }
  return Require(json, "attention_bias", false);
}

absl::Status ReadLlama(const Json& json, ModelConfig* config) {
  PLAIT_RETURN_IF_ERROR(Require(json, "hidden_act", "silu"));
  PLAIT_RETURN_IF_ERROR(Require(json, "mlp_bias", false));
  config->query_scale = 1 / std::sqrt(static_cast<float>(config->head_dim));
  return absl::OkStatus();
}

absl::Status ReadGemma3(const Json& json, ModelConfig* config) {
  PLAIT_RETURN_IF_ERROR(Require(json, "hidden_activation", "gelu_pytorch_tanh"));
  PLAIT_RETURN_IF_ERROR(Require(json, "use_bidirectional_attention", false));
  PLAIT_RETURN_IF_ERROR(ReadSize(json, "sliding_window", &config->window));
  PLAIT_RETURN_IF_ERROR(ReadSize(json, "sliding_window_pattern", &config->global_period));
  PLAIT_RETURN_IF_ERROR(ReadPositive(json, "rope_local_base_freq", &config->local_rope_theta));
  float per_head = 0;
  PLAIT_RETURN_IF_ERROR(ReadPositive(json, "query_pre_attn_scalar", &per_head));
  config->query_scale = 1 / std::sqrt(per_head);
  return absl::OkStatus();
}

absl::Status CheckShapes(const ModelConfig& config) {
  for (const auto& [field, columns] : {std::pair{"hidden_size", config.hidden},
                                       {"intermediate_size", config.intermediate},
                                       {"head_dim", config.head_dim}}) {
    if (columns % kColumnStep != 0) {
      return absl::UnimplementedError(FoundExpected(field, columns, absl::StrCat("a multiple of ", kColumnStep)));
    }
  }
  if (config.heads % config.kv_heads == 0) return absl::OkStatus();
  return absl::DataLossError(
      FoundExpected("num_key_value_heads", config.kv_heads, absl::StrCat("a divisor of ", config.heads)));
}

absl::StatusOr<Family> ReadFamily(const Json& json) {
  const Json found = json.value("model_type", Json());
  if (found == "llama") return Family::kLlama;
  if (found == "gemma3_text") return Family::kGemma3;
  return absl::UnimplementedError(FoundExpected("model_type", Found(json, "model_type"), "llama or gemma3_text"));
}

absl::StatusOr<ModelConfig> FromJson(const Json& json) {
  ModelConfig config;
  PLAIT_ASSIGN_OR_RETURN(config.family, ReadFamily(json));
  PLAIT_RETURN_IF_ERROR(ReadCommon(json, &config));
  PLAIT_RETURN_IF_ERROR(config.family == Family::kLlama ? ReadLlama(json, &config) : ReadGemma3(json, &config));
  PLAIT_RETURN_IF_ERROR(CheckShapes(config));
  return config;
}

}  // namespace

absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::DataLossError("config: found no JSON object, expected one");
  try {
    return FromJson(json);
  } catch (const Json::exception& error) {
    return absl::DataLossError(absl::StrCat("config: ", error.what()));
  }
}

}  // namespace plait::runner
