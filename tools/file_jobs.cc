#include "tools/file_jobs.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "codec/base/status.h"
#include "formats/container/container_reader.h"
#include "tools/names.h"
#include "tools/pipeline/decode.h"
#include "tools/pipeline/encode.h"
#include "tools/pipeline/estimate.h"
#include "tools/pipeline/files.h"
#include "tools/pipeline/where.h"

namespace plait {
namespace {

constexpr uint64_t kCopyBytes = uint64_t{1} << 20;

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

absl::StatusOr<std::unique_ptr<OutputFile>> CreateOutput(const std::string& path, const std::string& output, bool force,
                                                         mode_t mode) {
  PLAIT_RETURN_IF_ERROR(CheckNotSameFile(path, output));
  absl::StatusOr<std::unique_ptr<OutputFile>> file = OutputFile::Create(output, force, mode);
  if (!file.ok()) return Annotate(file.status(), output);
  return file;
}

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

}  // namespace

absl::StatusOr<bool> IsPlaitFile(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> source, FileSource::Open(path));
  return LooksLikeContainer(*source);
}

uint64_t FileBytes(const std::string& path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 ? static_cast<uint64_t>(found.st_size) : 0;
}

absl::StatusOr<JobSizes> CompressFile(const std::string& path, const std::string& output,
                                      const CompressOptions& options, Progress& progress) {
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> source, FileSource::Open(path));
  PLAIT_ASSIGN_OR_RETURN(const bool is_container, LooksLikeContainer(*source));
  if (is_container && !options.force) {
    return absl::UnimplementedError("already a Plait file; -f compresses it once more");
  }
  PLAIT_ASSIGN_OR_RETURN(const ContainerPlan plan, PlanContainer(*source, options.strict));
  if (options.dry_run) {
    PLAIT_ASSIGN_OR_RETURN(const uint64_t estimate, EstimateContainerBytes(*source, plan, progress));
    return JobSizes{source->size(), estimate};
  }
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file,
                         CreateOutput(path, output, options.force, source->stat().st_mode));
  const EncodeOptions encode = {.threads = ThreadCount(options.threads), .verify = options.verify};
  PLAIT_RETURN_IF_ERROR(EncodeContainer(*source, plan, encode, *file, progress));
  PLAIT_RETURN_IF_ERROR(source->CheckUnchanged());
  PLAIT_RETURN_IF_ERROR(Annotate(file->Commit(), output));
  return JobSizes{source->size(), file->size()};
}

absl::StatusOr<JobSizes> DecompressFile(const std::string& path, const std::string& output,
                                        const DecompressOptions& options, Progress& progress) {
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> source, FileSource::Open(path));
  PLAIT_ASSIGN_OR_RETURN(const ContainerReader container, ContainerReader::Open(source.get()));
  const JobSizes sizes = {container.original_bytes(), source->size()};
  const int threads = ThreadCount(options.threads);
  if (output.empty()) {
    StdoutSink sink;
    PLAIT_RETURN_IF_ERROR(WriteOriginal(container, threads, sink, progress));
    return sizes;
  }
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file,
                         CreateOutput(path, output, options.force, source->stat().st_mode));
  PLAIT_RETURN_IF_ERROR(WriteOriginal(container, threads, *file, progress));
  PLAIT_RETURN_IF_ERROR(Annotate(file->Commit(), output));
  return sizes;
}

absl::StatusOr<JobSizes> CopyFile(const std::string& path, const std::string& output, bool force, Progress& progress) {
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<FileSource> source, FileSource::Open(path));
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file,
                         CreateOutput(path, output, force, source->stat().st_mode));
  std::vector<uint8_t> bytes;
  for (uint64_t begin = 0; begin < source->size(); begin += kCopyBytes) {
    bytes.resize(std::min(kCopyBytes, source->size() - begin));
    PLAIT_RETURN_IF_ERROR(source->ReadAt(begin, bytes));
    PLAIT_RETURN_IF_ERROR(file->Append(bytes));
    progress.Add(bytes.size(), bytes.size());
  }
  PLAIT_RETURN_IF_ERROR(Annotate(file->Commit(), output));
  return JobSizes{source->size(), source->size()};
}

}  // namespace plait
