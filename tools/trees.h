// Directories in and out: which files there are, and a result directory that appears when it is complete.
#ifndef PLAIT_TOOLS_TREES_H_
#define PLAIT_TOOLS_TREES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace plait {

bool IsDirectory(const std::string& path);

// Paths of everything below `root` that is no directory, relative to it, sorted. Links are followed, a link to one of
// its own parents is not.
// Returns: kUnavailable if a directory cannot be read.
absl::StatusOr<std::vector<std::string>> ListTree(const std::string& root);

// A directory that is filled under a temporary name beside its target and takes the target's name in Commit(); with
// `overwrite`, an existing target is filled in place, file by file. Without Commit() the temporary one is removed.
class OutputTree {
 public:
  // Returns: kAlreadyExists if the target exists and `overwrite` is false, or if it is no directory; kInvalidArgument
  // if it lies inside `input`; kUnavailable if it cannot be made.
  static absl::StatusOr<std::unique_ptr<OutputTree>> Create(const std::string& input, const std::string& target,
                                                            bool overwrite);
  ~OutputTree();
  OutputTree(const OutputTree&) = delete;
  OutputTree& operator=(const OutputTree&) = delete;

  // Where the file of that relative path is to be written; its directory is made.
  absl::StatusOr<std::string> PathOf(const std::string& relative) const;

  absl::Status Commit();

 private:
  OutputTree(std::string root, std::string target) : root_(std::move(root)), target_(std::move(target)) {}

  std::string root_;    // where files go now
  std::string target_;  // equal to root_ when filled in place
  bool committed_ = false;
};

}  // namespace plait

#endif  // PLAIT_TOOLS_TREES_H_
