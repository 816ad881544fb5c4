// Files behind the interfaces of formats/base/byte_io.h, and output that appears whole or not at all.
#ifndef PLAIT_TOOLS_PIPELINE_FILES_H_
#define PLAIT_TOOLS_PIPELINE_FILES_H_

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/base/byte_io.h"

namespace plait {

// A regular file, read by position. The size is the one it had when it was opened.
class FileSource : public ByteSource {
 public:
  // Never waits, as for a pipe's writer. Returns: kUnavailable if it cannot be opened; kUnimplemented for what is no
  // regular file.
  static absl::StatusOr<std::unique_ptr<FileSource>> Open(const std::string& path);
  // Takes an open descriptor of a regular file. Returns: kUnavailable if its size cannot be asked.
  static absl::StatusOr<std::unique_ptr<FileSource>> FromDescriptor(int fd);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  uint64_t size() const override { return static_cast<uint64_t>(stat_.st_size); }
  absl::Status ReadAt(uint64_t offset, std::span<uint8_t> bytes) const override;
  const struct stat& stat() const { return stat_; }
  // kUnavailable if size or modification time are no longer those of Open().
  absl::Status CheckUnchanged() const;

 private:
  FileSource(int fd, const struct stat& stat) : fd_(fd), stat_(stat) {}
  int fd_;
  struct stat stat_;
};

// A file that is written under a temporary name beside its target and takes the target's name in Commit(). Whatever
// else happens (destruction, Ctrl-C; only kill -9 is out of reach) the temporary file is removed and the target stays
// as it was. One at a time per process.
class OutputFile : public ByteSink {
 public:
  // `overwrite` false: kAlreadyExists if the target exists, now or at Commit(). `mode` are the permissions it will
  // have. Returns: kUnavailable if it cannot be made.
  static absl::StatusOr<std::unique_ptr<OutputFile>> Create(const std::string& path, bool overwrite, mode_t mode);
  ~OutputFile() override;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  uint64_t size() const override { return flushed_bytes_ + buffer_.size(); }
  absl::Status Append(std::span<const uint8_t> bytes) override;
  absl::Status Truncate(uint64_t size) override;
  absl::Status WriteAt(uint64_t offset, std::span<const uint8_t> bytes) override;
  // Zeros up to `size`, which take no room until WriteAt() replaces them. Requires: size >= size().
  absl::Status Extend(uint64_t size);

  // Writes everything through to the disk and renames.
  absl::Status Commit();

 private:
  OutputFile(int fd, std::string path, std::string temporary, bool overwrite, mode_t mode);
  absl::Status Flush();

  int fd_;
  std::string path_;
  std::string temporary_;
  bool overwrite_;
  mode_t mode_;
  bool committed_ = false;
  uint64_t flushed_bytes_ = 0;
  std::vector<uint8_t> buffer_;
};

// stdout as a sink: bytes go out in order and cannot be taken back. What is left goes out in Flush().
class StdoutSink : public ByteSink {
 public:
  uint64_t size() const override { return flushed_bytes_ + buffer_.size(); }
  absl::Status Append(std::span<const uint8_t> bytes) override;
  absl::Status Truncate(uint64_t size) override;
  absl::Status WriteAt(uint64_t offset, std::span<const uint8_t> bytes) override;
  absl::Status Flush();

 private:
  uint64_t flushed_bytes_ = 0;
  std::vector<uint8_t> buffer_;
};

// The directory that holds `path`, "." if it names none.
std::string DirectoryOf(const std::string& path);

// The permissions of a new file that takes none from another.
mode_t NewFileMode();

// kUnavailable: "what: " and what errno says.
absl::Status SystemError(std::string_view what);

// Writes all of `bytes` to a descriptor. Returns: kUnavailable, with the system's reason.
absl::Status WriteAll(int fd, std::span<const uint8_t> bytes);

// On SIGINT, SIGTERM or SIGHUP every read, write and commit fails with kCancelled from then on, so that the job ends
// and removes what it made; a second signal ends the process at once, with 130. A closed pipe or a reached file-size
// limit becomes a write error.
void InstallSignalHandlers();

// kCancelled after a signal.
absl::Status CheckInterrupted();

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_FILES_H_
