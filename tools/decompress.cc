// plait decompress: the byte-exact original.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "codec/base/status.h"
#include "tools/exit_code.h"
#include "tools/names.h"
#include "tools/pipeline/decode.h"
#include "tools/pipeline/files.h"
#include "tools/pipeline/progress.h"
#include "tools/pipeline/where.h"
#include "tools/verbs.h"

namespace plait {
namespace {

// stdout as a sink: bytes go out as they come and cannot be taken back.
class StdoutSink : public ByteSink {
 public:
  uint64_t size() const override { return bytes_; }
  absl::Status Append(std::span<const uint8_t> bytes) override {
    bytes_ += bytes.size();
    return Annotate(WriteAll(STDOUT_FILENO, bytes), "stdout");
  }
  absl::Status Truncate(uint64_t) override { return absl::InternalError("stdout cannot be truncated"); }
  absl::Status WriteAt(uint64_t, std::span<const uint8_t>) override {
    return absl::InternalError("stdout cannot be overwritten");
  }

 private:
  uint64_t bytes_ = 0;
};

struct DecompressResult {
  std::string output;
  uint64_t original_bytes = 0;
  uint64_t coded_bytes = 0;
  double seconds = 0;
};

absl::Status WriteOriginal(const ContainerReader& container, int threads, ByteSink& sink, Progress& progress) {
  PLAIT_RETURN_IF_ERROR(sink.Append(container.original_header()));
  PLAIT_RETURN_IF_ERROR(DecodeContainer(container, threads, [&](const DecodedPiece& piece) -> absl::Status {
    if (!piece.status.ok()) {
      return Annotate(piece.status,
                      Where(container.kind(), container.tensors()[piece.tensor].original.name, piece.block));
    }
    progress.Add(piece.bytes.size(), piece.coded_bytes);
    return sink.Append(piece.bytes);
  }));
  if (sink.size() == container.original_bytes()) return absl::OkStatus();
  return absl::DataLossError(FoundExpected("original bytes", sink.size(), container.original_bytes()));
}

absl::StatusOr<DecompressResult> DecompressFile(const std::string& path, const DecompressOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  DecompressResult result;
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> source, FileSource::Open(path));
  PLAIT_ASSIGN_OR_RETURN(const ContainerReader container, ContainerReader::Open(source.get()));
  const int threads = ThreadCount(options.threads);
  Progress progress(path, container.original_bytes());
  if (options.to_stdout) {
    StdoutSink sink;
    PLAIT_RETURN_IF_ERROR(WriteOriginal(container, threads, sink, progress));
  } else {
    result.output = options.output;
    if (result.output.empty()) {
      PLAIT_ASSIGN_OR_RETURN(result.output, OriginalName(path));
    }
    PLAIT_RETURN_IF_ERROR(CheckNotSameFile(path, result.output));
    absl::StatusOr<std::unique_ptr<OutputFile>> output =
        OutputFile::Create(result.output, options.force, source->stat().st_mode);
    if (!output.ok()) return Annotate(output.status(), result.output);
    PLAIT_RETURN_IF_ERROR(WriteOriginal(container, threads, **output, progress));
    PLAIT_RETURN_IF_ERROR(Annotate((*output)->Commit(), result.output));
  }
  if (options.remove_source) PLAIT_RETURN_IF_ERROR(RemoveFile(path));
  result.original_bytes = container.original_bytes();
  result.coded_bytes = source->size();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

nlohmann::ordered_json ToJson(const DecompressResult& result) {
  return {{"output", result.output},
          {"original_bytes", result.original_bytes},
          {"coded_bytes", result.coded_bytes},
          {"seconds", result.seconds}};
}

absl::Status CheckOptions(const DecompressOptions& options) {
  if (options.to_stdout && options.json) return absl::InvalidArgumentError("-c and --json both want stdout");
  if (options.to_stdout && !options.output.empty()) return absl::InvalidArgumentError("-c and -o name two outputs");
  if (!options.output.empty() && options.files.size() > 1) {
    return absl::InvalidArgumentError(FoundExpected("files with -o", options.files.size(), 1));
  }
  return absl::OkStatus();
}

}  // namespace

int RunDecompress(const DecompressOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return Report("", status);
  int exit_code = kExitOk;
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const std::string& path : options.files) {
    const absl::StatusOr<DecompressResult> result = DecompressFile(path, options);
    if (!result.ok()) {
      const int code = Report(path, result.status());
      if (exit_code == kExitOk) exit_code = code;
      continue;
    }
    results.push_back(ToJson(*result));
    if (!options.json && !options.to_stdout) {
      const std::string line =
          absl::StrFormat("%s: %s restored, %.2f s", path, HumanBytes(result->original_bytes), result->seconds);
      std::fprintf(stderr, "%s\n", line.c_str());
      std::printf("%s\n", result->output.c_str());
    }
  }
  if (options.json && !results.empty()) {
    nlohmann::ordered_json document = {{"schema", "plait.decompress/1"}};
    if (options.files.size() == 1) {
      document.update(results[0]);
    } else {
      document["files"] = results;
    }
    std::printf("%s\n", document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  }
  return exit_code;
}

}  // namespace plait
