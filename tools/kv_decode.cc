// plait kv decode: KV objects back into a cache, exactly or at a quality that was asked for by name.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/json_output.h"
#include "tools/names.h"
#include "tools/pipeline/kv_coding.h"
#include "tools/pipeline/kv_dump_writer.h"
#include "tools/pipeline/kv_files.h"
#include "tools/pipeline/progress.h"
#include "tools/text.h"
#include "tools/trees.h"
#include "tools/verbs.h"

namespace plait {
namespace {

constexpr char kDumpSuffix[] = ".safetensors";

using Profiles = std::vector<std::shared_ptr<const KvProfileFile>>;

struct Delivered {
  unsigned worst = 0;  // of all objects
  unsigned num_qualities = 1;
  bool exact() const { return worst + 1 == num_qualities; }
};

// cache.pkv or cache.pkv/ -> cache.safetensors
std::string OutputName(const KvDecodeOptions& options) {
  if (!options.output.empty()) return options.output;
  std::filesystem::path path(options.files[0]);
  if (!path.has_filename()) path = path.parent_path();
  return (path.parent_path() / path.stem()).string() + kDumpSuffix;
}

absl::StatusOr<std::vector<std::string>> PathsOf(const KvDecodeOptions& options) {
  if (options.files.size() != 1 || !IsDirectory(options.files[0])) return options.files;
  PLAIT_ASSIGN_OR_RETURN(std::vector<std::string> files, ListTree(options.files[0]));
  if (files.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(options.files[0], ": found no file in it, expected KV objects"));
  }
  for (std::string& file : files) file = absl::StrCat(options.files[0], "/", file);
  return files;
}

// How many qualities to decode, which the object has unless it was cut short.
absl::StatusOr<unsigned> Wanted(const KvDecodeOptions& options, const KvObjectFile& object) {
  const KvManifest& manifest = object.manifest;
  for (const std::optional<unsigned>& quality : {options.quality, options.min_quality}) {
    if (quality.value_or(0) < manifest.num_qualities) continue;
    return absl::InvalidArgumentError(
        FoundExpected("quality", *quality, absl::StrCat("0 to ", manifest.num_qualities - 1)));
  }
  const unsigned whole = manifest.qualities_in(object.file_bytes);
  if (options.min_quality && whole > *options.min_quality) return whole;
  const unsigned least =
      options.min_quality ? *options.min_quality : options.quality.value_or(manifest.num_qualities - 1);
  if (whole > least) return least + 1;
  return absl::OutOfRangeError(
      FoundExpected("object bytes", object.file_bytes,
                    absl::StrCat("at least ", manifest.quality_end(least), " for quality ", least)));
}

absl::Status DecodeObject(const KvObjectFile& object, unsigned num_qualities, uint64_t first_token, int threads,
                          KvDecoding& decoding, KvDumpWriter& writer) {
  PLAIT_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, object.Read());
  return DecodeKvChunk(object.manifest, bytes, num_qualities, threads, decoding,
                       [&](size_t plane, std::span<const uint16_t> x) {
                         return writer.Write(plane, object.manifest.first_token - first_token, x);
                       });
}

absl::StatusOr<Profiles> LoadProfiles(const std::vector<std::string>& paths) {
  Profiles profiles;
  for (const std::string& path : paths) {
    auto profile = LoadKvProfile(path);
    if (!profile.ok()) return Annotate(profile.status(), path);
    profiles.push_back(*std::move(profile));
  }
  return profiles;
}

absl::StatusOr<std::vector<unsigned>> WantedOfAll(const KvDecodeOptions& options,
                                                  const std::vector<KvObjectFile>& objects) {
  std::vector<unsigned> wanted;
  for (const KvObjectFile& object : objects) {
    const auto number = Wanted(options, object);
    if (!number.ok()) return Annotate(number.status(), object.path);
    wanted.push_back(*number);
  }
  return wanted;
}

// Writes the cache of all objects, whose planes are those of the first one.
absl::Status DecodeAll(const KvDecodeOptions& options, const std::vector<KvObjectFile>& objects,
                       const std::vector<unsigned>& wanted, const std::string& output, uint64_t* bytes) {
  PLAIT_ASSIGN_OR_RETURN(const Profiles profiles, LoadProfiles(options.profiles));
  const KvManifest& last = objects.back().manifest;
  const uint64_t first_token = objects[0].manifest.first_token;
  std::unique_ptr<KvDumpWriter> writer;
  KvGeometry geometry;
  for (size_t i = 0; i < objects.size(); ++i) {
    const KvObjectFile& object = objects[i];
    const auto decoding = KvDecoding::Create(object.manifest, FindKvProfile(profiles, object.manifest));
    if (!decoding.ok()) return Annotate(decoding.status(), object.path);
    if (i == 0) {
      geometry = (*decoding)->geometry();
      auto created = KvDumpWriter::Create(output, options.force, geometry, last.first_token + last.rows - first_token);
      if (!created.ok()) return Annotate(created.status(), output);
      writer = *std::move(created);
    }
    absl::Status status = CheckSameKvGeometry((*decoding)->geometry(), geometry);
    if (status.ok()) {
      status = DecodeObject(object, wanted[i], first_token, ThreadCount(options.threads), **decoding, *writer);
    }
    PLAIT_RETURN_IF_ERROR(Annotate(status, object.path));
  }
  *bytes = writer->size();
  return Annotate(writer->Commit(), output);
}

std::string QualityText(const Delivered& delivered) {
  return delivered.exact() ? "exact"
                           : absl::StrCat("quality ", delivered.worst, " of 0 to ", delivered.num_qualities - 1);
}

absl::Status DecodeFiles(const KvDecodeOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  if (options.quality && options.min_quality) {
    return absl::InvalidArgumentError("--quality and --min-quality exclude each other");
  }
  PLAIT_ASSIGN_OR_RETURN(const std::vector<std::string> paths, PathsOf(options));
  PLAIT_ASSIGN_OR_RETURN(const std::vector<KvObjectFile> objects, OpenKvObjects(paths));
  const std::string output = OutputName(options);
  for (const std::string& path : paths) PLAIT_RETURN_IF_ERROR(CheckNotSameFile(path, output));
  PLAIT_ASSIGN_OR_RETURN(const std::vector<unsigned> wanted, WantedOfAll(options, objects));
  const Delivered delivered = {.worst = std::ranges::min(wanted) - 1,
                               .num_qualities = objects[0].manifest.num_qualities};
  uint64_t bytes = 0;
  PLAIT_RETURN_IF_ERROR(DecodeAll(options, objects, wanted, output, &bytes));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (options.json) {
    PrintJson({{"schema", "plait.kv.decode/1"},
               {"output", output},
               {"bytes", bytes},
               {"objects", objects.size()},
               {"delivered_quality", delivered.worst},
               {"exact", delivered.exact()},
               {"seconds", seconds}});
    return absl::OkStatus();
  }
  std::fprintf(stderr, "%s: %s, %s, %.2f s\n", WithoutControls(DisplayName(options.files[0])).c_str(),
               HumanBytes(bytes).c_str(), QualityText(delivered).c_str(), seconds);
  std::printf("%s\n", output.c_str());
  return absl::OkStatus();
}

}  // namespace

int RunKvDecode(const KvDecodeOptions& options) {
  if (absl::Status status = DecodeFiles(options); !status.ok()) {
    return Report("", status);  // the message names the file
  }
  return kExitOk;
}

}  // namespace plait
