#include "examples/runner/model.h"

#include <algorithm>
#include <cmath>

#include "codec/base/status.h"
#include "examples/runner/attention.h"
#include "examples/runner/bf16.h"
#include "examples/runner/linear.h"

namespace plait::runner {
namespace {

// Tokens that share one reading of the weights: a multiple of what the kernels take at once, so few that their
// activations need little memory.
constexpr size_t kChunkTokens = 288;

}  // namespace

Model::Model(const ModelConfig& config, const Weights& weights, Team& team)
    : config_(config), weights_(weights), team_(team) {}

absl::Status Model::Run(std::span<const uint32_t> tokens, KvCache& cache, std::span<float> logits,
                        const std::function<void()>& after_layer) {
  for (size_t begin = 0; begin < tokens.size(); begin += kChunkTokens) {
    const size_t count = std::min(kChunkTokens, tokens.size() - begin);
    PLAIT_RETURN_IF_ERROR(RunChunk(tokens.subspan(begin, count), cache, after_layer));
  }
  const std::span<float> last = row(stream_, config_.hidden, count_ - 1);
  RmsNorm(last, weights_.last, config_.norm_epsilon, last);
  const Product product = {&weights_.head, {logits.data(), logits.size(), 1}};
  return Multiply({&product, 1}, {last.data(), config_.hidden, 1}, team_);
}

absl::Status Model::RunChunk(std::span<const uint32_t> tokens, KvCache& cache,
                             const std::function<void()>& after_layer) {
  count_ = tokens.size();
  for (auto* values : {&stream_, &normed_, &branch_}) values->resize(count_ * config_.hidden);
  for (auto* values : {&queries_, &attended_}) values->resize(count_ * config_.query_channels());
  for (auto* values : {&keys_, &values_}) values->resize(count_ * config_.kv_channels());
  for (auto* values : {&gate_, &up_}) values->resize(count_ * config_.intermediate);
  PLAIT_RETURN_IF_ERROR(Embed(tokens));
  const Rotation rotation(config_.rope_theta, config_.head_dim, cache.tokens(), count_);
  const double local_theta = config_.global_period == 0 ? config_.rope_theta : config_.local_rope_theta;
  const Rotation local_rotation(local_theta, config_.head_dim, cache.tokens(), count_);
  for (size_t layer = 0; layer < config_.layers; ++layer) {
    PLAIT_RETURN_IF_ERROR(RunAttention(layer, config_.is_local(layer) ? local_rotation : rotation, cache));
    PLAIT_RETURN_IF_ERROR(RunFeedForward(weights_.layers[layer]));
    after_layer();
  }
  cache.Add(count_);
  return absl::OkStatus();
}

absl::Status Model::Embed(std::span<const uint32_t> tokens) {
  const float scale = config_.family == Family::kGemma3 ? std::sqrt(static_cast<float>(config_.hidden)) : 1;
  return team_.Share(count_, [&](size_t begin, size_t end, Scratch& scratch) {
    for (size_t token = begin; token < end; ++token) {
      const std::span<float> values = row(stream_, config_.hidden, token);
      PLAIT_RETURN_IF_ERROR(ReadRow(weights_.embedding, tokens[token], scratch.tiles, values));
      for (float& value : values) value *= scale;
    }
    return absl::OkStatus();
  });
}

absl::Status Model::RunAttention(size_t layer, const Rotation& rotation, KvCache& cache) {
  const LayerWeights& weights = weights_.layers[layer];
  NormStream(weights.before_attention);
  const Product projections[] = {
      {&weights.q, {queries_.data(), config_.query_channels(), count_}},
      {&weights.k, {keys_.data(), config_.kv_channels(), count_}},
      {&weights.v, {values_.data(), config_.kv_channels(), count_}},
  };
  PLAIT_RETURN_IF_ERROR(Multiply(projections, {normed_.data(), config_.hidden, count_}, team_));
  team_.ForEach(count_, [&](size_t token, Scratch&) { StoreToken(layer, token, rotation, cache); });
  const size_t channels = config_.query_channels();
  Attend(config_, layer, cache, cache.tokens(), {queries_.data(), channels, count_},
         {attended_.data(), channels, count_}, team_);
  const Product output = {&weights.o, {branch_.data(), config_.hidden, count_}};
  PLAIT_RETURN_IF_ERROR(Multiply({&output, 1}, {attended_.data(), channels, count_}, team_));
  AddBranch(weights.after_attention);
  return absl::OkStatus();
}

// Normalises (where the family does), rotates and scales the token's query heads; the same of its keys, but for the
// scale, goes to the cache with its values.
void Model::StoreToken(size_t layer, size_t token, const Rotation& rotation, KvCache& cache) {
  const LayerWeights& weights = weights_.layers[layer];
  const size_t place = cache.tokens() + token;
  const std::span<float> queries = row(queries_, config_.query_channels(), token);
  const std::span<float> keys = row(keys_, config_.kv_channels(), token);
  const auto for_each_head = [&](std::span<float> values, auto work) {
    for (size_t c = 0; c < values.size(); c += config_.head_dim) work(values.subspan(c, config_.head_dim));
  };
  const auto norm_with = [&](const Gain& gain) {
    return [&](std::span<float> head) {
      if (!gain.empty()) RmsNorm(head, gain, config_.norm_epsilon, head);
    };
  };
  const auto rotate = [&](std::span<float> head) { rotation.Rotate(token, head); };

  for_each_head(queries, norm_with(weights.query));
  for_each_head(queries, rotate);
  for (float& query : queries) query *= config_.query_scale;
  for_each_head(keys, norm_with(weights.key));
  if (cache.has_unrotated()) std::ranges::transform(keys, cache.at(KvPlane::kUnrotatedKeys, layer, place), ToBf16);
  for_each_head(keys, rotate);
  std::ranges::transform(keys, cache.at(KvPlane::kKeys, layer, place), ToBf16);
  std::ranges::transform(row(values_, config_.kv_channels(), token), cache.at(KvPlane::kValues, layer, place), ToBf16);
}

absl::Status Model::RunFeedForward(const LayerWeights& layer) {
  NormStream(layer.before_ffn);
  const size_t channels = config_.intermediate;
  const Product inner[] = {{&layer.gate, {gate_.data(), channels, count_}},
                           {&layer.up, {up_.data(), channels, count_}}};
  PLAIT_RETURN_IF_ERROR(Multiply(inner, {normed_.data(), config_.hidden, count_}, team_));
  const auto activate = config_.family == Family::kGemma3 ? GeluTimes : SiluTimes;
  team_.ForEach(count_, [&](size_t t, Scratch&) { activate(row(gate_, channels, t), row(up_, channels, t)); });
  const Product output = {&layer.down, {branch_.data(), config_.hidden, count_}};
  PLAIT_RETURN_IF_ERROR(Multiply({&output, 1}, {gate_.data(), channels, count_}, team_));
  AddBranch(layer.after_ffn);
  return absl::OkStatus();
}

void Model::NormStream(const Gain& gain) {
  team_.ForEach(count_, [&](size_t token, Scratch&) {
    RmsNorm(row(stream_, config_.hidden, token), gain, config_.norm_epsilon, row(normed_, config_.hidden, token));
  });
}

void Model::AddBranch(const Gain& gain) {
  team_.ForEach(count_, [&](size_t token, Scratch&) {
    const std::span<float> branch = row(branch_, config_.hidden, token);
    const std::span<float> stream = row(stream_, config_.hidden, token);
    if (!gain.empty()) RmsNorm(branch, gain, config_.norm_epsilon, branch);
    for (size_t c = 0; c < branch.size(); ++c) stream[c] += branch[c];
  });
}

}  // namespace plait::runner
