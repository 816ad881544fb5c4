#include "tools/pipeline/kv_files.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_format.h"
#include "codec/base/hash.h"
#include "codec/base/status.h"
#include "tools/pipeline/files.h"

namespace plait {
namespace {

absl::Status CheckFollows(const KvManifest& before, const KvManifest& manifest) {
  if (const uint64_t expected = before.first_token + before.rows; manifest.first_token != expected) {
    return absl::InvalidArgumentError(FoundExpected("first token", manifest.first_token, expected));
  }
  if (manifest.num_planes != before.num_planes || manifest.channels != before.channels) {
    return absl::InvalidArgumentError(FoundExpected("planes and channels",
                                                    absl::StrCat(manifest.num_planes, ", ", manifest.channels),
                                                    absl::StrCat(before.num_planes, ", ", before.channels)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> KvObjectFile::Read() const {
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> file, FileSource::Open(path));
  std::vector<uint8_t> bytes(std::min(file->size(), file_bytes));
  PLAIT_RETURN_IF_ERROR(file->ReadAt(0, bytes));
  return bytes;
}

absl::StatusOr<KvObjectFile> OpenKvObject(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> file, FileSource::Open(path));
  std::vector<uint8_t> bytes(std::min<uint64_t>(file->size(), kKvHeaderBytes));
  PLAIT_RETURN_IF_ERROR(file->ReadAt(0, bytes));
  PLAIT_ASSIGN_OR_RETURN(const uint64_t manifest_bytes, KvManifestBytes(bytes));
  bytes.resize(std::min(file->size(), manifest_bytes));
  PLAIT_RETURN_IF_ERROR(file->ReadAt(0, bytes));
  KvObjectFile object = {.path = path, .manifest = {}, .file_bytes = file->size()};
  PLAIT_ASSIGN_OR_RETURN(object.manifest, ParseKvManifest(bytes));
  if (object.file_bytes > object.manifest.object_bytes) {
    return absl::DataLossError(FoundExpected("file bytes", object.file_bytes, object.manifest.object_bytes));
  }
  return object;
}

absl::StatusOr<std::vector<KvObjectFile>> OpenKvObjects(const std::vector<std::string>& paths) {
  std::vector<KvObjectFile> objects;
  for (const std::string& path : paths) {
    absl::StatusOr<KvObjectFile> object = OpenKvObject(path);
    if (!object.ok()) return Annotate(object.status(), path);
    objects.push_back(*std::move(object));
  }
  std::ranges::sort(objects, {}, [](const KvObjectFile& object) { return object.manifest.first_token; });
  for (size_t i = 1; i < objects.size(); ++i) {
    PLAIT_RETURN_IF_ERROR(Annotate(CheckFollows(objects[i - 1].manifest, objects[i].manifest), objects[i].path));
  }
  return objects;
}

absl::StatusOr<std::shared_ptr<const KvProfileFile>> LoadKvProfile(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> file, FileSource::Open(path));
  // What decodes to so much at most is never longer.
  if (file->size() > 2 * kMaxKvProfileBodyBytes) {
    return absl::ResourceExhaustedError(
        FoundExpected("profile bytes", file->size(), absl::StrCat("at most ", 2 * kMaxKvProfileBodyBytes)));
  }
  std::vector<uint8_t> bytes(file->size());
  PLAIT_RETURN_IF_ERROR(file->ReadAt(0, bytes));
  return ParseKvProfileFile(bytes);
}

std::shared_ptr<const KvProfileFile> FindKvProfile(std::span<const std::shared_ptr<const KvProfileFile>> profiles,
                                                   const KvManifest& manifest) {
  if (manifest.profile_place != KvProfilePlace::kNamed) return nullptr;
  for (const auto& profile : profiles) {
    if (profile->name == manifest.profile_name) return profile;
  }
  // So that the message says which one was there instead.
  return profiles.empty() ? nullptr : profiles[0];
}

std::string KvChunkName(size_t number) { return absl::StrFormat("chunk-%06d.pkv", number); }

}  // namespace plait
