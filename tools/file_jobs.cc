#include "tools/file_jobs.h"

#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "codec/base/status.h"
#include "tools/names.h"
#include "tools/pipeline/encode.h"
#include "tools/pipeline/encode_stream.h"
#include "tools/pipeline/estimate.h"
#include "tools/pipeline/files.h"
#include "tools/pipeline/input.h"
#include "tools/pipeline/levels.h"
#include "tools/pipeline/plait_input.h"

namespace plait {
namespace {

constexpr uint64_t kCopyBytes = uint64_t{1} << 20;

absl::StatusOr<std::unique_ptr<OutputFile>> CreateOutput(const std::string& path, const std::string& output, bool force,
                                                         mode_t mode) {
  PLAIT_RETURN_IF_ERROR(CheckNotSameFile(path, output));
  absl::StatusOr<std::unique_ptr<OutputFile>> file = OutputFile::Create(output, force, mode);
  if (!file.ok()) return Annotate(file.status(), output);
  return file;
}

// The permissions of the source. What came out of a pipe, spooled into a file without a name or not, gets those of any
// new file.
mode_t ModeFor(const FileSource* source) {
  return source != nullptr && source->stat().st_nlink != 0 ? source->stat().st_mode : NewFileMode();
}

PieceReceiver AppendTo(ByteSink& sink, Progress& progress) {
  return [&](const DecodedPiece& piece) -> absl::Status {
    if (!piece.status.ok()) return Annotate(piece.status, piece.where);
    progress.Add(piece.bytes.size(), piece.coded_bytes);
    return sink.Append(piece.bytes);
  };
}

absl::StatusOr<JobSizes> WriteOriginal(PlaitInput& input, int threads, ByteSink& sink, Progress& progress) {
  PLAIT_RETURN_IF_ERROR(input.Decode(threads, AppendTo(sink, progress)));
  const JobSizes sizes = {sink.size(), input.coded_bytes()};
  if (input.container() == nullptr || sink.size() == input.original_bytes_ahead()) return sizes;
  return absl::DataLossError(FoundExpected("original bytes", sink.size(), input.original_bytes_ahead()));
}

// The level has been checked.
EncodeOptions EncodeOptionsFor(const CompressOptions& options) {
  return {.level = *FindLevel(options.level), .threads = ThreadCount(options.threads), .verify = options.verify};
}

absl::StatusOr<JobSizes> CompressToStdout(const Input& input, const CompressOptions& options, Progress& progress) {
  std::unique_ptr<FileStream> holder;
  StdoutSink sink;
  const EncodeOptions encode = EncodeOptionsFor(options);
  PLAIT_ASSIGN_OR_RETURN(const uint64_t original_bytes,
                         EncodeStream(AsStream(input, holder), options.strict, encode, sink, progress));
  PLAIT_RETURN_IF_ERROR(sink.Flush());
  return JobSizes{original_bytes, sink.size()};
}

absl::StatusOr<JobSizes> CompressToFile(const std::string& path, const Input& input, const std::string& output,
                                        const CompressOptions& options, Progress& progress) {
  const FileSource& source = *input.file;
  PLAIT_ASSIGN_OR_RETURN(const ContainerPlan plan, PlanContainer(source, options.strict));
  if (options.dry_run) {
    PLAIT_ASSIGN_OR_RETURN(const uint64_t estimate,
                           EstimateContainerBytes(source, plan, *FindLevel(options.level), progress));
    return JobSizes{source.size(), estimate};
  }
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file,
                         CreateOutput(path, output, options.force, ModeFor(&source)));
  const EncodeOptions encode = EncodeOptionsFor(options);
  PLAIT_RETURN_IF_ERROR(EncodeContainer(source, plan, encode, *file, progress));
  PLAIT_RETURN_IF_ERROR(source.CheckUnchanged());
  PLAIT_RETURN_IF_ERROR(Annotate(file->Commit(), output));
  return JobSizes{source.size(), file->size()};
}

}  // namespace

absl::StatusOr<bool> IsPlaitFile(const std::string& path) {
  Input input;
  PLAIT_ASSIGN_OR_RETURN(input.file, FileSource::Open(path));
  PLAIT_ASSIGN_OR_RETURN(const PlaitMarks marks, FindPlaitMarks(input));
  return marks.container || marks.stream;
}

uint64_t FileBytes(const std::string& path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) ? static_cast<uint64_t>(found.st_size) : 0;
}

absl::StatusOr<JobSizes> CompressFile(const std::string& path, const std::string& output,
                                      const CompressOptions& options, Progress& progress) {
  PLAIT_ASSIGN_OR_RETURN(Input input, OpenInput(path));
  PLAIT_ASSIGN_OR_RETURN(const PlaitMarks marks, FindPlaitMarks(input));
  if ((marks.container || marks.stream) && !options.force) {
    return absl::UnimplementedError("already a Plait file; -f compresses it once more");
  }
  if (output.empty() && !options.dry_run) return CompressToStdout(input, options, progress);
  if (input.pipe != nullptr) {
    PLAIT_ASSIGN_OR_RETURN(input.file, Spool(*input.pipe, output.empty() ? "" : DirectoryOf(output)));
    input.pipe = nullptr;
  }
  return CompressToFile(path, input, output, options, progress);
}

absl::StatusOr<JobSizes> DecompressFile(const std::string& path, const std::string& output,
                                        const DecompressOptions& options, Progress& progress) {
  PLAIT_ASSIGN_OR_RETURN(PlaitInput input, PlaitInput::Open(path, output.empty() ? "" : DirectoryOf(output)));
  const int threads = ThreadCount(options.threads);
  if (output.empty()) {
    StdoutSink sink;
    PLAIT_ASSIGN_OR_RETURN(const JobSizes sizes, WriteOriginal(input, threads, sink, progress));
    PLAIT_RETURN_IF_ERROR(sink.Flush());
    return sizes;
  }
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file,
                         CreateOutput(path, output, options.force, ModeFor(input.file())));
  PLAIT_ASSIGN_OR_RETURN(const JobSizes sizes, WriteOriginal(input, threads, *file, progress));
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
