// KV objects and profiles as files: an object alone, or a directory of them, which are the chunks of one cache.
#ifndef PLAIT_TOOLS_PIPELINE_KV_FILES_H_
#define PLAIT_TOOLS_PIPELINE_KV_FILES_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/kv/kv_manifest.h"
#include "formats/kv/kv_profile_file.h"

namespace plait {

struct KvObjectFile {
  std::string path;
  KvManifest manifest;
  uint64_t file_bytes = 0;  // fewer than manifest.object_bytes if it was cut short

  absl::StatusOr<std::vector<uint8_t>> Read() const;
};

// Header and manifest of an object.
// Returns: as ParseKvManifest; kDataLoss if bytes follow the object; as FileSource::Open.
absl::StatusOr<KvObjectFile> OpenKvObject(const std::string& path);

// Of the objects in these files, in order of their tokens. Messages name the file.
// Returns: as OpenKvObject; kInvalidArgument if their tokens do not follow each other, or the form or counts differ.
absl::StatusOr<std::vector<KvObjectFile>> OpenKvObjects(const std::vector<std::string>& paths);

// The profile file at `path`. Returns: as ParseKvProfileFile and FileSource::Open.
absl::StatusOr<std::shared_ptr<const KvProfileFile>> LoadKvProfile(const std::string& path);

// The one of `profiles` that the object names, or null.
std::shared_ptr<const KvProfileFile> FindKvProfile(std::span<const std::shared_ptr<const KvProfileFile>> profiles,
                                                   const KvManifest& manifest);

// "chunk-000012.pkv"
std::string KvChunkName(size_t number);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_KV_FILES_H_
