// plait decompress: the byte-exact originals of files and directories.
#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/job_list.h"
#include "tools/names.h"
#include "tools/pipeline/plait_input.h"
#include "tools/verbs.h"

namespace plait {
namespace {

absl::StatusOr<JobOutcome> DecompressDirectory(const std::string& path, const std::string& output,
                                               const DecompressOptions& options, Progress& progress) {
  const auto job = [&](const std::string& relative, OutputTree& tree) -> absl::StatusOr<JobSizes> {
    const std::string source = absl::StrCat(path, "/", relative);
    PLAIT_ASSIGN_OR_RETURN(const bool is_plait_file, IsPlaitFile(source));
    // compress leaves no name of this form to a file that it copied, so one that is no Plait file is damaged.
    const absl::StatusOr<std::string> original = OriginalName(relative);
    if (!is_plait_file && !original.ok()) {
      PLAIT_ASSIGN_OR_RETURN(const std::string target, tree.PathOf(relative));
      return CopyFile(source, target, options.force, progress);
    }
    if (!original.ok()) return original.status();
    PLAIT_ASSIGN_OR_RETURN(const std::string target, tree.PathOf(*original));
    return DecompressFile(source, target, options, progress);
  };
  return RunTree(path, output, options.force, job);
}

// Of a file whose name tells nothing the marks are looked at: that it is no Plait file is the better reason.
absl::StatusOr<std::string> OriginalFileName(const std::string& path) {
  absl::StatusOr<std::string> name = OriginalName(path);
  if (name.ok()) return name;
  PLAIT_ASSIGN_OR_RETURN(const bool is_plait_file, IsPlaitFile(path));
  return is_plait_file ? name : NotPlaitFile();
}

absl::StatusOr<JobOutcome> DecompressPath(const std::string& path, const DecompressOptions& options,
                                          Progress& progress) {
  const bool is_directory = IsDirectory(path);
  std::string output = options.output;
  if (output.empty() && !WantsStdout(options)) {
    PLAIT_ASSIGN_OR_RETURN(output, is_directory ? OriginalDirectoryName(path) : OriginalFileName(path));
  }
  if (is_directory) return DecompressDirectory(path, output, options, progress);
  PLAIT_ASSIGN_OR_RETURN(const JobSizes sizes, DecompressFile(path, output, options, progress));
  return JobOutcome{output, sizes, {}};
}

}  // namespace

int RunDecompress(const DecompressOptions& options) {
  if (absl::Status status = CheckJobOptions(options); !status.ok()) return Report("", status);
  const JobListOptions jobs = {.verb = "decompress",
                               .files = options.files,
                               .json = options.json,
                               .remove_source = options.remove_source,
                               .verified = std::nullopt};
  return RunJobs(jobs,
                 [&](const std::string& path, Progress& progress) { return DecompressPath(path, options, progress); });
}

}  // namespace plait
