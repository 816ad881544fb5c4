// Profiles from caches: of samples, with what is known of the model, or of the very chunk that is to be coded.
#ifndef PLAIT_TOOLS_PIPELINE_KV_TRAINING_H_
#define PLAIT_TOOLS_PIPELINE_KV_TRAINING_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/kv/kv_train.h"
#include "formats/kv/kv_profile_file.h"

namespace plait {

struct KvTrainingSettings {
  KvTrainSettings train;
  // A .safetensors file with wanted base steps, as log2: k_log2_step of [layers, channels of k] and v_log2_step of
  // [layers]. Empty: uniform ones.
  std::string stats;
  float scale = 0;  // octaves that are added to all steps
};

// What a profile that goes into an object can spend: few classes, no contexts.
KvTrainingSettings ChunkTrainingSettings(bool quality_layers);

// `samples`: of each plane of the geometry, whole rows of one or more texts.
// Returns: kInvalidArgument if a setting is out of range or the stats have not what is needed; kUnavailable if they
// cannot be read.
absl::StatusOr<std::shared_ptr<const KvProfileFile>> TrainKvProfileFile(
    const KvGeometry& geometry, std::span<const std::vector<std::span<const uint16_t>>> samples,
    const KvTrainingSettings& settings);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_KV_TRAINING_H_
