// plait kv profile: what is known of a model's caches, from samples, for plait kv encode.
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/json_output.h"
#include "tools/kv_dump_words.h"
#include "tools/names.h"
#include "tools/pipeline/kv_dump.h"
#include "tools/pipeline/kv_training.h"
#include "tools/pipeline/progress.h"
#include "tools/text.h"
#include "tools/verbs.h"

namespace plait {
namespace {

// All samples, in memory.
struct Samples {
  KvGeometry geometry;
  std::vector<std::vector<std::vector<uint16_t>>> planes;  // [plane][dump]
  uint64_t tokens = 0;

  std::vector<std::vector<std::span<const uint16_t>>> spans() const {
    std::vector<std::vector<std::span<const uint16_t>>> all;
    for (const auto& plane : planes) all.emplace_back(plane.begin(), plane.end());
    return all;
  }
};

absl::Status AddDump(const std::string& path, const KvDumpOptions& options, Samples* samples) {
  PLAIT_ASSIGN_OR_RETURN(const KvDump dump, KvDump::Open(path, options));
  if (samples->planes.empty()) {
    samples->geometry = dump.geometry();
    samples->planes.resize(dump.geometry().planes.size());
  }
  PLAIT_RETURN_IF_ERROR(CheckSameKvGeometry(dump.geometry(), samples->geometry));
  for (size_t i = 0; i < samples->planes.size(); ++i) {
    std::vector<uint16_t>& x = samples->planes[i].emplace_back();
    x.resize(dump.tokens() * dump.geometry().planes[i].channels());
    PLAIT_RETURN_IF_ERROR(dump.Read(i, 0, x));
  }
  samples->tokens += dump.tokens();
  return absl::OkStatus();
}

KvTrainingSettings SettingsOf(const KvProfileOptions& options) {
  KvTrainingSettings settings;
  settings.train.head_classes = settings.train.index_classes = options.classes;
  settings.train.head_contexts = settings.train.index_contexts = options.contexts;
  settings.train.refinements = options.refinements;
  settings.stats = options.stats;
  settings.scale = options.scale;
  return settings;
}

void PrintResult(const KvProfileOptions& options, const KvProfileFile& profile, const Samples& samples,
                 double seconds) {
  if (options.json) {
    PrintJson({{"schema", "plait.kv.profile/1"},
               {"output", options.output},
               {"name", HexDigits(profile.name)},
               {"bytes", profile.bytes.size()},
               {"planes", samples.geometry.planes.size()},
               {"tokens", samples.tokens},
               {"seconds", seconds}});
    return;
  }
  absl::FPrintF(stderr, "profile %s: %s, from %d tokens, %.2f s\n", HexDigits(profile.name),
                HumanBytes(profile.bytes.size()), samples.tokens, seconds);
  std::printf("%s\n", options.output.c_str());
}

absl::Status MakeProfile(const KvProfileOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  PLAIT_ASSIGN_OR_RETURN(const KvDumpOptions dump, DumpOptionsOf(options.dump, nullptr));
  Samples samples;
  for (const std::string& path : options.files) {
    PLAIT_RETURN_IF_ERROR(CheckNotSameFile(path, options.output));
    PLAIT_RETURN_IF_ERROR(Annotate(AddDump(path, dump, &samples), path));
  }
  samples.geometry.model = options.model;
  const auto file = OutputFile::Create(options.output, options.force, NewFileMode());
  if (!file.ok()) return Annotate(file.status(), options.output);
  PLAIT_ASSIGN_OR_RETURN(const auto profile,
                         TrainKvProfileFile(samples.geometry, samples.spans(), SettingsOf(options)));
  PLAIT_RETURN_IF_ERROR(Annotate((*file)->Append(profile->bytes), options.output));
  PLAIT_RETURN_IF_ERROR(Annotate((*file)->Commit(), options.output));
  PrintResult(options, *profile, samples,
              std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  return absl::OkStatus();
}

}  // namespace

int RunKvProfile(const KvProfileOptions& options) {
  if (absl::Status status = MakeProfile(options); !status.ok()) return Report("", status);  // it names the file
  return kExitOk;
}

}  // namespace plait
