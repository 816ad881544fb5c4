// plait compress: an original into a container, decoded and compared before it appears.
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "codec/base/status.h"
#include "formats/container/container_reader.h"
#include "tools/exit_code.h"
#include "tools/names.h"
#include "tools/pipeline/encode.h"
#include "tools/pipeline/files.h"
#include "tools/verbs.h"

namespace plait {
namespace {

constexpr int kBuiltLevel = 3;

struct CompressResult {
  std::string output;
  uint64_t original_bytes = 0;
  uint64_t coded_bytes = 0;
  double seconds = 0;
};

absl::Status CheckOptions(const CompressOptions& options) {
  if (options.level != kBuiltLevel) {
    return absl::UnimplementedError(
        FoundExpected("level", absl::StrCat("-", options.level), "-3, the only one built yet"));
  }
  if (options.to_stdout && options.json) return absl::InvalidArgumentError("-c and --json both want stdout");
  if (options.to_stdout) return absl::UnimplementedError("-c: compressing to stdout is not built yet");
  if (options.dry_run) return absl::UnimplementedError("--dry-run is not built yet");
  if (!options.base.empty()) return absl::UnimplementedError("--base is not built yet");
  if (!options.output.empty() && options.files.size() > 1) {
    return absl::InvalidArgumentError(FoundExpected("files with -o", options.files.size(), 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<CompressResult> CompressFile(const std::string& path, const CompressOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  CompressResult result;
  result.output = options.output.empty() ? CompressedName(path) : options.output;
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> source, FileSource::Open(path));
  PLAIT_RETURN_IF_ERROR(CheckNotSameFile(path, result.output));
  PLAIT_ASSIGN_OR_RETURN(const bool is_container, LooksLikeContainer(*source));
  if (is_container && !options.force) {
    return absl::UnimplementedError("already a Plait file; -f compresses it once more");
  }
  PLAIT_ASSIGN_OR_RETURN(const ContainerPlan plan, PlanContainer(*source, options.strict));
  absl::StatusOr<std::unique_ptr<OutputFile>> output =
      OutputFile::Create(result.output, options.force, source->stat().st_mode);
  if (!output.ok()) return Annotate(output.status(), result.output);
  {
    Progress progress(path, source->size());
    const EncodeOptions encode = {.threads = ThreadCount(options.threads), .verify = options.verify};
    PLAIT_RETURN_IF_ERROR(EncodeContainer(*source, plan, encode, **output, progress));
  }
  result.original_bytes = source->size();
  result.coded_bytes = (*output)->size();
  PLAIT_RETURN_IF_ERROR(Annotate((*output)->Commit(), result.output));
  if (options.remove_source) PLAIT_RETURN_IF_ERROR(RemoveFile(path));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

void Summarize(const std::string& path, const CompressResult& result, bool verified) {
  const double percent = result.original_bytes == 0 ? 100 : 100.0 * result.coded_bytes / result.original_bytes;
  const std::string line =
      absl::StrFormat("%s: %s -> %s (%.2f %%), %.2f s%s", path, HumanBytes(result.original_bytes),
                      HumanBytes(result.coded_bytes), percent, result.seconds, verified ? ", verified" : "");
  std::fprintf(stderr, "%s\n", line.c_str());
}

nlohmann::ordered_json ToJson(const CompressResult& result, bool verified) {
  return {{"output", result.output},
          {"original_bytes", result.original_bytes},
          {"coded_bytes", result.coded_bytes},
          {"seconds", result.seconds},
          {"verified", verified}};
}

// One file: its fields beside the schema. Several: a list of such objects.
void PrintJson(const std::vector<CompressResult>& results, size_t num_files, bool verified) {
  nlohmann::ordered_json document = {{"schema", "plait.compress/1"}};
  if (num_files == 1) {
    for (const CompressResult& result : results) document.update(ToJson(result, verified));
  } else {
    document["files"] = nlohmann::ordered_json::array();
    for (const CompressResult& result : results) document["files"].push_back(ToJson(result, verified));
  }
  std::printf("%s\n", document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

}  // namespace

int RunCompress(const CompressOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return Report("", status);
  int exit_code = kExitOk;
  std::vector<CompressResult> results;
  for (const std::string& path : options.files) {
    absl::StatusOr<CompressResult> result = CompressFile(path, options);
    if (!result.ok()) {
      const int code = Report(path, result.status());
      if (exit_code == kExitOk) exit_code = code;
      continue;
    }
    results.push_back(*std::move(result));
    if (options.json) continue;
    Summarize(path, results.back(), options.verify);
    std::printf("%s\n", results.back().output.c_str());
  }
  if (options.json && !results.empty()) PrintJson(results, options.files.size(), options.verify);
  return exit_code;
}

}  // namespace plait
