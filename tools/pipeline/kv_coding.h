// One token chunk to a KV object and back, model layers in parallel. The bytes do not depend on the number of threads.
#ifndef PLAIT_TOOLS_PIPELINE_KV_CODING_H_
#define PLAIT_TOOLS_PIPELINE_KV_CODING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/kv/kv_decoding.h"
#include "formats/kv/kv_manifest.h"
#include "formats/kv/kv_object_writer.h"

namespace plait {

// Fills `x`, the chunk's tokens x channels elements of plane number `plane`. Called from several threads.
using KvPlaneReader = std::function<absl::Status(size_t plane, std::span<uint16_t> x)>;
// Takes them. Called from one thread at a time, planes in order.
using KvPlaneTaker = std::function<absl::Status(size_t plane, std::span<const uint16_t> x)>;

// Replaces `object`. Returns: as KvObjectWriter and `read`.
absl::Status EncodeKvChunk(const KvObjectSettings& settings, const KvGeometry& geometry,
                           const std::shared_ptr<const KvProfileFile>& profile, const KvPlaneReader& read, int threads,
                           std::vector<uint8_t>* object, KvObjectParts* parts);

// Decodes the first `num_qualities` (at least 1) of an object, of which any prefix may be there that holds them.
// `decoding` is new, of this manifest. Returns: as KvDecoding and KvSegmentBytes, and `take`.
absl::Status DecodeKvChunk(const KvManifest& manifest, std::span<const uint8_t> object, unsigned num_qualities,
                           int threads, KvDecoding& decoding, const KvPlaneTaker& take);

// Decodes all of an object and compares. Returns: kInternal if an element differs.
absl::Status CompareKvChunk(std::span<const uint8_t> object, const std::shared_ptr<const KvProfileFile>& profile,
                            const KvPlaneReader& read, int threads);

// The row steps of every plane of an object of the form kLayers (KvObjectSettings::row_steps).
// Returns: kInvalidArgument for another form; as KvDecoding and KvSegmentBytes.
absl::StatusOr<std::vector<std::vector<int8_t>>> KvRowStepsOf(std::span<const uint8_t> object,
                                                              const std::shared_ptr<const KvProfileFile>& profile);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_KV_CODING_H_
