// plait export: weights as another coder's checkpoint, decoded and compared before it appears.
#include <filesystem>
#include <memory>
#include <string_view>

#include "codec/base/status.h"
#include "formats/dfloat11/dfloat11_config.h"
#include "formats/dfloat11/dfloat11_modules.h"
#include "tools/exit_code.h"
#include "tools/job_list.h"
#include "tools/names.h"
#include "tools/pipeline/dfloat11_export.h"
#include "tools/pipeline/files.h"
#include "tools/verbs.h"

namespace plait {
namespace {

constexpr char kModelFile[] = "model.safetensors";
constexpr char kConfigFile[] = "config.json";

// Files of a model directory that the checkpoint's own take the place of.
bool IsReplaced(const std::string& relative) {
  const bool is_weights = relative.ends_with(".safetensors") || relative.ends_with(".safetensors.index.json");
  return relative == kConfigFile || (is_weights && relative.find('/') == std::string::npos);
}

// DFloat11 loads every .safetensors file of a directory: one that is left from something else would be mixed in.
absl::Status CheckNoOtherWeights(const std::string& output) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(output, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.ends_with(".safetensors") || name == kModelFile) continue;
    return absl::AlreadyExistsError(absl::StrCat("the target holds ", name, ", which would be loaded with the others"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> file, FileSource::Open(path));
  std::string text(file->size(), '\0');
  PLAIT_RETURN_IF_ERROR(file->ReadAt(0, {reinterpret_cast<uint8_t*>(text.data()), text.size()}));
  return text;
}

absl::StatusOr<DFloat11ExportPlan> PlanFor(const TensorFiles& files, const ExportOptions& options) {
  std::vector<DFloat11Pattern> patterns;
  for (const std::string& text : options.patterns) {
    PLAIT_ASSIGN_OR_RETURN(DFloat11Pattern pattern, ParsePatternOption(text));
    patterns.push_back(std::move(pattern));
  }
  if (options.patterns.empty()) patterns = DefaultDFloat11Patterns(files.tensors());
  if (patterns.empty()) {
    return absl::UnimplementedError(
        "found no matrix of bf16 called NAME.weight, expected one; DFloat11 codes no other");
  }
  return PlanDFloat11Export(files.tensors(), patterns);
}

absl::StatusOr<uint64_t> WriteModel(const TensorFiles& files, const DFloat11ExportPlan& plan,
                                    const ExportOptions& options, const std::string& path, Progress& progress) {
  const int threads = ThreadCount(options.threads);
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file,
                         OutputFile::Create(path, options.force, NewFileMode()));
  PLAIT_RETURN_IF_ERROR(ExportDFloat11(files, plan, threads, *file, progress));
  PLAIT_RETURN_IF_ERROR(file->Commit());
  if (!options.verify) return file->size();
  PLAIT_ASSIGN_OR_RETURN(const TensorFiles exported, TensorFiles::Open(path));
  PLAIT_RETURN_IF_ERROR(CompareDFloat11(files, plan, exported, threads));
  return file->size();
}

absl::StatusOr<uint64_t> WriteConfig(const DFloat11ExportPlan& plan, const ExportOptions& options,
                                     const std::string& path) {
  const std::string original = options.input + "/" + kConfigFile;
  std::error_code error;
  std::string text;
  if (std::filesystem::exists(original, error)) {
    PLAIT_ASSIGN_OR_RETURN(text, ReadText(original));
  }
  PLAIT_ASSIGN_OR_RETURN(const std::string json, MakeDFloat11ConfigJson(text, plan.config));
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file,
                         OutputFile::Create(path, options.force, NewFileMode()));
  PLAIT_RETURN_IF_ERROR(file->Append({reinterpret_cast<const uint8_t*>(json.data()), json.size()}));
  PLAIT_RETURN_IF_ERROR(file->Commit());
  return file->size();
}

// What a model's directory holds beside its weights.
absl::StatusOr<JobSizes> CopyRest(const ExportOptions& options, const OutputTree& tree, Progress& progress) {
  JobSizes sizes;
  if (!IsDirectory(options.input)) return sizes;
  PLAIT_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListTree(options.input));
  for (const std::string& relative : files) {
    if (IsReplaced(relative)) continue;
    PLAIT_ASSIGN_OR_RETURN(const std::string target, tree.PathOf(relative));
    const absl::StatusOr<JobSizes> copied =
        CopyFile(absl::StrCat(options.input, "/", relative), target, options.force, progress);
    if (!copied.ok()) return Annotate(copied.status(), relative);
    sizes.original_bytes += copied->original_bytes;
    sizes.coded_bytes += copied->coded_bytes;
  }
  return sizes;
}

absl::StatusOr<JobOutcome> ExportPath(const ExportOptions& options, Progress& progress) {
  if (!IsDirectory(options.input)) {
    PLAIT_ASSIGN_OR_RETURN(const bool is_plait_file, IsPlaitFile(options.input));
    if (is_plait_file) return absl::UnimplementedError("a Plait file; plait decompress gives what can be exported");
  }
  PLAIT_ASSIGN_OR_RETURN(const TensorFiles files, TensorFiles::Open(options.input));
  PLAIT_ASSIGN_OR_RETURN(const DFloat11ExportPlan plan, PlanFor(files, options));
  if (absl::Status status = CheckNoOtherWeights(options.output); options.force && !status.ok()) {
    return Annotate(status, options.output);
  }
  const absl::StatusOr<std::unique_ptr<OutputTree>> tree =
      OutputTree::Create(options.input, options.output, options.force);
  if (!tree.ok()) return Annotate(tree.status(), options.output);
  PLAIT_ASSIGN_OR_RETURN(const std::string model_path, (*tree)->PathOf(kModelFile));
  PLAIT_ASSIGN_OR_RETURN(const uint64_t model_bytes, WriteModel(files, plan, options, model_path, progress));
  PLAIT_ASSIGN_OR_RETURN(const std::string config_path, (*tree)->PathOf(kConfigFile));
  PLAIT_ASSIGN_OR_RETURN(const uint64_t config_bytes, WriteConfig(plan, options, config_path));
  PLAIT_ASSIGN_OR_RETURN(JobSizes sizes, CopyRest(options, **tree, progress));
  sizes.original_bytes += files.file_bytes();
  sizes.coded_bytes += model_bytes + config_bytes;
  PLAIT_RETURN_IF_ERROR(Annotate((*tree)->Commit(), options.output));
  return JobOutcome{options.output, sizes, {}};
}

}  // namespace

int RunExport(const ExportOptions& options) {
  const JobListOptions jobs = {
      .verb = "export", .files = {options.input}, .json = options.json, .verified = options.verify};
  return RunJobs(jobs, [&](const std::string&, Progress& progress) { return ExportPath(options, progress); });
}

}  // namespace plait
