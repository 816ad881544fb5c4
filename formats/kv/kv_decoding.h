// Decodes KV objects, model layer by model layer, from any prefix; and further when more of an object arrives.
#ifndef PLAIT_FORMATS_KV_KV_DECODING_H_
#define PLAIT_FORMATS_KV_KV_DECODING_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/kv/kv_coder.h"
#include "formats/kv/kv_manifest.h"
#include "formats/kv/kv_profile_file.h"
#include "formats/kv/kv_workspace.h"

namespace plait {

struct KvDecodingLimits {
  uint64_t max_layer_elements = uint64_t{1} << 28;
  uint64_t max_profile_bytes = kMaxKvProfileBodyBytes;
};

class KvDecoding {
 public:
  // `profile` may be null; it is looked at only if the object names one.
  // Returns: kNotFound, with the name, if the object names another profile; kDataLoss if the manifest and the geometry
  // do not fit together, or a model layer has more elements than its segments can hold; kResourceExhausted above a
  // limit; else as ParseKvProfileFile of a profile inside.
  static absl::StatusOr<std::unique_ptr<KvDecoding>> Create(const KvManifest& manifest,
                                                            std::shared_ptr<const KvProfileFile> profile,
                                                            const KvDecodingLimits& limits = {});

  const KvGeometry& geometry() const { return profile_ ? profile_->geometry : *geometry_; }
  std::span<const KvModelLayer> layers() const { return layers_; }
  // How many qualities of layers()[layer] have been taken.
  unsigned qualities(size_t layer) const { return states_[layer].qualities; }

  // Takes the next segments (KvSegmentBytes) of layers()[layer], at least one, and writes what its planes are now, each
  // tokens x channels elements, to `planes`. Any number of threads may call this for different model layers.
  // Returns: kInvalidArgument if there are more segments than qualities are left, or a size is wrong; kOutOfRange or
  // kDataLoss if a segment is damaged: the model layer is then of no more use.
  absl::Status Add(size_t layer, std::span<const std::span<const uint8_t>> segments,
                   std::span<const std::span<uint16_t>> planes);

  // The row steps of plane number `plane` of layers()[layer] (KvLayerDecoder::RowSteps).
  // Requires: the form kLayers; the base has been taken, the last quality has not.
  std::vector<int8_t> RowSteps(size_t layer, size_t plane) const { return states_[layer].decoder->RowSteps(plane); }

 private:
  // Between calls, a model layer that may still get better keeps what its decoder works with.
  struct LayerState {
    unsigned qualities = 0;
    std::unique_ptr<KvWorkspace> workspace;
    std::optional<KvLayerDecoder> decoder;
  };

  KvDecoding() = default;
  absl::Status CheckFits(const KvManifest& manifest, const KvDecodingLimits& limits) const;
  absl::Status CheckAdd(size_t layer, size_t num_segments, std::span<const std::span<uint16_t>> planes) const;
  absl::Status AddQualities(size_t layer, std::span<const std::span<const uint8_t>> segments,
                            std::span<const std::span<uint16_t>> planes);
  std::unique_ptr<KvWorkspace> TakeWorkspace();
  void GiveBack(std::unique_ptr<KvWorkspace> workspace);

  KvForm form_ = KvForm::kLayers;
  unsigned num_qualities_ = 1;
  KvLayerShape shape_;  // of every model layer, but for its planes
  std::shared_ptr<const KvProfileFile> profile_;
  std::optional<KvGeometry> geometry_;  // without a profile
  std::vector<KvModelLayer> layers_;
  std::vector<LayerState> states_;
  std::mutex mutex_;  // of idle_
  std::vector<std::unique_ptr<KvWorkspace>> idle_;
};

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_DECODING_H_
