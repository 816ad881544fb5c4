#include "tools/pipeline/files.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "codec/base/status.h"
#include "tools/pipeline/stages.h"

namespace plait {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr int kExitInterrupted = 130;

// What the signal handler looks at. Handlers may only touch lock-free atomics and plain memory, hence no std::string.
std::array<char, 4096> g_temporary_path;
std::atomic<bool> g_has_temporary = false;
std::atomic<bool> g_interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

// The first signal asks the job to end by itself, which removes what it made; the second one does not wait.
void OnSignal(int) {
  if (!g_interrupted.exchange(true)) return;
  if (g_has_temporary.load()) unlink(g_temporary_path.data());
  _exit(kExitInterrupted);
}

absl::Status SyncDirectory(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // Who may write to a directory but not read it cannot sync it.
  if (fd < 0) return errno == EACCES ? absl::OkStatus() : SystemError("cannot open the directory");
  const int failed = fsync(fd);
  close(fd);
  // Some file systems cannot sync a directory; the rename itself is done.
  if (failed != 0 && errno != EINVAL && errno != ENOTSUP) return SystemError("cannot sync the directory");
  return absl::OkStatus();
}

}  // namespace

absl::Status SystemError(std::string_view what) {
  return absl::UnavailableError(absl::StrCat(Absl(what), ": ", std::strerror(errno)));
}

std::string DirectoryOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

mode_t NewFileMode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

absl::StatusOr<std::unique_ptr<FileSource>> FileSource::FromDescriptor(int fd) {
  struct stat stat;
  if (fstat(fd, &stat) != 0) {
    close(fd);
    return SystemError("cannot stat");
  }
  return std::unique_ptr<FileSource>(new FileSource(fd, stat));
}

absl::StatusOr<std::unique_ptr<FileSource>> FileSource::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return SystemError("cannot open");
  PLAIT_ASSIGN_OR_RETURN(std::unique_ptr<FileSource> source, FromDescriptor(fd));
  if (!S_ISREG(source->stat().st_mode)) return absl::UnimplementedError("found no regular file, expected one");
  return source;
}

FileSource::~FileSource() { close(fd_); }

absl::Status FileSource::ReadAt(uint64_t offset, std::span<uint8_t> bytes) const {
  const StageTimer timer(Stage::kRead);
  while (!bytes.empty()) {
    PLAIT_RETURN_IF_ERROR(CheckInterrupted());
    const ssize_t got = pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("cannot read");
    if (got == 0) {
      return absl::OutOfRangeError(
          FoundExpected("file bytes", offset, absl::StrCat(offset + bytes.size(), " or more")));
    }
    offset += static_cast<uint64_t>(got);
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

absl::Status FileSource::CheckUnchanged() const {
  struct stat now;
  if (fstat(fd_, &now) != 0) return SystemError("cannot stat");
  const bool same = now.st_size == stat_.st_size && now.st_mtim.tv_sec == stat_.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == stat_.st_mtim.tv_nsec;
  return same ? absl::OkStatus() : absl::UnavailableError("the file changed while it was read");
}

OutputFile::OutputFile(int fd, std::string path, std::string temporary, bool overwrite, mode_t mode)
    : fd_(fd), path_(std::move(path)), temporary_(std::move(temporary)), overwrite_(overwrite), mode_(mode) {
  buffer_.reserve(kBufferBytes);
}

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path, bool overwrite, mode_t mode) {
  struct stat stat;
  if (lstat(path.c_str(), &stat) == 0) {
    if (S_ISDIR(stat.st_mode)) return absl::AlreadyExistsError("the target is a directory; -o names a file");
    if (!overwrite) return absl::AlreadyExistsError("the target exists; -f overwrites it");
  }
  const std::string name = std::filesystem::path(path).filename();
  const std::string temporary = absl::StrCat(DirectoryOf(path), "/.", name, ".plait-tmp-", getpid());
  if (temporary.size() >= g_temporary_path.size()) return absl::UnavailableError("the path is too long");
  // A file of that name is left from a killed process that had our number.
  unlink(temporary.c_str());
  std::memcpy(g_temporary_path.data(), temporary.c_str(), temporary.size() + 1);
  g_has_temporary = true;
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    g_has_temporary = false;
    return SystemError("cannot create a file beside the target");
  }
  return std::unique_ptr<OutputFile>(new OutputFile(fd, path, temporary, overwrite, mode));
}

OutputFile::~OutputFile() {
  close(fd_);
  if (!committed_) unlink(temporary_.c_str());
  g_has_temporary = false;
}

absl::Status OutputFile::Flush() {
  PLAIT_RETURN_IF_ERROR(WriteAll(fd_, buffer_));
  flushed_bytes_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status OutputFile::Append(std::span<const uint8_t> bytes) {
  const StageTimer timer(Stage::kWrite);
  if (buffer_.size() + bytes.size() > kBufferBytes) PLAIT_RETURN_IF_ERROR(Flush());
  if (bytes.size() > kBufferBytes) {
    PLAIT_RETURN_IF_ERROR(WriteAll(fd_, bytes));
    flushed_bytes_ += bytes.size();
    return absl::OkStatus();
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return absl::OkStatus();
}

absl::Status OutputFile::Truncate(uint64_t size) {
  if (size >= flushed_bytes_) {
    buffer_.resize(size - flushed_bytes_);
    return absl::OkStatus();
  }
  buffer_.clear();
  if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return SystemError("cannot truncate");
  if (lseek(fd_, static_cast<off_t>(size), SEEK_SET) < 0) return SystemError("cannot seek");
  flushed_bytes_ = size;
  return absl::OkStatus();
}

absl::Status OutputFile::WriteAt(uint64_t offset, std::span<const uint8_t> bytes) {
  PLAIT_RETURN_IF_ERROR(Flush());
  while (!bytes.empty()) {
    PLAIT_RETURN_IF_ERROR(CheckInterrupted());
    const ssize_t put = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return SystemError("cannot write");
    offset += static_cast<uint64_t>(put);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Extend(uint64_t size) {
  PLAIT_RETURN_IF_ERROR(Flush());
  if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return SystemError("cannot extend");
  if (lseek(fd_, static_cast<off_t>(size), SEEK_SET) < 0) return SystemError("cannot seek");
  flushed_bytes_ = size;
  return absl::OkStatus();
}

absl::Status OutputFile::Commit() {
  const StageTimer timer(Stage::kWrite);
  PLAIT_RETURN_IF_ERROR(Flush());
  if (fchmod(fd_, mode_ & 0777) != 0) return SystemError("cannot set permissions");
  while (fsync(fd_) != 0) {
    if (errno != EINTR) return SystemError("cannot sync");
    PLAIT_RETURN_IF_ERROR(CheckInterrupted());
  }
  // The last look: once the target is there, the job is done and a signal no longer undoes it.
  PLAIT_RETURN_IF_ERROR(CheckInterrupted());
  const unsigned flags = overwrite_ ? 0 : RENAME_NOREPLACE;
  if (renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), flags) != 0) {
    if (errno == EEXIST) return absl::AlreadyExistsError("the target exists; -f overwrites it");
    // A file system without RENAME_NOREPLACE: Create() looked, which is the best left.
    if (errno != EINVAL || rename(temporary_.c_str(), path_.c_str()) != 0) return SystemError("cannot rename");
  }
  committed_ = true;
  g_has_temporary = false;
  absl::Status status = SyncDirectory(DirectoryOf(path_));
  // The file may not outlive a power cut, so the job has failed; and after a failure nothing stands there.
  if (!status.ok()) unlink(path_.c_str());
  return status;
}

absl::Status StdoutSink::Append(std::span<const uint8_t> bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) PLAIT_RETURN_IF_ERROR(Flush());
  if (bytes.size() < kBufferBytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  flushed_bytes_ += bytes.size();
  return Annotate(WriteAll(STDOUT_FILENO, bytes), "stdout");
}

absl::Status StdoutSink::Truncate(uint64_t) { return absl::InternalError("stdout cannot be truncated"); }

absl::Status StdoutSink::WriteAt(uint64_t, std::span<const uint8_t>) {
  return absl::InternalError("stdout cannot be overwritten");
}

absl::Status StdoutSink::Flush() {
  flushed_bytes_ += buffer_.size();
  const absl::Status status = WriteAll(STDOUT_FILENO, buffer_);
  buffer_.clear();
  return Annotate(status, "stdout");
}

absl::Status WriteAll(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    PLAIT_RETURN_IF_ERROR(CheckInterrupted());
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return SystemError("cannot write");
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

void InstallSignalHandlers() {
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action = {};
    // What was ignored when we were started, as under nohup, stays ignored.
    if (sigaction(signal_number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = OnSignal;
    sigaction(signal_number, &action, nullptr);
  }
  // A closed pipe and a file over its size limit become errors of write().
  for (int signal_number : {SIGPIPE, SIGXFSZ}) signal(signal_number, SIG_IGN);
}

absl::Status CheckInterrupted() {
  if (!g_interrupted.load(std::memory_order_relaxed)) return absl::OkStatus();
  return absl::CancelledError("interrupted");
}

}  // namespace plait
