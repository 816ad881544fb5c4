#include "tools/trees.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "codec/base/status.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

absl::Status SystemError(std::string_view what, const std::error_code& error) {
  return absl::UnavailableError(absl::StrCat(Absl(what), ": ", error.message()));
}

bool IsInside(const fs::path& path, const fs::path& directory) {
  const auto [end, unused] = std::ranges::mismatch(directory, path);
  return end == directory.end();
}

// Appends what is below root / relative. `parents` are the directories on the way, to see a link that leads back.
absl::Status ListInto(const fs::path& root, const fs::path& relative, std::vector<fs::path>& parents,
                      std::vector<std::string>* files) {
  std::error_code error;
  const fs::path here = fs::canonical(root / relative, error);
  if (error) return SystemError((root / relative).string(), error);
  if (std::ranges::find(parents, here) != parents.end()) return absl::OkStatus();
  parents.push_back(here);
  for (fs::directory_iterator entry(here, error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const fs::path child = relative / entry->path().filename();
    std::error_code broken_link;  // is a file, which will fail by itself
    if (entry->is_directory(broken_link)) {
      PLAIT_RETURN_IF_ERROR(ListInto(root, child, parents, files));
    } else {
      files->push_back(child.string());
    }
  }
  parents.pop_back();
  if (error) return SystemError(here.string(), error);
  return absl::OkStatus();
}

}  // namespace

bool IsDirectory(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

absl::StatusOr<std::vector<std::string>> ListTree(const std::string& root) {
  std::vector<fs::path> parents;
  std::vector<std::string> files;
  PLAIT_RETURN_IF_ERROR(ListInto(root, "", parents, &files));
  std::ranges::sort(files);
  return files;
}

absl::StatusOr<std::unique_ptr<OutputTree>> OutputTree::Create(const std::string& input, const std::string& target,
                                                               bool overwrite) {
  std::error_code error;
  const fs::path canonical_target = fs::weakly_canonical(target, error);
  if (IsInside(canonical_target, fs::weakly_canonical(input, error))) {
    return absl::InvalidArgumentError(FoundExpected("output", target, "a place outside the input directory"));
  }
  if (fs::symlink_status(target, error).type() != fs::file_type::not_found) {
    if (!overwrite) return absl::AlreadyExistsError("the target exists; -f overwrites it");
    if (!IsDirectory(target)) return absl::AlreadyExistsError("the target is no directory");
    return std::unique_ptr<OutputTree>(new OutputTree(target, target));
  }
  const std::string name = absl::StrCat(".", canonical_target.filename().string(), ".plait-tmp-", getpid());
  const fs::path temporary = canonical_target.parent_path() / name;
  fs::remove_all(temporary, error);
  if (!fs::create_directory(temporary, error)) return SystemError("cannot create a directory beside the target", error);
  return std::unique_ptr<OutputTree>(new OutputTree(temporary.string(), canonical_target.string()));
}

OutputTree::~OutputTree() {
  if (committed_ || root_ == target_) return;
  std::error_code error;
  fs::remove_all(root_, error);
}

absl::StatusOr<std::string> OutputTree::PathOf(const std::string& relative) const {
  const fs::path path = fs::path(root_) / relative;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return SystemError(path.parent_path().string(), error);
  return path.string();
}

absl::Status OutputTree::Commit() {
  committed_ = true;
  if (root_ == target_) return absl::OkStatus();
  std::error_code error;
  fs::rename(root_, target_, error);
  if (!error) return absl::OkStatus();
  committed_ = false;
  return SystemError("cannot rename", error);
}

}  // namespace plait
