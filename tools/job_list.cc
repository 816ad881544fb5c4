#include "tools/job_list.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/json_output.h"
#include "tools/names.h"
#include "tools/pipeline/input.h"

namespace plait {
namespace {

using Json = nlohmann::ordered_json;

uint64_t TotalBytes(const std::vector<std::string>& paths) {
  uint64_t bytes = 0;
  for (const std::string& path : paths) {
    if (!IsDirectory(path)) {
      bytes += FileBytes(path);
      continue;
    }
    const absl::StatusOr<std::vector<std::string>> files = ListTree(path);
    if (!files.ok()) continue;
    for (const std::string& file : *files) bytes += FileBytes(absl::StrCat(path, "/", file));
  }
  return bytes;
}

const char* Remark(const JobListOptions& options) {
  if (options.estimated) return ", estimated";
  return options.verified.value_or(false) ? ", verified" : "";
}

void Summarize(const std::string& path, const JobOutcome& outcome, double seconds, const JobListOptions& options) {
  const JobSizes& sizes = outcome.sizes;
  const double percent = sizes.original_bytes == 0 ? 100 : 100.0 * sizes.coded_bytes / sizes.original_bytes;
  const std::string line =
      options.verified.has_value()
          ? absl::StrFormat("%s: %s -> %s (%.2f %%), %.2f s%s", path, HumanBytes(sizes.original_bytes),
                            HumanBytes(sizes.coded_bytes), percent, seconds, Remark(options))
          : absl::StrFormat("%s: %s restored, %.2f s", path, HumanBytes(sizes.original_bytes), seconds);
  std::fprintf(stderr, "%s\n", line.c_str());
}

Json ToJson(const JobOutcome& outcome, double seconds, const JobListOptions& options) {
  Json json = {{"output", outcome.output},
               {"original_bytes", outcome.sizes.original_bytes},
               {"coded_bytes", outcome.sizes.coded_bytes},
               {"seconds", seconds}};
  if (options.estimated) json["estimated"] = true;
  if (options.verified.has_value()) json["verified"] = *options.verified;
  if (outcome.failures.empty()) return json;
  json["failed"] = Json::array();
  for (const auto& [file, status] : outcome.failures) {
    json["failed"].push_back({{"file", file}, {"message", std::string(status.message())}});
  }
  return json;
}

// The exit code of one job, reported.
int Conclude(const std::string& path, const JobListOptions& options, const absl::StatusOr<JobOutcome>& outcome) {
  if (!outcome.ok()) return Report(DisplayName(path), outcome.status());
  for (const auto& [file, status] : outcome->failures) Report(absl::StrCat(path, "/", file), status);
  if (!outcome->failures.empty()) return kExitSomeFailed;
  if (!options.remove_source) return kExitOk;
  if (absl::Status status = RemoveFile(path); !status.ok()) return Report(path, status);
  return kExitOk;
}

}  // namespace

bool WantsStdout(const JobOptions& options) {
  const bool only_stdin = options.files == std::vector<std::string>{kStdin};
  return options.to_stdout || (options.output.empty() && only_stdin);
}

absl::Status CheckJobOptions(const JobOptions& options) {
  const bool has_directory = std::ranges::any_of(options.files, IsDirectory);
  const bool has_stdin = std::ranges::find(options.files, kStdin) != options.files.end();
  const auto refuse = [](const std::string& message) { return absl::InvalidArgumentError(message); };
  if (WantsStdout(options) && options.json) return refuse("-c and --json both want stdout");
  if (options.to_stdout && !options.output.empty()) return refuse("-c and -o name two outputs");
  if (options.to_stdout && options.remove_source) return refuse("-c and --rm exclude each other");
  if (options.to_stdout && has_directory) return refuse("-c: found a directory, expected a file");
  if (has_stdin && options.remove_source) return refuse("--rm: found stdin, expected a file");
  if (options.files.size() > 1 && (has_stdin || !options.output.empty())) {
    return refuse(FoundExpected(has_stdin ? "files with -" : "files with -o", options.files.size(), 1));
  }
  if (options.remove_source && has_directory)
    return absl::UnimplementedError("--rm: removing directories is not built");
  return absl::OkStatus();
}

int RunJobs(const JobListOptions& options,
            const std::function<absl::StatusOr<JobOutcome>(const std::string& path, Progress& progress)>& job) {
  int exit_code = kExitOk;
  Json results = Json::array();
  Progress progress(
      options.files.size() == 1 ? DisplayName(options.files[0]) : absl::StrCat(options.files.size(), " files"),
      TotalBytes(options.files));
  for (const std::string& path : options.files) {
    if (absl::Status status = CheckInterrupted(); !status.ok()) return Report(DisplayName(path), status);
    const auto begin = std::chrono::steady_clock::now();
    const absl::StatusOr<JobOutcome> outcome = job(path, progress);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    progress.Hide();
    const int code = Conclude(path, options, outcome);
    if (exit_code == kExitOk) exit_code = code;
    if (!outcome.ok()) continue;
    results.push_back(ToJson(*outcome, seconds, options));
    if (options.json || (outcome->output.empty() && !options.estimated)) continue;
    Summarize(DisplayName(path), *outcome, seconds, options);
    if (!options.estimated) std::printf("%s\n", outcome->output.c_str());
  }
  if (!options.json || results.empty()) return exit_code;
  Json document = {{"schema", absl::StrCat("plait.", options.verb, "/1")}};
  if (options.files.size() == 1) {
    document.update(results[0]);
  } else {
    document["files"] = std::move(results);
  }
  PrintJson(document);
  return exit_code;
}

absl::StatusOr<JobOutcome> RunTree(
    const std::string& input, const std::string& output, bool force,
    const std::function<absl::StatusOr<JobSizes>(const std::string& relative, OutputTree& tree)>& file_job) {
  PLAIT_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListTree(input));
  absl::StatusOr<std::unique_ptr<OutputTree>> tree = OutputTree::Create(input, output, force);
  if (!tree.ok()) return Annotate(tree.status(), output);
  JobOutcome outcome{.output = output, .sizes = {}, .failures = {}};
  for (const std::string& file : files) {
    const absl::StatusOr<JobSizes> sizes = file_job(file, **tree);
    PLAIT_RETURN_IF_ERROR(CheckInterrupted());
    if (!sizes.ok()) {
      outcome.failures.emplace_back(file, sizes.status());
      continue;
    }
    outcome.sizes.original_bytes += sizes->original_bytes;
    outcome.sizes.coded_bytes += sizes->coded_bytes;
  }
  PLAIT_RETURN_IF_ERROR(Annotate((*tree)->Commit(), output));
  return outcome;
}

}  // namespace plait
