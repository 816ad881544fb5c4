// A Plait file of either form, from wherever it comes.
#ifndef PLAIT_TOOLS_PIPELINE_PLAIT_INPUT_H_
#define PLAIT_TOOLS_PIPELINE_PLAIT_INPUT_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "formats/container/container_reader.h"
#include "formats/frame_stream/frame_stream_reader.h"
#include "tools/pipeline/decode.h"
#include "tools/pipeline/input.h"

namespace plait {

// How the first bytes, and of a regular file the last ones, look.
struct PlaitMarks {
  bool container = false;
  bool stream = false;
};

// Returns: kUnavailable if reading fails.
absl::StatusOr<PlaitMarks> FindPlaitMarks(const Input& input);

// kFailedPrecondition, for what has no marks.
absl::Status NotPlaitFile();

// The input from its first byte on. `holder` keeps what the stream is made of; `input` outlives it.
ByteStream& AsStream(const Input& input, std::unique_ptr<FileStream>& holder);

class PlaitInput {
 public:
  // Opens `path` ("-": stdin). A container that comes through a pipe is spooled to `spool_directory` (Spool) first:
  // what is in it stands at its end. Returns: kFailedPrecondition if it is no Plait file; as OpenInput,
  // ContainerReader::Open and FrameStreamReader::Open.
  static absl::StatusOr<PlaitInput> Open(const std::string& path, const std::string& spool_directory);

  // The same, but for those who read tensors out of order: kUnimplemented for a frame stream.
  static absl::StatusOr<PlaitInput> OpenContainer(const std::string& path);

  // Exactly one of the two is not null.
  const ContainerReader* container() const { return container_ ? &*container_ : nullptr; }
  FrameStreamReader* stream() { return stream_ ? &*stream_ : nullptr; }
  // Null for a stream from a pipe.
  const FileSource* file() const { return input_.file.get(); }
  // Of the original, as far as the input says so in front: a stream does not.
  uint64_t original_bytes_ahead() const { return container_ ? container_->original_bytes() : 0; }
  // Of the input: all of a container, what was read of a stream.
  uint64_t coded_bytes() const { return container_ ? input_.file->size() : stream_->bytes_read(); }

  // DecodeContainer or DecodeStream.
  absl::Status Decode(int threads, const PieceReceiver& receive);

 private:
  Input input_;
  std::unique_ptr<FileStream> file_stream_;
  std::optional<ContainerReader> container_;
  std::optional<FrameStreamReader> stream_;
};

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_PLAIT_INPUT_H_
