// plait import: the weights that another coder's checkpoint holds, under their own names in one .safetensors file.
#include <filesystem>
#include <memory>

#include "codec/base/status.h"
#include "formats/dfloat11/dfloat11_config.h"
#include "formats/dfloat11/dfloat11_modules.h"
#include "tools/exit_code.h"
#include "tools/job_list.h"
#include "tools/names.h"
#include "tools/pipeline/dfloat11_import.h"
#include "tools/pipeline/files.h"
#include "tools/verbs.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

// What the config.json of the checkpoint says; nothing if there is none.
absl::StatusOr<DFloat11Config> ReadConfig(const std::string& input) {
  const fs::path directory = IsDirectory(input) ? fs::path(input) : fs::path(DirectoryOf(input));
  const std::string path = directory / "config.json";
  std::error_code error;
  if (!fs::exists(path, error)) return DFloat11Config{};
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> file, FileSource::Open(path));
  std::vector<uint8_t> json(file->size());
  PLAIT_RETURN_IF_ERROR(file->ReadAt(0, json));
  return ParseDFloat11Config(json);
}

// The same with what the options say, which counts more.
absl::StatusOr<DFloat11Config> ConfigFor(const ImportOptions& options) {
  absl::StatusOr<DFloat11Config> config = ReadConfig(options.input);
  // A file by itself may stand beside a config.json of something else.
  if (!config.ok() && options.patterns.empty()) return config;
  if (!config.ok()) config = DFloat11Config{};
  if (!options.patterns.empty()) config->patterns.clear();
  for (const std::string& text : options.patterns) {
    PLAIT_ASSIGN_OR_RETURN(DFloat11Pattern pattern, ParsePatternOption(text));
    config->patterns.push_back(std::move(pattern));
  }
  if (options.shapes.empty()) return config;
  const absl::StatusOr<TensorFiles> shapes = TensorFiles::Open(options.shapes);
  if (!shapes.ok()) return Annotate(shapes.status(), options.shapes);
  for (const TensorInfo& tensor : shapes->tensors()) config->shapes[tensor.name] = tensor.shape;
  return config;
}

absl::StatusOr<JobOutcome> ImportPath(const ImportOptions& options, Progress& progress) {
  PLAIT_ASSIGN_OR_RETURN(const TensorFiles files, TensorFiles::Open(options.input));
  PLAIT_ASSIGN_OR_RETURN(const DFloat11Config config, ConfigFor(options));
  PLAIT_ASSIGN_OR_RETURN(const DFloat11Layout layout, FindDFloat11Modules(files.tensors(), config));
  if (layout.modules.empty()) {
    return absl::FailedPreconditionError("no DFloat11 checkpoint: found no tensor NAME.encoded_exponent, expected one");
  }
  if (!IsDirectory(options.input)) PLAIT_RETURN_IF_ERROR(CheckNotSameFile(options.input, options.output));
  absl::StatusOr<std::unique_ptr<OutputFile>> file = OutputFile::Create(options.output, options.force, NewFileMode());
  if (!file.ok()) return Annotate(file.status(), options.output);
  PLAIT_RETURN_IF_ERROR(ImportDFloat11(files, layout, config, ThreadCount(options.threads), **file, progress));
  PLAIT_RETURN_IF_ERROR(files.CheckUnchanged());
  PLAIT_RETURN_IF_ERROR(Annotate((*file)->Commit(), options.output));
  return JobOutcome{options.output, {(*file)->size(), files.file_bytes()}, {}};
}

}  // namespace

int RunImport(const ImportOptions& options) {
  const JobListOptions jobs = {
      .verb = "import", .files = {options.input}, .json = options.json, .verified = std::nullopt};
  return RunJobs(jobs, [&](const std::string&, Progress& progress) { return ImportPath(options, progress); });
}

}  // namespace plait
