// Jobs one after the other, as compress and decompress run them: one progress bar for all, a report for each.
#ifndef PLAIT_TOOLS_JOB_LIST_H_
#define PLAIT_TOOLS_JOB_LIST_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/file_jobs.h"
#include "tools/options.h"
#include "tools/trees.h"

namespace plait {

struct JobOutcome {
  std::string output;  // empty: none, or stdout
  JobSizes sizes;
  // Of a directory: files that failed, by relative path. The others are done.
  std::vector<std::pair<std::string, absl::Status>> failures;
};

// Whether the result goes to stdout: -c says so, or it comes from stdin and nothing names another place.
bool WantsStdout(const JobOptions& options);

// kInvalidArgument for options that contradict each other or the number and kind of the files; kUnimplemented for --rm
// of a directory.
absl::Status CheckJobOptions(const JobOptions& options);

struct JobListOptions {
  std::string verb;                // as in "schema": "plait.VERB/1"
  std::vector<std::string> files;  // and directories
  bool json = false;
  bool remove_source = false;
  bool estimated = false;        // sizes are estimates, there is no result
  std::optional<bool> verified;  // reported if set
};

// Runs `job` for every file, goes on after a failure, and returns the exit code of the first (5 when files of a
// directory failed). Without --json each result's path goes to stdout and a summary to stderr; with it, one document:
// the fields of the one result, or a list of them under "files".
int RunJobs(const JobListOptions& options,
            const std::function<absl::StatusOr<JobOutcome>(const std::string& path, Progress& progress)>& job);

// Runs `file_job` (relative path -> sizes) for every file of the directory `input` and gives the result the name
// `output`. A file that fails is noted and the others go on.
absl::StatusOr<JobOutcome> RunTree(
    const std::string& input, const std::string& output, bool force,
    const std::function<absl::StatusOr<JobSizes>(const std::string& relative, OutputTree& tree)>& file_job);

}  // namespace plait

#endif  // PLAIT_TOOLS_JOB_LIST_H_
