// What planes a KV cache has.
#ifndef PLAIT_FORMATS_KV_KV_GEOMETRY_H_
#define PLAIT_FORMATS_KV_KV_GEOMETRY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_bytes.h"
#include "codec/kv/kv_element.h"
#include "formats/kv/kv_object_layout.h"

namespace plait {

struct KvPlaneInfo {
  std::string name = "k";
  uint32_t model_layer = 0;
  uint32_t heads = 1;
  uint32_t head_dim = 1;

  size_t channels() const { return size_t{heads} * head_dim; }
  friend bool operator==(const KvPlaneInfo&, const KvPlaneInfo&) = default;
};

struct KvGeometry {
  KvElement element = KvElement::kBf16;
  KvRope rope = KvRope::kPost;
  std::string model;                // who made the cache; may be empty
  std::vector<KvPlaneInfo> planes;  // those of a model layer together, model layers ascending

  size_t channels() const;  // of all planes: elements of a token
};

// Planes number [first_plane, first_plane + num_planes).
struct KvModelLayer {
  uint32_t number = 0;
  size_t first_plane = 0;
  size_t num_planes = 0;
};
// The model layers that have planes, in their order.
std::vector<KvModelLayer> ModelLayersOf(const KvGeometry& geometry);

// Whether there are planes, in order, of sizes within the limits, no two of a model layer with one name. kDataLoss if
// not.
absl::Status CheckKvGeometry(const KvGeometry& geometry);

// kInvalidArgument, with the first thing that differs, unless `found` has the element type, rotation and planes of
// `expected`. The model's name is only for people.
absl::Status CheckSameKvGeometry(const KvGeometry& found, const KvGeometry& expected);

void AppendKvGeometry(const KvGeometry& geometry, std::vector<uint8_t>* out);
// What AppendKvGeometry wrote. Returns: kOutOfRange if it ends early; kDataLoss as CheckKvGeometry; kUnimplemented for
// an unknown element type or rotation.
absl::Status ReadKvGeometry(KvBytesReader& bytes, KvGeometry* geometry);

// "bf16", "f16", "e4m3", "e5m2".
std::string_view KvElementName(KvElement element);
// "pre", "post".
std::string_view KvRopeName(KvRope rope);

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_GEOMETRY_H_
