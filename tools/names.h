// Names of results, and whether two paths are one file.
#ifndef PLAIT_TOOLS_NAMES_H_
#define PLAIT_TOOLS_NAMES_H_

#include <string>

#include "absl/status/statusor.h"

namespace plait {

// x.safetensors -> x.plait.safetensors, any other x -> x.plait.
std::string CompressedName(const std::string& path);

// The reverse. Returns: kInvalidArgument for a path that CompressedName cannot have made.
absl::StatusOr<std::string> OriginalName(const std::string& path);

// d -> d.plait, and back; slashes at the end are left out. Returns: kInvalidArgument for a path that names no directory
// of its own (., .., /) or, on the way back, that has no .plait at its end.
absl::StatusOr<std::string> CompressedDirectoryName(const std::string& path);
absl::StatusOr<std::string> OriginalDirectoryName(const std::string& path);

// `path` in messages: "stdin" for "-".
std::string DisplayName(const std::string& path);

// kInvalidArgument if `output` exists and is the same file as `input` (by device and inode, so through links too).
absl::Status CheckNotSameFile(const std::string& input, const std::string& output);

// kUnavailable if the file cannot be removed.
absl::Status RemoveFile(const std::string& path);

// `requested` threads, or every core for 0.
int ThreadCount(int requested);

}  // namespace plait

#endif  // PLAIT_TOOLS_NAMES_H_
