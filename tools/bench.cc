// plait bench: how fast and how small each level is on a file. Everything happens in memory that has been touched
// before; what runs is what compress and decompress run, hashes, headers and indexes included, without the disks.
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
#include "tools/bench_sample.h"
#include "tools/exit_code.h"
#include "tools/json_output.h"
#include "tools/names.h"
#include "tools/pipeline/decode.h"
#include "tools/pipeline/encode.h"
#include "tools/pipeline/files.h"
#include "tools/pipeline/levels.h"
#include "tools/pipeline/ordered.h"
#include "tools/pipeline/plait_input.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

namespace plait {
namespace {

constexpr size_t kLeastRuns = 5;
constexpr uint64_t kCopyBytes = uint64_t{256} << 10;  // a block of bf16

using Run = std::function<absl::Status()>;

struct Timing {
  size_t runs = 0;
  double median_seconds = 0;
};

struct LevelResult {
  Level level;
  uint64_t coded_bytes = 0;
  Timing encode;
  Timing encode_verified;  // as compress does it: every block decoded and compared
  Timing decode;
  Timing copy;  // the same bytes, on the same threads
};

// What was read of the file, and room for what comes back.
struct Memory {
  std::vector<uint8_t> original;
  std::vector<uint8_t> restored;
  MemorySink coded;
};

absl::Status Encode(const Level& level, bool verify, int threads, Memory& memory) {
  const MemorySource source(memory.original);
  PLAIT_RETURN_IF_ERROR(memory.coded.Truncate(0));
  PLAIT_ASSIGN_OR_RETURN(const ContainerPlan plan, PlanContainer(source, /*strict=*/false));
  Progress progress;
  return EncodeContainer(source, plan, {.level = level, .threads = threads, .verify = verify}, memory.coded, progress);
}

absl::Status Decode(int threads, Memory& memory) {
  const MemorySource source(memory.coded.bytes());
  PLAIT_ASSIGN_OR_RETURN(const ContainerReader container, ContainerReader::Open(&source));
  std::ranges::copy(container.original_header(), memory.restored.begin());
  return DecodeContainer(container, threads, [&](const DecodedPiece& piece) {
    if (piece.status.ok()) std::ranges::copy(piece.bytes, memory.restored.begin() + piece.original_offset);
    return piece.status;
  });
}

absl::Status Copy(int threads, Memory& memory) {
  uint64_t next = 0;
  const auto produce = [&](uint64_t& begin) {
    begin = next;
    next += kCopyBytes;
    return begin < memory.original.size();
  };
  const auto copy = [&](uint64_t begin) {
    const size_t bytes = std::min<uint64_t>(kCopyBytes, memory.original.size() - begin);
    std::memcpy(memory.restored.data() + begin, memory.original.data() + begin, bytes);
  };
  return RunOrdered<uint64_t>(threads, produce, copy, [](uint64_t) { return absl::OkStatus(); });
}

// Touches all memory, and makes sure that what is timed afterwards is right.
absl::Status CheckRoundTrip(const Level& level, int threads, Memory& memory) {
  PLAIT_RETURN_IF_ERROR(Encode(level, /*verify=*/true, threads, memory));
  memory.restored.assign(memory.original.size(), 0);
  PLAIT_RETURN_IF_ERROR(Decode(threads, memory));
  if (memory.restored == memory.original) return absl::OkStatus();
  return absl::InternalError("round trip: found other bytes than those that were coded; this is a bug");
}

absl::StatusOr<double> Seconds(const Run& run) {
  PLAIT_RETURN_IF_ERROR(CheckInterrupted());
  const auto begin = std::chrono::steady_clock::now();
  PLAIT_RETURN_IF_ERROR(run());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Timing MedianOf(std::vector<double> seconds) {
  const auto middle = seconds.begin() + seconds.size() / 2;
  std::ranges::nth_element(seconds, middle);
  return {seconds.size(), *middle};
}

// Times `runs` in turn, so that a slow moment of the machine hits all of them, until each has run often and long
// enough.
absl::StatusOr<std::vector<Timing>> TimeInTurn(const std::vector<Run>& runs, double least_seconds) {
  std::vector<std::vector<double>> seconds(runs.size());
  std::vector<double> total(runs.size());
  for (bool all_done = false; !all_done;) {
    all_done = true;
    for (size_t i = 0; i < runs.size(); ++i) {
      if (seconds[i].size() >= kLeastRuns && total[i] >= least_seconds) continue;
      all_done = false;
      PLAIT_ASSIGN_OR_RETURN(const double took, Seconds(runs[i]));
      seconds[i].push_back(took);
      total[i] += took;
    }
  }
  std::vector<Timing> timings;
  timings.reserve(runs.size());
  for (std::vector<double>& samples : seconds) timings.push_back(MedianOf(std::move(samples)));
  return timings;
}

absl::StatusOr<LevelResult> MeasureLevel(const Level& level, int threads, double least_seconds, Memory& memory) {
  PLAIT_RETURN_IF_ERROR(CheckRoundTrip(level, threads, memory));
  PLAIT_ASSIGN_OR_RETURN(const std::vector<Timing> timings,
                         TimeInTurn({[&] { return Encode(level, /*verify=*/false, threads, memory); },
                                     [&] { return Encode(level, /*verify=*/true, threads, memory); },
                                     [&] { return Decode(threads, memory); }, [&] { return Copy(threads, memory); }},
                                    least_seconds));
  return LevelResult{level, memory.coded.size(), timings[0], timings[1], timings[2], timings[3]};
}

double BytesPerSecond(const Timing& timing, uint64_t bytes) { return bytes / std::max(timing.median_seconds, 1e-9); }

nlohmann::ordered_json ToJson(const Timing& timing, uint64_t bytes) {
  return {{"runs", timing.runs},
          {"median_seconds", timing.median_seconds},
          {"bytes_per_second", BytesPerSecond(timing, bytes)}};
}

void PrintAsJson(const BenchOptions& options, uint64_t file_bytes, uint64_t bytes, int threads,
                 const std::vector<LevelResult>& results) {
  nlohmann::ordered_json levels = nlohmann::ordered_json::array();
  for (const LevelResult& result : results) {
    levels.push_back({{"level", result.level.number},
                      {"coded_bytes", result.coded_bytes},
                      {"encode", ToJson(result.encode, bytes)},
                      {"encode_verified", ToJson(result.encode_verified, bytes)},
                      {"decode", ToJson(result.decode, bytes)},
                      {"memcpy", ToJson(result.copy, bytes)}});
  }
  PrintJson({{"schema", "plait.bench/1"},
             {"file", DisplayName(options.file)},
             {"file_bytes", file_bytes},
             {"measured_bytes", bytes},
             {"threads", threads},
             {"cpu", CpuVariantName(ActiveCpu())},
             {"levels", std::move(levels)}});
}

void PrintTable(uint64_t bytes, const std::vector<LevelResult>& results) {
  Table table({{"LEVEL"},
               {"CODED", true},
               {"PERCENT", true},
               {"ENCODE", true},
               {"AND VERIFY", true},
               {"DECODE", true},
               {"MEMCPY", true}});
  const auto speed = [&](const Timing& timing) {
    return absl::StrCat(HumanBytes(static_cast<uint64_t>(BytesPerSecond(timing, bytes))), "/s");
  };
  for (const LevelResult& result : results) {
    table.AddRow({absl::StrCat("-", result.level.number), HumanBytes(result.coded_bytes),
                  absl::StrFormat("%.2f %%", PercentOf(result.coded_bytes, bytes)), speed(result.encode),
                  speed(result.encode_verified), speed(result.decode), speed(result.copy)});
  }
  std::fputs(table.Text(TerminalColumns(STDOUT_FILENO)).c_str(), stdout);
}

// Above the table, and there while it is still being measured.
void PrintConditions(const BenchOptions& options, uint64_t file_bytes, uint64_t bytes, int threads) {
  const std::string part =
      bytes == file_bytes ? HumanBytes(bytes) : absl::StrFormat("%s of %s", HumanBytes(bytes), HumanBytes(file_bytes));
  const std::string text =
      absl::StrFormat("%s: %s, in memory, %d %s, CPU %s\nmedians of at least %d runs and %g s each",
                      WithoutControls(DisplayName(options.file)), part, threads, threads == 1 ? "thread" : "threads",
                      std::string(CpuVariantName(ActiveCpu())), kLeastRuns, options.seconds);
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

absl::Status BenchFile(const BenchOptions& options) {
  Input input;
  PLAIT_ASSIGN_OR_RETURN(input.file, OpenSeekable(options.file));
  PLAIT_ASSIGN_OR_RETURN(const PlaitMarks marks, FindPlaitMarks(input));
  if (marks.container || marks.stream) {
    return absl::UnimplementedError("already a Plait file; bench takes an original");
  }
  const FileSource& source = *input.file;
  Memory memory;
  PLAIT_ASSIGN_OR_RETURN(memory.original, ReadSample(source, options.max_bytes));
  const uint64_t bytes = memory.original.size();
  memory.coded.Reserve(bytes);
  const int threads = ThreadCount(options.threads);
  if (!options.json) PrintConditions(options, source.size(), bytes, threads);
  std::vector<LevelResult> results;
  for (const Level& level : kLevels) {
    PLAIT_ASSIGN_OR_RETURN(const LevelResult result, MeasureLevel(level, threads, options.seconds, memory));
    results.push_back(result);
  }
  if (options.json) {
    PrintAsJson(options, source.size(), bytes, threads, results);
  } else {
    PrintTable(bytes, results);
  }
  return absl::OkStatus();
}

}  // namespace

int RunBench(const BenchOptions& options) {
  if (absl::Status status = BenchFile(options); !status.ok()) return Report(DisplayName(options.file), status);
  return kExitOk;
}

}  // namespace plait
