#include "tools/pipeline/plait_input.h"

#include <algorithm>
#include <utility>

#include "codec/base/status.h"

namespace plait {
namespace {

// As much of the front as tells a Plait file.
constexpr size_t kFrontBytes = 64;

}  // namespace

absl::StatusOr<PlaitMarks> FindPlaitMarks(const Input& input) {
  PlaitMarks marks;
  if (input.pipe != nullptr) {
    PLAIT_ASSIGN_OR_RETURN(const auto front, input.pipe->Peek(kFrontBytes));
    marks.stream = LooksLikeFrameStream(front);
    marks.container = StartsLikeContainer(front);
    return marks;
  }
  uint8_t bytes[kFrontBytes];
  const auto front = std::span(bytes).first(std::min<uint64_t>(sizeof(bytes), input.file->size()));
  PLAIT_RETURN_IF_ERROR(input.file->ReadAt(0, front));
  marks.stream = LooksLikeFrameStream(front);
  PLAIT_ASSIGN_OR_RETURN(marks.container, LooksLikeContainer(*input.file));
  return marks;
}

absl::Status NotPlaitFile() {
  return absl::FailedPreconditionError("not a Plait file: found the marks of neither a container nor a frame stream");
}

ByteStream& AsStream(const Input& input, std::unique_ptr<FileStream>& holder) {
  if (input.pipe != nullptr) return *input.pipe;
  holder = std::make_unique<FileStream>(input.file.get());
  return *holder;
}

absl::StatusOr<PlaitInput> PlaitInput::Open(const std::string& path, const std::string& spool_directory) {
  PlaitInput result;
  PLAIT_ASSIGN_OR_RETURN(result.input_, OpenInput(path));
  PLAIT_ASSIGN_OR_RETURN(const PlaitMarks marks, FindPlaitMarks(result.input_));
  if (marks.stream) {
    PLAIT_ASSIGN_OR_RETURN(result.stream_, FrameStreamReader::Open(&AsStream(result.input_, result.file_stream_)));
    return result;
  }
  if (!marks.container) return NotPlaitFile();
  if (result.input_.pipe != nullptr) {
    PLAIT_ASSIGN_OR_RETURN(result.input_.file, Spool(*result.input_.pipe, spool_directory));
    result.input_.pipe = nullptr;
  }
  PLAIT_ASSIGN_OR_RETURN(result.container_, ContainerReader::Open(result.input_.file.get()));
  return result;
}

absl::StatusOr<PlaitInput> PlaitInput::OpenContainer(const std::string& path) {
  PLAIT_ASSIGN_OR_RETURN(PlaitInput input, Open(path, ""));
  if (input.container() != nullptr) return input;
  return absl::UnimplementedError(
      "found a frame stream, expected a container; plait decompress -c FILE | plait compress - -o OUT makes one");
}

absl::Status PlaitInput::Decode(int threads, const PieceReceiver& receive) {
  if (container_) return DecodeContainer(*container_, threads, receive);
  return DecodeStream(*stream_, threads, StreamCheck::kFull, receive);
}

}  // namespace plait
