// Makes KV objects, model layer by model layer: a host hands over each as soon as it is computed. The coded segments
// are held until the end, for in an object the qualities come before the model layers.
#ifndef PLAIT_FORMATS_KV_KV_OBJECT_WRITER_H_
#define PLAIT_FORMATS_KV_KV_OBJECT_WRITER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/kv/kv_coder.h"
#include "formats/kv/kv_manifest.h"
#include "formats/kv/kv_profile_file.h"
#include "formats/kv/kv_workspace.h"

namespace plait {

struct KvObjectSettings {
  KvForm form = KvForm::kLayers;
  KvKey key = {};
  uint64_t first_token = 0;
  size_t rows = 0;         // tokens
  size_t exact_first = 0;  // so many of them are exact at every quality: form kLayers only
  size_t exact_last = 0;
  // Row steps of each plane, as KvDecoding::RowSteps gives them; empty: found anew. Form kLayers only.
  std::vector<std::vector<int8_t>> row_steps = {};
  bool inline_profile = false;  // the profile goes into the object; else only its name does
};

// A model layer's part of an object.
struct KvCodedLayer {
  std::vector<std::vector<uint8_t>> segments;  // one a quality
  std::vector<uint16_t> errors;                // [quality but the last][plane of this model layer], KvErrorCode
  KvBaseParts base;                            // of the form kLayers
};

// Where the bytes of an object go.
struct KvObjectParts {
  uint64_t manifest = 0;  // and header, but for what the next one counts
  uint64_t profile = 0;   // inside
  KvBaseParts base;       // of the base, all model layers
  std::vector<uint64_t> qualities;
};

class KvObjectWriter {
 public:
  // `profile` is null for forms that need none (NeedsKvProfile), and only for those; `geometry` is then all there is.
  // Returns: kInvalidArgument for settings that contradict each other, a geometry that is not the profile's, or a
  // profile without quality layers where they are asked for.
  static absl::StatusOr<KvObjectWriter> Create(const KvObjectSettings& settings, KvGeometry geometry,
                                               std::shared_ptr<const KvProfileFile> profile);

  std::span<const KvModelLayer> layers() const { return layers_; }

  // Codes the planes of layers()[layer], each settings.rows x channels elements. Thread-safe.
  // Returns: kInvalidArgument if a size is wrong.
  absl::StatusOr<KvCodedLayer> Encode(size_t layer, std::span<const KvElements> planes, KvWorkspace& workspace) const;

  // Takes the parts of all model layers in their order.
  void Add(KvCodedLayer layer) { coded_.push_back(std::move(layer)); }

  // Replaces `object` with the whole. Returns: kFailedPrecondition if model layers are missing.
  absl::Status Finish(std::vector<uint8_t>* object, KvObjectParts* parts) const;

 private:
  KvObjectWriter() = default;
  absl::Status EncodeQualities(const KvModelLayer& layer, std::span<const KvElements> planes, KvWorkspace& workspace,
                               KvCodedLayer* coded) const;
  KvManifest MakeManifest() const;

  KvObjectSettings settings_;
  KvGeometry geometry_;
  std::shared_ptr<const KvProfileFile> profile_;
  std::vector<KvModelLayer> layers_;
  std::vector<KvCodedLayer> coded_;
};

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_OBJECT_WRITER_H_
