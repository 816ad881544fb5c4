// plait_runner: greedy text generation with a small language model whose weights stay compressed. See
// examples/README.md.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "codec/base/cpu.h"
#include "codec/base/status.h"
#include "examples/runner/checkpoint.h"
#include "examples/runner/kv_cache.h"
#include "examples/runner/model.h"
#include "examples/runner/model_config.h"
#include "examples/runner/options.h"
#include "examples/runner/report.h"
#include "examples/runner/weights.h"

namespace plait::runner {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream file(path);
    if (!file) return Annotate(absl::UnavailableError("cannot open"), path);
    text << file.rdbuf();
  }
  return text.str();
}

absl::StatusOr<std::vector<uint32_t>> ReadIds(const Options& options, const ModelConfig& config) {
  PLAIT_ASSIGN_OR_RETURN(const std::string text, ReadText(options.ids));
  std::istringstream words(text);
  std::vector<uint32_t> ids;
  for (std::string word; words >> word;) {
    uint32_t id = 0;
    if (!absl::SimpleAtoi(word, &id) || id >= config.vocabulary) {
      return absl::InvalidArgumentError(
          FoundExpected("token id", word, absl::StrCat("a number below ", config.vocabulary)));
    }
    ids.push_back(id);
  }
  const size_t most = config.max_tokens > options.tokens ? config.max_tokens - options.tokens : 0;
  if (ids.empty() || ids.size() > most) {
    return absl::InvalidArgumentError(FoundExpected("prompt tokens", ids.size(), absl::StrCat("1 to ", most)));
  }
  return ids;
}

// Generates options.tokens tokens behind `ids`, prints them as they come, and fills the rest of the report.
absl::Status Generate(const Options& options, const ModelConfig& config, std::vector<uint32_t> ids, Model& model,
                      KvCache& cache, Report* report) {
  std::vector<float> logits(config.vocabulary);
  std::ofstream logits_file;
  if (!options.logits.empty()) logits_file.open(options.logits, std::ios::binary);
  Clock::time_point start = Clock::now();
  for (size_t step = 0; step < options.tokens; ++step) {
    PLAIT_RETURN_IF_ERROR(model.Run(ids, cache, logits, [&] { NoteMemory(report); }));
    const auto next = static_cast<uint32_t>(std::ranges::max_element(logits) - logits.begin());
    std::printf("%s%u", step == 0 ? "" : " ", next);
    std::fflush(stdout);
    logits_file.write(reinterpret_cast<const char*>(logits.data()),
                      static_cast<std::streamsize>(logits.size() * sizeof(float)));
    ids = {next};
    if (step == 0) {
      report->prompt_seconds = SecondsSince(start);
      start = Clock::now();
    }
  }
  report->generation_seconds = SecondsSince(start);
  std::printf("\n");
  if (!options.logits.empty() && !logits_file.flush()) {
    return Annotate(absl::UnavailableError("cannot write"), options.logits);
  }
  return absl::OkStatus();
}

uint64_t LargestMatrixBytes(const Weights& weights) {
  uint64_t elements = weights.embedding.rows * weights.embedding.columns;
  for (const LayerWeights& layer : weights.layers) {
    for (const Matrix* matrix : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      elements = std::max<uint64_t>(elements, matrix->rows * matrix->columns);
    }
  }
  return elements * sizeof(uint16_t);
}

absl::Status ForceCpuByName(const std::string& name) {
  if (name.empty()) return absl::OkStatus();
  PLAIT_ASSIGN_OR_RETURN(const CpuVariant variant, ParseCpuVariant(name));
  return ForceCpu(variant);
}

absl::StatusOr<ModelConfig> ReadConfig(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  absl::StatusOr<ModelConfig> config = ParseModelConfig(text);
  if (!config.ok()) return Annotate(config.status(), path);
  return config;
}

absl::Status Run(const Options& options) {
  PLAIT_RETURN_IF_ERROR(ForceCpuByName(options.cpu));
  PLAIT_ASSIGN_OR_RETURN(const ModelConfig config, ReadConfig(options.config));
  PLAIT_ASSIGN_OR_RETURN(std::vector<uint32_t> ids, ReadIds(options, config));
  absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Open(options.model);
  if (!checkpoint.ok()) return Annotate(checkpoint.status(), options.model);
  absl::StatusOr<Weights> weights = FindWeights(*checkpoint, config);
  if (!weights.ok()) return Annotate(weights.status(), options.model);

  const size_t cores = std::max<size_t>(1, std::thread::hardware_concurrency());
  Team team(options.threads != 0 ? options.threads : cores);
  Model model(config, *weights, team);
  KvCache cache(config, ids.size() + options.tokens - 1, options.pre_rope);
  Report report = {.compressed = checkpoint->is_container(),
                   .prompt_tokens = ids.size(),
                   .generated_tokens = options.tokens,
                   .coded_bytes = checkpoint->coded_bytes(),
                   .image_bytes = checkpoint->image_bytes(),
                   .kv_cache_bytes = cache.bytes(),
                   .largest_matrix_bytes = LargestMatrixBytes(*weights)};
  PLAIT_RETURN_IF_ERROR(Annotate(Generate(options, config, std::move(ids), model, cache, &report), options.model));
  if (!options.kv.empty()) PLAIT_RETURN_IF_ERROR(Annotate(cache.Dump(config, options.kv), options.kv));
  NoteMemory(&report);
  if (!options.report.empty()) return Annotate(WriteReport(report, options.report), options.report);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (options.ok() && options->help) {
    std::cout << kUsage;
    return 0;
  }
  const absl::Status status = options.ok() ? Run(*options) : options.status();
  if (status.ok()) return 0;
  std::cerr << "plait_runner: " << Std(status.message()) << '\n';
  return options.ok() ? 1 : 2;
}

}  // namespace
}  // namespace plait::runner

int main(int argc, char** argv) { return plait::runner::Main(argc, argv); }
