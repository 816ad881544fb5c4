// KV caches as they are dumped to files: .safetensors, .npy, or the elements alone.
#ifndef PLAIT_TOOLS_PIPELINE_KV_DUMP_H_
#define PLAIT_TOOLS_PIPELINE_KV_DUMP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/kv/kv_geometry.h"
#include "tools/pipeline/files.h"

namespace plait {

// What a file does not say itself.
struct KvDumpOptions {
  std::vector<std::string> planes = {"k", "v"};  // of each model layer, in this order
  std::optional<KvElement> element;              // where the file only says how wide elements are
  KvRope rope = KvRope::kPost;
  // Of elements alone, and `heads` where there is one dimension for heads and what is in each.
  uint32_t layers = 0;
  uint32_t heads = 0;
  uint32_t head_dim = 0;
};

// A cache: for each plane of its geometry, elements [token][head][head_dim].
class KvDump {
 public:
  // By content: .npy of [planes, layers, tokens, heads, head_dim] or [planes, layers, tokens, heads * head_dim]; with
  // options.layers the same without a header; else .safetensors with layers.N.PLANE of [tokens, heads, head_dim] or
  // [tokens, heads * head_dim], behind whatever prefix.
  // Returns: kInvalidArgument if the file has not what the options ask for; as FileSource::Open, ParseNpyHeader and
  // ParseSafetensorsHeader. The messages name tensor and field.
  static absl::StatusOr<KvDump> Open(const std::string& path, const KvDumpOptions& options);

  const KvGeometry& geometry() const { return geometry_; }
  uint64_t tokens() const { return tokens_; }
  uint64_t token_bytes() const { return geometry_.channels() * GetKvElementInfo(geometry_.element).bytes(); }

  // Fills `x`, whole rows of plane number `plane`, from `first_token` on. Thread-safe.
  absl::Status Read(size_t plane, uint64_t first_token, std::span<uint16_t> x) const;
  // kUnavailable if the file changed since Open().
  absl::Status CheckUnchanged() const { return file_->CheckUnchanged(); }

 private:
  absl::Status OpenNpy(const KvDumpOptions& options);
  absl::Status OpenRaw(const KvDumpOptions& options);
  absl::Status OpenSafetensors(const KvDumpOptions& options);
  absl::Status PlaceStacked(uint64_t begin, uint64_t layers, uint32_t heads, uint32_t head_dim,
                            const KvDumpOptions& options);

  std::unique_ptr<FileSource> file_;
  KvGeometry geometry_;
  uint64_t tokens_ = 0;
  std::vector<uint64_t> begins_;  // of each plane, in the file
};

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_KV_DUMP_H_
