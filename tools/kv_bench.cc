// plait kv bench: how fast and how small each form is on a cache. Everything happens in memory that has been touched
// before; what runs is what encode and decode run, hashes and manifests included, without the disks.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "codec/base/cpu.h"
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
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

namespace plait {
namespace {

constexpr size_t kRuns = 5;

using Run = std::function<absl::Status()>;

// A cache in memory, and what it is coded with.
struct Cache {
  KvGeometry geometry;
  uint64_t tokens = 0;
  std::vector<std::vector<uint16_t>> planes;
  std::shared_ptr<const KvProfileFile> profile;
  uint32_t chunk_tokens = 0;
  int threads = 1;

  uint64_t bytes() const { return tokens * geometry.channels() * GetKvElementInfo(geometry.element).bytes(); }
};

struct FormResult {
  KvForm form;
  uint64_t coded_bytes = 0;
  double encode_seconds = 0;
  std::vector<uint64_t> prefix_bytes = {};  // of each quality, with those before it
  std::vector<double> decode_seconds = {};  // of each such prefix
};

absl::StatusOr<Cache> ReadCache(const KvBenchOptions& options) {
  Cache cache;
  if (!options.profile.empty()) {
    auto profile = LoadKvProfile(options.profile);
    if (!profile.ok()) return Annotate(profile.status(), options.profile);
    cache.profile = *std::move(profile);
  }
  PLAIT_ASSIGN_OR_RETURN(const KvDumpOptions words, DumpOptionsOf(options.dump, cache.profile.get()));
  PLAIT_ASSIGN_OR_RETURN(const KvDump dump, KvDump::Open(options.file, words));
  cache.geometry = dump.geometry();
  cache.tokens = std::min(dump.tokens(), options.max_tokens);
  cache.chunk_tokens = options.chunk_tokens;
  cache.threads = ThreadCount(options.threads);
  std::vector<std::vector<std::span<const uint16_t>>> samples;
  cache.planes.resize(cache.geometry.planes.size());
  for (size_t i = 0; i < cache.planes.size(); ++i) {
    cache.planes[i].resize(cache.tokens * cache.geometry.planes[i].channels());
    PLAIT_RETURN_IF_ERROR(dump.Read(i, 0, cache.planes[i]));
    samples.push_back({cache.planes[i]});
  }
  if (cache.profile == nullptr) {
    PLAIT_ASSIGN_OR_RETURN(cache.profile, TrainKvProfileFile(cache.geometry, samples, {}));
  }
  return cache;
}

absl::Status Encode(const Cache& cache, KvForm form, std::vector<std::vector<uint8_t>>* objects) {
  objects->resize((cache.tokens - 1) / cache.chunk_tokens + 1);
  const auto profile = NeedsKvProfile(form) ? cache.profile : nullptr;
  for (size_t i = 0; i < objects->size(); ++i) {
    KvObjectSettings settings = {.form = form, .first_token = i * cache.chunk_tokens};
    settings.rows = std::min<uint64_t>(cache.chunk_tokens, cache.tokens - settings.first_token);
    const KvPlaneReader read = [&](size_t plane, std::span<uint16_t> x) {
      const size_t channels = cache.geometry.planes[plane].channels();
      std::memcpy(x.data(), cache.planes[plane].data() + settings.first_token * channels, x.size_bytes());
      return absl::OkStatus();
    };
    KvObjectParts parts;
    PLAIT_RETURN_IF_ERROR(
        EncodeKvChunk(settings, cache.geometry, profile, read, cache.threads, &(*objects)[i], &parts));
  }
  return absl::OkStatus();
}

absl::Status Decode(const Cache& cache, const std::vector<std::vector<uint8_t>>& objects, unsigned num_qualities,
                    const KvPlaneTaker& take) {
  for (const std::vector<uint8_t>& object : objects) {
    PLAIT_ASSIGN_OR_RETURN(const KvManifest manifest, ParseKvManifest(object));
    PLAIT_ASSIGN_OR_RETURN(const auto decoding, KvDecoding::Create(manifest, cache.profile));
    PLAIT_RETURN_IF_ERROR(DecodeKvChunk(manifest, object, num_qualities, cache.threads, *decoding, take));
  }
  return absl::OkStatus();
}

// What is timed afterwards is right.
absl::Status CheckExact(const Cache& cache, const std::vector<std::vector<uint8_t>>& objects, unsigned num_qualities) {
  std::vector<uint64_t> at(cache.planes.size());
  return Decode(cache, objects, num_qualities, [&](size_t plane, std::span<const uint16_t> x) -> absl::Status {
    const auto original = std::span(cache.planes[plane]).subspan(at[plane], x.size());
    at[plane] += x.size();
    if (std::ranges::equal(original, x)) return absl::OkStatus();
    return absl::InternalError("round trip: found other elements than those that were coded; this is a bug");
  });
}

absl::StatusOr<double> MedianSeconds(const Run& run) {
  std::vector<double> seconds;
  for (size_t i = 0; i < kRuns; ++i) {
    PLAIT_RETURN_IF_ERROR(CheckInterrupted());
    const auto begin = std::chrono::steady_clock::now();
    PLAIT_RETURN_IF_ERROR(run());
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::ranges::nth_element(seconds, seconds.begin() + kRuns / 2);
  return seconds[kRuns / 2];
}

absl::StatusOr<FormResult> MeasureForm(const Cache& cache, KvForm form) {
  std::vector<std::vector<uint8_t>> objects;
  PLAIT_RETURN_IF_ERROR(Encode(cache, form, &objects));
  FormResult result = {.form = form};
  unsigned num_qualities = 0;
  for (const std::vector<uint8_t>& object : objects) {
    PLAIT_ASSIGN_OR_RETURN(const KvManifest manifest, ParseKvManifest(object));
    num_qualities = manifest.num_qualities;
    result.coded_bytes += object.size();
    result.prefix_bytes.resize(num_qualities);
    for (unsigned i = 0; i < num_qualities; ++i) result.prefix_bytes[i] += manifest.quality_end(i);
  }
  PLAIT_RETURN_IF_ERROR(CheckExact(cache, objects, num_qualities));
  PLAIT_ASSIGN_OR_RETURN(result.encode_seconds, MedianSeconds([&] { return Encode(cache, form, &objects); }));
  const auto ignore = [](size_t, std::span<const uint16_t>) { return absl::OkStatus(); };
  for (unsigned i = 1; i <= num_qualities; ++i) {
    PLAIT_ASSIGN_OR_RETURN(result.decode_seconds.emplace_back(),
                           MedianSeconds([&] { return Decode(cache, objects, i, ignore); }));
  }
  return result;
}

void PrintAsJson(const KvBenchOptions& options, const Cache& cache, const std::vector<FormResult>& results) {
  nlohmann::ordered_json forms = nlohmann::ordered_json::array();
  for (const FormResult& result : results) {
    nlohmann::ordered_json qualities = nlohmann::ordered_json::array();
    for (size_t i = 0; i < result.prefix_bytes.size(); ++i) {
      qualities.push_back({{"index", i},
                           {"prefix_bytes", result.prefix_bytes[i]},
                           {"decode_bytes_per_second", cache.bytes() / result.decode_seconds[i]}});
    }
    forms.push_back({{"form", KvFormName(result.form)},
                     {"coded_bytes", result.coded_bytes},
                     {"encode_bytes_per_second", cache.bytes() / result.encode_seconds},
                     {"decode_bytes_per_second", cache.bytes() / result.decode_seconds.back()},
                     {"qualities", std::move(qualities)}});
  }
  PrintJson({{"schema", "plait.kv.bench/1"},
             {"file", DisplayName(options.file)},
             {"tokens", cache.tokens},
             {"chunk_tokens", cache.chunk_tokens},
             {"original_bytes", cache.bytes()},
             {"threads", cache.threads},
             {"cpu", CpuVariantName(ActiveCpu())},
             {"runs", kRuns},
             {"profile_is_of_this_cache", options.profile.empty()},
             {"forms", std::move(forms)}});
}

void PrintTable(const Cache& cache, const std::vector<FormResult>& results) {
  Table table({{"FORM"}, {"QUALITY"}, {"CODED", true}, {"RATIO", true}, {"ENCODE", true}, {"DECODE", true}});
  const auto speed = [&](double seconds) {
    return absl::StrCat(HumanBytes(static_cast<uint64_t>(cache.bytes() / seconds)), "/s");
  };
  for (const FormResult& result : results) {
    for (size_t i = 0; i < result.prefix_bytes.size(); ++i) {
      const bool exact = i + 1 == result.prefix_bytes.size();
      table.AddRow({std::string(KvFormName(result.form)), exact ? "exact" : absl::StrCat(i),
                    HumanBytes(result.prefix_bytes[i]),
                    absl::StrFormat("%.3f", static_cast<double>(cache.bytes()) / result.prefix_bytes[i]),
                    exact ? speed(result.encode_seconds) : "", speed(result.decode_seconds[i])});
    }
  }
  std::fputs(table.Text(TerminalColumns(STDOUT_FILENO)).c_str(), stdout);
}

absl::Status BenchFile(const KvBenchOptions& options) {
  PLAIT_ASSIGN_OR_RETURN(const Cache cache, ReadCache(options));
  if (!options.json) {
    absl::PrintF("%s: %s, %d tokens in objects of %d, in memory, %d %s, CPU %s, medians of %d runs%s\n",
                 WithoutControls(DisplayName(options.file)), HumanBytes(cache.bytes()), cache.tokens,
                 cache.chunk_tokens, cache.threads, cache.threads == 1 ? "thread" : "threads",
                 std::string(CpuVariantName(ActiveCpu())), kRuns,
                 options.profile.empty() ? "\nwith a profile made of this very cache: sizes are too good" : "");
  }
  std::vector<FormResult> results;
  for (const KvForm form : {KvForm::kLayers, KvForm::kRans, KvForm::kTier, KvForm::kRange}) {
    PLAIT_ASSIGN_OR_RETURN(FormResult result, MeasureForm(cache, form));
    results.push_back(std::move(result));
  }
  if (options.json) {
    PrintAsJson(options, cache, results);
  } else {
    PrintTable(cache, results);
  }
  return absl::OkStatus();
}

}  // namespace

int RunKvBench(const KvBenchOptions& options) {
  if (absl::Status status = BenchFile(options); !status.ok()) return Report(DisplayName(options.file), status);
  return kExitOk;
}

}  // namespace plait
