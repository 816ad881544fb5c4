#include "tools/pipeline/kv_training.h"

#include <bit>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "tools/pipeline/tensor_files.h"

namespace plait {
namespace {

constexpr char kKeys[] = "k";
constexpr char kValues[] = "v";
// Without better knowledge: base steps of half the RMS.
constexpr float kOctavesBelowRms = 1;
constexpr size_t kChunkClasses = 16;

// The steps of a stats file.
struct Stats {
  std::vector<float> keys;    // [layer][channel]
  std::vector<float> values;  // [layer]
};

absl::StatusOr<std::vector<float>> ReadFloats(const TensorFiles& files, const std::string& name, size_t count) {
  const std::optional<size_t> tensor = files.Find(name);
  if (!tensor) return absl::InvalidArgumentError(absl::StrCat("tensor ", name, ": found none, expected one"));
  const TensorInfo& info = files.tensors()[*tensor];
  if (info.dtype != Dtype::kF32 || info.bytes() != count * sizeof(float)) {
    return absl::InvalidArgumentError(
        FoundExpected(absl::StrCat("tensor ", name),
                      absl::StrCat(std::string(GetDtypeInfo(info.dtype).name), ", ", info.bytes(), " bytes"),
                      absl::StrCat("F32, ", count, " elements")));
  }
  PLAIT_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, files.ReadAll(*tensor));
  std::vector<float> floats(count);
  for (size_t i = 0; i < count; ++i) floats[i] = std::bit_cast<float>(LoadLe<uint32_t>(&bytes[4 * i]));
  return floats;
}

absl::StatusOr<Stats> ReadStats(const std::string& path, const KvGeometry& geometry) {
  size_t key_channels = 0;
  size_t value_planes = 0;
  for (const KvPlaneInfo& plane : geometry.planes) {
    if (plane.name == kKeys) key_channels += plane.channels();
    if (plane.name == kValues) ++value_planes;
  }
  PLAIT_ASSIGN_OR_RETURN(const TensorFiles files, TensorFiles::Open(path));
  Stats stats;
  PLAIT_ASSIGN_OR_RETURN(stats.keys, ReadFloats(files, "k_log2_step", key_channels));
  PLAIT_ASSIGN_OR_RETURN(stats.values, ReadFloats(files, "v_log2_step", value_planes));
  return stats;
}

// The next steps of a plane, from the front of the stats.
std::vector<float> TakeSteps(const KvPlaneInfo& plane, Stats& stats) {
  std::vector<float> steps;
  if (plane.name == kKeys) {
    const auto end = stats.keys.begin() + static_cast<ptrdiff_t>(plane.channels());
    steps.assign(stats.keys.begin(), end);
    stats.keys.erase(stats.keys.begin(), end);
  } else if (plane.name == kValues) {
    steps.assign(plane.channels(), stats.values.front());
    stats.values.erase(stats.values.begin());
  }
  return steps;
}

}  // namespace

KvTrainingSettings ChunkTrainingSettings(bool quality_layers) {
  KvTrainingSettings settings;
  settings.train.head_classes = kChunkClasses;
  settings.train.index_classes = kChunkClasses;
  settings.train.head_contexts = 1;
  settings.train.index_contexts = 1;
  settings.train.quality_layers = quality_layers;
  return settings;
}

absl::StatusOr<std::shared_ptr<const KvProfileFile>> TrainKvProfileFile(
    const KvGeometry& geometry, std::span<const std::vector<std::span<const uint16_t>>> samples,
    const KvTrainingSettings& settings) {
  Stats stats;
  if (!settings.stats.empty()) {
    const absl::StatusOr<Stats> read = ReadStats(settings.stats, geometry);
    if (!read.ok()) return Annotate(read.status(), settings.stats);
    stats = *read;
  }
  std::vector<KvTrainPlane> planes;
  for (size_t i = 0; i < geometry.planes.size(); ++i) {
    const KvPlaneInfo& info = geometry.planes[i];
    KvTrainPlane plane = {
        .channels = info.channels(), .log2_steps = {}, .token_steps = info.name == kValues, .samples = samples[i]};
    if (!settings.stats.empty()) plane.log2_steps = TakeSteps(info, stats);
    if (plane.log2_steps.empty()) {
      plane.log2_steps = UniformKvLog2Steps(geometry.element, samples[i][0], info.channels(), kOctavesBelowRms);
    }
    for (float& step : plane.log2_steps) step += settings.scale;
    planes.push_back(std::move(plane));
  }
  PLAIT_ASSIGN_OR_RETURN(KvProfile profile, TrainKvProfile(geometry.element, planes, settings.train));
  return MakeKvProfileFile(geometry, std::move(profile));
}

}  // namespace plait
