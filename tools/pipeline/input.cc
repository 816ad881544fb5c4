#include "tools/pipeline/input.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "codec/base/status.h"

namespace plait {
namespace {

constexpr size_t kSpoolBytes = size_t{1} << 20;
// As much as an unprivileged process may ask for: fewer switches between the two ends.
constexpr int kPipeBytes = 1 << 20;

absl::StatusOr<int> OpenDescriptor(const std::string& path) {
  if (path == kStdin) {
    const int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    return fd >= 0 ? absl::StatusOr<int>(fd) : SystemError("cannot open stdin");
  }
  while (true) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) return fd;
    if (errno != EINTR) return SystemError("cannot open");
    PLAIT_RETURN_IF_ERROR(CheckInterrupted());
  }
}

// stdin may have been read from before it came to us.
bool IsAtItsBegin(int fd) { return lseek(fd, 0, SEEK_CUR) == 0; }

absl::StatusOr<int> CreateNameless(const std::string& directory) {
  const int fd = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  // A file system without O_TMPFILE: a name that lives for a moment.
  std::string name = directory + "/.plait-spool-XXXXXX";
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named < 0) return Annotate(SystemError("cannot create a temporary file"), directory);
  unlink(name.c_str());
  return named;
}

std::string SpoolDirectory() {
  const char* directory = std::getenv("TMPDIR");
  return directory != nullptr && *directory != '\0' ? directory : "/var/tmp";
}

}  // namespace

DescriptorStream::DescriptorStream(int fd) : fd_(fd) { fcntl(fd_, F_SETPIPE_SZ, kPipeBytes); }

DescriptorStream::~DescriptorStream() { close(fd_); }

absl::StatusOr<size_t> DescriptorStream::Read(std::span<uint8_t> bytes) {
  size_t count = std::min(bytes.size(), peeked_.size() - peeked_read_);
  std::copy_n(peeked_.begin() + peeked_read_, count, bytes.begin());
  peeked_read_ += count;
  while (count < bytes.size()) {
    PLAIT_RETURN_IF_ERROR(CheckInterrupted());
    const ssize_t got = read(fd_, bytes.data() + count, bytes.size() - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("cannot read");
    if (got == 0) break;
    count += static_cast<size_t>(got);
  }
  return count;
}

absl::StatusOr<std::span<const uint8_t>> DescriptorStream::Peek(size_t count) {
  peeked_.resize(count);
  peeked_read_ = count;  // so that Read() asks the descriptor
  PLAIT_ASSIGN_OR_RETURN(const size_t found, Read(peeked_));
  peeked_.resize(found);
  peeked_read_ = 0;
  return std::span<const uint8_t>(peeked_);
}

absl::StatusOr<size_t> FileStream::Read(std::span<uint8_t> bytes) {
  PLAIT_ASSIGN_OR_RETURN(const size_t count, stream_.Read(bytes));
  if (count < bytes.size()) PLAIT_RETURN_IF_ERROR(file_->CheckUnchanged());
  return count;
}

absl::StatusOr<Input> OpenInput(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(const int fd, OpenDescriptor(path));
  struct stat stat;
  const bool known = fstat(fd, &stat) == 0;
  Input input;
  if (known && S_ISREG(stat.st_mode) && (path != kStdin || IsAtItsBegin(fd))) {
    PLAIT_ASSIGN_OR_RETURN(input.file, FileSource::FromDescriptor(fd));
    return input;
  }
  input.pipe = std::make_unique<DescriptorStream>(fd);
  if (known && S_ISDIR(stat.st_mode)) return absl::InvalidArgumentError("found a directory, expected a file");
  if (isatty(fd) != 0) return absl::InvalidArgumentError("found a terminal, expected a file or a pipe");
  return input;
}

absl::StatusOr<std::unique_ptr<FileSource>> Spool(ByteStream& stream, const std::string& directory) {
  PLAIT_ASSIGN_OR_RETURN(const int fd, CreateNameless(directory.empty() ? SpoolDirectory() : directory));
  const auto copy = [&]() -> absl::Status {
    std::vector<uint8_t> bytes(kSpoolBytes);
    while (true) {
      PLAIT_ASSIGN_OR_RETURN(const size_t count, stream.Read(bytes));
      PLAIT_RETURN_IF_ERROR(Annotate(WriteAll(fd, std::span(bytes).first(count)), "temporary file"));
      if (count < bytes.size()) return absl::OkStatus();
    }
  };
  if (absl::Status status = copy(); !status.ok()) {
    close(fd);
    return status;
  }
  return FileSource::FromDescriptor(fd);
}

absl::StatusOr<std::unique_ptr<FileSource>> OpenSeekable(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(Input input, OpenInput(path));
  return input.file != nullptr ? std::move(input.file) : Spool(*input.pipe, "");
}

}  // namespace plait
