// Causal attention of new tokens over the cache.
#ifndef PLAIT_EXAMPLES_RUNNER_ATTENTION_H_
#define PLAIT_EXAMPLES_RUNNER_ATTENTION_H_

#include "examples/runner/dot_kernel.h"
#include "examples/runner/kv_cache.h"
#include "examples/runner/model_config.h"
#include "examples/runner/team.h"

namespace plait::runner {

// One model layer's attention. `queries`: rotated and scaled, a vector of query_channels() for each token from position
// `first` on, whose keys and values are in the cache already. `out` gets as many vectors of the same size.
void Attend(const ModelConfig& config, size_t layer, KvCache& cache, size_t first, const Vectors<const float>& queries,
            const Vectors<float>& out, Team& team);

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_ATTENTION_H_
