// plait kv encode: a cache into KV objects, one a token chunk, decoded and compared before they appear.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/json_output.h"
#include "tools/kv_dump_words.h"
#include "tools/names.h"
#include "tools/pipeline/kv_coding.h"
#include "tools/pipeline/kv_dump.h"
#include "tools/pipeline/kv_files.h"
#include "tools/pipeline/kv_training.h"
#include "tools/pipeline/progress.h"
#include "tools/text.h"
#include "tools/trees.h"
#include "tools/verbs.h"

namespace plait {
namespace {

constexpr char kObjectSuffix[] = ".pkv";

// What all objects of a cache take together.
struct Totals {
  uint64_t coded_bytes = 0;
  size_t objects = 0;
  KvObjectParts parts;

  void Add(const KvObjectParts& object, uint64_t object_bytes) {
    coded_bytes += object_bytes;
    ++objects;
    parts.manifest += object.manifest;
    parts.profile += object.profile;
    parts.base.repeats += object.base.repeats;
    parts.base.steps += object.base.steps;
    parts.base.exact_rows += object.base.exact_rows;
    parts.base.states += object.base.states;
    parts.base.symbols += object.base.symbols;
    parts.qualities.resize(object.qualities.size());
    for (size_t i = 0; i < object.qualities.size(); ++i) parts.qualities[i] += object.qualities[i];
  }
};

struct Job {
  const KvEncodeOptions& options;
  KvForm form;
  KvDump dump;
  std::shared_ptr<const KvProfileFile> profile;  // null: tables come from each chunk, or there are none
};

// dump.safetensors -> dump.pkv
std::string OutputName(const KvEncodeOptions& options) {
  if (!options.output.empty()) return options.output;
  const std::filesystem::path path(options.file);
  return (path.parent_path() / path.stem()).string() + kObjectSuffix;
}

absl::StatusOr<Job> OpenJob(const KvEncodeOptions& options) {
  Job job = {.options = options, .form = KvForm::kLayers, .dump = {}, .profile = nullptr};
  for (const KvForm form : {KvForm::kRans, KvForm::kTier, KvForm::kRange}) {
    if (KvFormName(form) == options.form) job.form = form;
  }
  if (!options.profile.empty()) {
    const auto profile = LoadKvProfile(options.profile);
    if (!profile.ok()) return Annotate(profile.status(), options.profile);
    job.profile = *profile;
  }
  PLAIT_ASSIGN_OR_RETURN(const KvDumpOptions dump, DumpOptionsOf(options.dump, job.profile.get()));
  PLAIT_ASSIGN_OR_RETURN(job.dump, KvDump::Open(options.file, dump));
  if (!NeedsKvProfile(job.form)) job.profile = nullptr;
  return job;
}

// How many of `rows` tokens from `first` on are below `end`.
size_t Below(uint64_t first, uint64_t rows, uint64_t end) { return first >= end ? 0 : std::min(rows, end - first); }

// Of chunk number `number`.
KvObjectSettings SettingsOf(const Job& job, uint64_t number) {
  const uint64_t tokens = job.dump.tokens();
  KvObjectSettings settings = {.form = job.form, .first_token = number * job.options.chunk_tokens};
  settings.rows = std::min<uint64_t>(job.options.chunk_tokens, tokens - settings.first_token);
  settings.inline_profile = job.profile == nullptr || job.options.inline_profile;
  if (job.form != KvForm::kLayers) return settings;
  settings.exact_first = Below(settings.first_token, settings.rows, job.options.sinks);
  const uint64_t recent_begin = tokens - std::min(tokens, job.options.recent);
  const size_t not_recent = Below(settings.first_token, settings.rows, recent_begin);
  settings.exact_last = std::min(settings.rows - not_recent, settings.rows - settings.exact_first);
  return settings;
}

// The tables of a chunk that has no others.
absl::StatusOr<std::shared_ptr<const KvProfileFile>> TrainOnChunk(const Job& job, const KvObjectSettings& chunk,
                                                                  const KvPlaneReader& read) {
  const KvGeometry& geometry = job.dump.geometry();
  std::vector<std::vector<uint16_t>> planes(geometry.planes.size());
  std::vector<std::vector<std::span<const uint16_t>>> samples;
  for (size_t i = 0; i < planes.size(); ++i) {
    planes[i].resize(chunk.rows * geometry.planes[i].channels());
    PLAIT_RETURN_IF_ERROR(read(i, planes[i]));
    samples.push_back({planes[i]});
  }
  KvTrainingSettings settings = ChunkTrainingSettings(job.form == KvForm::kLayers);
  settings.train.skip_rows = chunk.exact_first;
  return TrainKvProfileFile(geometry, samples, settings);
}

// Those of --steps-of.
absl::StatusOr<std::vector<std::vector<int8_t>>> GivenRowSteps(const Job& job, const KvObjectSettings& settings,
                                                               const std::shared_ptr<const KvProfileFile>& profile) {
  if (settings.rows != job.dump.tokens() || settings.form != KvForm::kLayers) {
    return absl::InvalidArgumentError("--steps-of: found chunks or another form, expected one chunk and --form layers");
  }
  PLAIT_ASSIGN_OR_RETURN(const KvObjectFile file, OpenKvObject(job.options.steps_of));
  PLAIT_ASSIGN_OR_RETURN(const std::vector<uint8_t> object, file.Read());
  const auto steps = KvRowStepsOf(object, profile);
  if (!steps.ok()) return Annotate(steps.status(), job.options.steps_of);
  if (file.manifest.rows != settings.rows || steps->size() != profile->geometry.planes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(job.options.steps_of, ": found another cache, expected the same tokens"));
  }
  return *steps;
}

absl::Status EncodeChunk(const Job& job, uint64_t number, std::vector<uint8_t>* object, Totals* totals) {
  KvObjectSettings settings = SettingsOf(job, number);
  const int threads = ThreadCount(job.options.threads);
  const KvPlaneReader read = [&](size_t plane, std::span<uint16_t> x) {
    return job.dump.Read(plane, settings.first_token, x);
  };
  std::shared_ptr<const KvProfileFile> profile = job.profile;
  if (profile == nullptr && NeedsKvProfile(job.form)) {
    PLAIT_ASSIGN_OR_RETURN(profile, TrainOnChunk(job, settings, read));
  }
  if (!job.options.steps_of.empty()) {
    PLAIT_ASSIGN_OR_RETURN(settings.row_steps, GivenRowSteps(job, settings, profile));
  }
  KvObjectParts parts;
  PLAIT_RETURN_IF_ERROR(EncodeKvChunk(settings, job.dump.geometry(), profile, read, threads, object, &parts));
  if (job.options.verify) PLAIT_RETURN_IF_ERROR(CompareKvChunk(*object, profile, read, threads));
  totals->Add(parts, object->size());
  return absl::OkStatus();
}

absl::Status WriteObject(const std::string& path, bool force, std::span<const uint8_t> object) {
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file, OutputFile::Create(path, force, NewFileMode()));
  PLAIT_RETURN_IF_ERROR(file->Append(object));
  return file->Commit();
}

// Objects that are left from another cache would be taken for a part of this one.
absl::Status CheckNoOthers(const std::string& output, uint64_t chunks) {
  if (!IsDirectory(output)) return absl::OkStatus();
  PLAIT_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListTree(output));
  for (const std::string& file : files) {
    bool is_ours = false;
    for (uint64_t i = 0; i < chunks && !is_ours; ++i) is_ours = file == KvChunkName(i);
    if (!is_ours)
      return absl::AlreadyExistsError(absl::StrCat("the target holds ", file, ", which is no part of this"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Totals> EncodeDump(const Job& job, const std::string& output) {
  const uint64_t chunks = (job.dump.tokens() - 1) / job.options.chunk_tokens + 1;
  Progress progress(DisplayName(job.options.file), job.dump.tokens() * job.dump.token_bytes());
  Totals totals;
  std::vector<uint8_t> object;
  if (chunks == 1) {
    PLAIT_RETURN_IF_ERROR(EncodeChunk(job, 0, &object, &totals));
    PLAIT_RETURN_IF_ERROR(Annotate(WriteObject(output, job.options.force, object), output));
    return totals;
  }
  if (job.options.force) PLAIT_RETURN_IF_ERROR(Annotate(CheckNoOthers(output, chunks), output));
  const auto tree = OutputTree::Create(job.options.file, output, job.options.force);
  if (!tree.ok()) return Annotate(tree.status(), output);
  for (uint64_t i = 0; i < chunks; ++i) {
    PLAIT_RETURN_IF_ERROR(Annotate(EncodeChunk(job, i, &object, &totals), absl::StrCat("chunk ", i)));
    PLAIT_ASSIGN_OR_RETURN(const std::string path, (*tree)->PathOf(KvChunkName(i)));
    PLAIT_RETURN_IF_ERROR(Annotate(WriteObject(path, job.options.force, object), path));
    progress.Add(SettingsOf(job, i).rows * job.dump.token_bytes(), object.size());
  }
  PLAIT_RETURN_IF_ERROR(job.dump.CheckUnchanged());
  PLAIT_RETURN_IF_ERROR(Annotate((*tree)->Commit(), output));
  return totals;
}

nlohmann::ordered_json PartsToJson(const KvObjectParts& parts) {
  return {{"manifest_bytes", parts.manifest},
          {"profile_bytes", parts.profile},
          {"repeats_bytes", parts.base.repeats},
          {"steps_bytes", parts.base.steps},
          {"exact_tokens_bytes", parts.base.exact_rows},
          {"states_bytes", parts.base.states},
          {"symbols_bytes", parts.base.symbols},
          {"quality_bytes", parts.qualities}};
}

void PrintResult(const Job& job, const std::string& output, const Totals& totals, double seconds) {
  const uint64_t original_bytes = job.dump.tokens() * job.dump.token_bytes();
  if (!job.options.json) {
    std::fprintf(stderr, "%s: %s -> %s (%.2f %%), %.2f s%s\n", WithoutControls(job.options.file).c_str(),
                 HumanBytes(original_bytes).c_str(), HumanBytes(totals.coded_bytes).c_str(),
                 PercentOf(totals.coded_bytes, original_bytes), seconds, job.options.verify ? ", verified" : "");
    std::printf("%s\n", output.c_str());
    return;
  }
  nlohmann::ordered_json profile = nullptr;
  if (job.profile != nullptr) profile = HexDigits(job.profile->name);
  const uint64_t base = totals.parts.manifest + totals.parts.profile + totals.parts.qualities[0];
  PrintJson({{"schema", "plait.kv.encode/1"},
             {"output", output},
             {"form", KvFormName(job.form)},
             {"original_bytes", original_bytes},
             {"coded_bytes", totals.coded_bytes},
             {"tokens", job.dump.tokens()},
             {"objects", totals.objects},
             {"profile", std::move(profile)},
             {"base_prefix_bytes", base},
             {"parts", PartsToJson(totals.parts)},
             {"seconds", seconds},
             {"verified", job.options.verify}});
}

absl::Status EncodeFile(const KvEncodeOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  PLAIT_ASSIGN_OR_RETURN(const Job job, OpenJob(options));
  const std::string output = OutputName(options);
  PLAIT_RETURN_IF_ERROR(CheckNotSameFile(options.file, output));
  PLAIT_ASSIGN_OR_RETURN(const Totals totals, EncodeDump(job, output));
  PrintResult(job, output, totals, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  return absl::OkStatus();
}

}  // namespace

int RunKvEncode(const KvEncodeOptions& options) {
  if (absl::Status status = EncodeFile(options); !status.ok()) return Report(DisplayName(options.file), status);
  return kExitOk;
}

}  // namespace plait
