// What a verb reads: a regular file, or bytes that come once (stdin, pipes, devices).
#ifndef PLAIT_TOOLS_PIPELINE_INPUT_H_
#define PLAIT_TOOLS_PIPELINE_INPUT_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/base/byte_io.h"
#include "tools/pipeline/files.h"

namespace plait {

// "-", which is stdin wherever a file is named.
inline constexpr char kStdin[] = "-";

// A descriptor, read in order; closed in the end. The first bytes can be looked at before they are read.
class DescriptorStream : public ByteStream {
 public:
  explicit DescriptorStream(int fd);
  ~DescriptorStream() override;
  DescriptorStream(const DescriptorStream&) = delete;
  DescriptorStream& operator=(const DescriptorStream&) = delete;

  absl::StatusOr<size_t> Read(std::span<uint8_t> bytes) override;

  // The first bytes that Read() will give: `count` of them, or all if there are fewer.
  absl::StatusOr<std::span<const uint8_t>> Peek(size_t count);

 private:
  int fd_;
  std::vector<uint8_t> peeked_;
  size_t peeked_read_ = 0;  // of these, given out
};

// A regular file from its first byte to its last. The end is an error (kUnavailable) if the file changed meanwhile.
class FileStream : public ByteStream {
 public:
  explicit FileStream(const FileSource* file) : file_(file), stream_(file) {}
  absl::StatusOr<size_t> Read(std::span<uint8_t> bytes) override;

 private:
  const FileSource* file_;
  SourceStream stream_;
};

// One of the two.
struct Input {
  std::unique_ptr<FileSource> file;
  std::unique_ptr<DescriptorStream> pipe;
};

// Opens `path`, or stdin for "-". A pipe without a writer is waited for, as everywhere.
// Returns: kUnavailable if it cannot be opened; kInvalidArgument for a directory and for a terminal.
absl::StatusOr<Input> OpenInput(const std::string& path);

// The rest of `stream` in a file without a name, in `directory` if that is not empty, else where $TMPDIR says (/var/tmp
// otherwise): for what has to be read more than once. It is gone when it is closed.
absl::StatusOr<std::unique_ptr<FileSource>> Spool(ByteStream& stream, const std::string& directory);

// `path` as something that can be read at any place: opened, and spooled if it is a pipe.
absl::StatusOr<std::unique_ptr<FileSource>> OpenSeekable(const std::string& path);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_INPUT_H_
