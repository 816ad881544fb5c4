// plait compress: files and directories into containers, decoded and compared before they appear.
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/str_join.h"
#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/job_list.h"
#include "tools/names.h"
#include "tools/pipeline/levels.h"
#include "tools/verbs.h"

namespace plait {
namespace {

// Files of a model directory that hold weights. Everything else (JSON, tokenizers, pictures) is copied.
constexpr std::string_view kWeightSuffixes[] = {".safetensors", ".gguf", ".bin", ".pt",  ".pth",
                                                ".ckpt",        ".onnx", ".h5",  ".npz", ".pdiparams"};

absl::Status CheckOptions(const CompressOptions& options) {
  if (FindLevel(options.level) == nullptr) {
    const std::string built = absl::StrJoin(
        kLevels, ", ", [](std::string* out, const Level& level) { absl::StrAppend(out, "-", level.number); });
    return absl::UnimplementedError(FoundExpected("level", absl::StrCat("-", options.level),
                                                  absl::StrCat(built, "; the others are not built yet")));
  }
  PLAIT_RETURN_IF_ERROR(CheckJobOptions(options));
  if (options.to_stdout && options.files.size() > 1) {
    return absl::InvalidArgumentError(FoundExpected("files with -c", options.files.size(), 1));
  }
  if (WantsStdout(options) && !options.dry_run && !options.force && isatty(STDOUT_FILENO) != 0) {
    return absl::InvalidArgumentError(
        "stdout: found a terminal, expected a pipe or a file; -o OUT names one, -f insists");
  }
  if (!options.base.empty()) return absl::UnimplementedError("--base is not built yet");
  if (options.remove_source && options.dry_run) {
    return absl::InvalidArgumentError("--rm and --dry-run exclude each other");
  }
  return absl::OkStatus();
}

// A name that decompress would take for a result must be one, whatever the file holds: then reversal is exact.
bool IsToBeCoded(const std::string& path, bool is_plait_file) {
  const auto ends_in = [&](std::string_view suffix) { return path.ends_with(suffix); };
  return is_plait_file || OriginalName(path).ok() || std::ranges::any_of(kWeightSuffixes, ends_in);
}

// What CompressDirectory would do, without an output tree.
absl::StatusOr<JobOutcome> EstimateTree(const std::string& path, const CompressOptions& options, Progress& progress) {
  PLAIT_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListTree(path));
  JobOutcome outcome;
  for (const std::string& relative : files) {
    const std::string source = absl::StrCat(path, "/", relative);
    PLAIT_ASSIGN_OR_RETURN(const bool is_plait_file, IsPlaitFile(source));
    JobSizes sizes = {FileBytes(source), FileBytes(source)};
    if (IsToBeCoded(relative, is_plait_file)) {
      CompressOptions file_options = options;
      file_options.force = true;
      PLAIT_ASSIGN_OR_RETURN(sizes, CompressFile(source, "", file_options, progress));
    }
    outcome.sizes.original_bytes += sizes.original_bytes;
    outcome.sizes.coded_bytes += sizes.coded_bytes;
  }
  return outcome;
}

absl::StatusOr<JobOutcome> CompressDirectory(const std::string& path, const std::string& output,
                                             const CompressOptions& options, Progress& progress) {
  const auto job = [&](const std::string& relative, OutputTree& tree) -> absl::StatusOr<JobSizes> {
    const std::string source = absl::StrCat(path, "/", relative);
    PLAIT_ASSIGN_OR_RETURN(const bool is_plait_file, IsPlaitFile(source));
    const bool coded = IsToBeCoded(relative, is_plait_file);
    PLAIT_ASSIGN_OR_RETURN(const std::string target, tree.PathOf(coded ? CompressedName(relative) : relative));
    if (!coded) return CopyFile(source, target, options.force, progress);
    CompressOptions file_options = options;
    file_options.force = options.force || is_plait_file;
    return CompressFile(source, target, file_options, progress);
  };
  if (options.dry_run) return EstimateTree(path, options, progress);
  return RunTree(path, output, options.force, job);
}

absl::StatusOr<JobOutcome> CompressPath(const std::string& path, const CompressOptions& options, Progress& progress) {
  const bool is_directory = IsDirectory(path);
  std::string output = options.output;
  if (output.empty() && !WantsStdout(options)) {
    PLAIT_ASSIGN_OR_RETURN(output, is_directory ? CompressedDirectoryName(path) : CompressedName(path));
  }
  if (is_directory) return CompressDirectory(path, output, options, progress);
  PLAIT_ASSIGN_OR_RETURN(const JobSizes sizes, CompressFile(path, output, options, progress));
  return JobOutcome{options.dry_run ? "" : output, sizes, {}};
}

}  // namespace

int RunCompress(const CompressOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return Report("", status);
  const JobListOptions jobs = {.verb = "compress",
                               .files = options.files,
                               .json = options.json,
                               .remove_source = options.remove_source,
                               .estimated = options.dry_run,
                               .verified = options.verify && !options.dry_run};
  return RunJobs(jobs,
                 [&](const std::string& path, Progress& progress) { return CompressPath(path, options, progress); });
}

}  // namespace plait
