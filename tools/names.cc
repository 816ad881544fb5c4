#include "tools/names.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <thread>

#include "codec/base/status.h"
#include "tools/pipeline/input.h"

namespace plait {
namespace {

constexpr std::string_view kSafetensors = ".safetensors";
constexpr std::string_view kPlait = ".plait";
constexpr std::string_view kPlaitSafetensors = ".plait.safetensors";

// Whether the last component of `path` ends in `suffix` and is more than that.
bool HasSuffix(std::string_view path, std::string_view suffix) {
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  return name.size() > suffix.size() && name.ends_with(suffix);
}

std::string WithoutSlashesAtEnd(const std::string& path) {
  const size_t last = path.find_last_not_of('/');
  return last == std::string::npos ? path : path.substr(0, last + 1);
}

}  // namespace

std::string CompressedName(const std::string& path) {
  if (!HasSuffix(path, kSafetensors)) return path + std::string(kPlait);
  return path.substr(0, path.size() - kSafetensors.size()) + std::string(kPlaitSafetensors);
}

absl::StatusOr<std::string> OriginalName(const std::string& path) {
  if (HasSuffix(path, kPlaitSafetensors)) {
    return path.substr(0, path.size() - kPlaitSafetensors.size()) + std::string(kSafetensors);
  }
  if (HasSuffix(path, kPlait)) return path.substr(0, path.size() - kPlait.size());
  return absl::InvalidArgumentError(
      "name: found neither .plait nor .plait.safetensors at its end; -o OUT names the result");
}

absl::StatusOr<std::string> CompressedDirectoryName(const std::string& path) {
  const std::string name = WithoutSlashesAtEnd(path);
  const std::string last = name.substr(name.find_last_of('/') + 1);
  if (last.empty() || last == "." || last == "..") {
    return absl::InvalidArgumentError(FoundExpected("directory", path, "one with a name; -o OUT names the result"));
  }
  return name + std::string(kPlait);
}

absl::StatusOr<std::string> OriginalDirectoryName(const std::string& path) {
  const std::string name = WithoutSlashesAtEnd(path);
  if (HasSuffix(name, kPlait)) return name.substr(0, name.size() - kPlait.size());
  return absl::InvalidArgumentError("name: found no .plait at its end; -o OUT names the result");
}

std::string DisplayName(const std::string& path) { return path == kStdin ? "stdin" : path; }

absl::Status CheckNotSameFile(const std::string& input, const std::string& output) {
  struct stat in;
  struct stat out;
  if (stat(input.c_str(), &in) != 0 || stat(output.c_str(), &out) != 0) return absl::OkStatus();
  if (in.st_dev != out.st_dev || in.st_ino != out.st_ino) return absl::OkStatus();
  return absl::InvalidArgumentError(FoundExpected("output", output, "another file than the input"));
}

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot remove the source: ", std::strerror(errno)));
}

int ThreadCount(int requested) {
  if (requested > 0) return requested;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace plait
