// Makes a profile from samples: classes of channels by what codes them best, their tables, and symbols' places.
#ifndef PLAIT_CODEC_KV_KV_TRAIN_H_
#define PLAIT_CODEC_KV_KV_TRAIN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/kv/kv_profile.h"

namespace plait {

struct KvTrainSettings {
  size_t head_classes = 32;
  size_t index_classes = 32;
  size_t head_contexts = 10;  // 1: classes alone
  size_t index_contexts = 10;
  unsigned refinements = 4;
  bool quality_layers = true;
  // No channel's step is more than this many times its RMS: above, a channel would be zero for several refinements,
  // each of which costs it a bit.
  float most_step_to_rms = 4;
  size_t skip_rows = 4;  // of every sample, at its begin: they will be exact at every quality
};

// What is known of a plane, and samples of it.
struct KvTrainPlane {
  size_t channels = 0;
  std::vector<float> log2_steps;  // wanted base steps of every channel; ignored without quality layers
  bool token_steps = false;       // whether steps follow the row's RMS (KvPlaneProfile::token_reference)
  // Each rows x channels, of one text: the row before is the context.
  std::vector<std::span<const uint16_t>> samples;
};

// Deterministic.
// Returns: kInvalidArgument if a setting is out of range or a size does not fit.
absl::StatusOr<KvProfile> TrainKvProfile(KvElement element, std::span<const KvTrainPlane> planes,
                                         const KvTrainSettings& settings);

// Base steps for planes without a profile: one step for the plane, `bits` below its RMS (in octaves), for every
// channel.
std::vector<float> UniformKvLog2Steps(KvElement element, std::span<const uint16_t> x, size_t channels,
                                      float octaves_below_rms);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_TRAIN_H_
