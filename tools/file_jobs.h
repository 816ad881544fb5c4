// One file in, one file out: what compress and decompress do to a file, alone or inside a directory.
#ifndef PLAIT_TOOLS_FILE_JOBS_H_
#define PLAIT_TOOLS_FILE_JOBS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tools/options.h"
#include "tools/pipeline/progress.h"

namespace plait {

struct JobSizes {
  uint64_t original_bytes = 0;
  uint64_t coded_bytes = 0;
};

// Whether the content of a regular file is a container or a frame stream, damaged or not. Returns: kUnavailable if it
// cannot be read; kUnimplemented for what is no regular file.
absl::StatusOr<bool> IsPlaitFile(const std::string& path);

// Bytes of a regular file, 0 for anything else; for progress.
uint64_t FileBytes(const std::string& path);

// Compresses `path` ("-": stdin) to a container `output`, or to stdout as a frame stream if `output` is empty; with
// --dry-run only estimates, and writes nothing. Returns: kUnimplemented for a Plait file without --force, and as
// --strict says; kAlreadyExists, kInvalidArgument (same file) or kUnavailable for `output`; as EncodeContainer.
absl::StatusOr<JobSizes> CompressFile(const std::string& path, const std::string& output,
                                      const CompressOptions& options, Progress& progress);

// Restores the original of `path` ("-": stdin), a container or a frame stream, to `output`, or to stdout if `output` is
// empty. Returns: as ContainerReader::Open and FrameStreamReader::Open; kDataLoss or kOutOfRange for damage, naming
// tensor and block; as CompressFile for `output`.
absl::StatusOr<JobSizes> DecompressFile(const std::string& path, const std::string& output,
                                        const DecompressOptions& options, Progress& progress);

// Copies `path` to `output` byte for byte.
absl::StatusOr<JobSizes> CopyFile(const std::string& path, const std::string& output, bool force, Progress& progress);

}  // namespace plait

#endif  // PLAIT_TOOLS_FILE_JOBS_H_
