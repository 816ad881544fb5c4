#include "examples/runner/attention.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace plait::runner {
namespace {

// Tokens of one head whose scores are computed together: a multiple of what the kernels take at once, few enough for
// their scores to stay in the cache.
constexpr size_t kQueryTokens = 24;

// Turns scores into weights that add up to 1, in place.
void Softmax(std::span<float> scores) {
  const float largest = *std::ranges::max_element(scores);
  float sum = 0;
  for (float& score : scores) {
    score = std::exp(score - largest);
    sum += score;
  }
  for (float& score : scores) score /= sum;
}

// Tokens [begin, end) that a token sees.
struct Seen {
  size_t begin;
  size_t end;
};

Seen SeenFrom(const ModelConfig& config, size_t layer, size_t token) {
  const bool all = !config.is_local(layer) || token < config.window;
  return {all ? 0 : token + 1 - config.window, token + 1};
}

// One head, `queries.count` tokens from position `first` on.
void AttendHead(const ModelConfig& config, size_t layer, size_t head, KvCache& cache, size_t first,
                const Vectors<const float>& queries, const Vectors<float>& out, std::vector<float>& scores) {
  const size_t begin = SeenFrom(config, layer, first).begin;
  const size_t seen = first + queries.count - begin;
  const size_t channel = head / (config.heads / config.kv_heads) * config.head_dim;
  const Bf16Rows keys = {cache.at(KvPlane::kKeys, layer, begin) + channel, config.kv_channels(), seen, config.head_dim};
  const Bf16Rows values = {cache.at(KvPlane::kValues, layer, begin) + channel, config.kv_channels(), seen,
                           config.head_dim};
  scores.resize(std::max(scores.size(), queries.count * seen));
  ActiveDotKernels().dots(keys, queries, {scores.data(), seen, queries.count});
  for (size_t t = 0; t < queries.count; ++t) {
    const std::span<float> row(scores.data() + t * seen, seen);
    const Seen own = SeenFrom(config, layer, first + t);
    std::ranges::fill(row.first(own.begin - begin), 0.0F);
    std::ranges::fill(row.subspan(own.end - begin), 0.0F);
    Softmax(row.subspan(own.begin - begin, own.end - own.begin));
  }
  ActiveDotKernels().weighted_sums(values, {scores.data(), seen, queries.count}, out);
}

}  // namespace

void Attend(const ModelConfig& config, size_t layer, KvCache& cache, size_t first, const Vectors<const float>& queries,
            const Vectors<float>& out, Team& team) {
  const size_t blocks = (queries.count + kQueryTokens - 1) / kQueryTokens;
  team.ForEach(blocks * config.heads, [&](size_t index, Scratch& scratch) {
    const size_t token = index / config.heads * kQueryTokens;
    const size_t head = index % config.heads;
    const size_t count = std::min(kQueryTokens, queries.count - token);
    const Vectors<const float> part = {queries.values + token * queries.stride + head * config.head_dim, queries.stride,
                                       count};
    AttendHead(config, layer, head, cache, first + token, part,
               {out.values + token * out.stride + head * config.head_dim, out.stride, count}, scratch.scores);
  });
}

}  // namespace plait::runner
