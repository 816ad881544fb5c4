// What a container or a frame stream holds, decoded and checked, piece by piece in the order of the original.
#ifndef PLAIT_TOOLS_PIPELINE_DECODE_H_
#define PLAIT_TOOLS_PIPELINE_DECODE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "formats/container/container_reader.h"
#include "formats/frame_stream/frame_stream_reader.h"

namespace plait {

// A block of a frame, a stretch of a plain tensor, or what is wrong with either.
struct DecodedPiece {
  std::string tensor = {};              // its name; empty for the header, and for a stream's frame that is no tensor's
  std::optional<uint64_t> block = {};   // of a frame
  std::string where = {};               // of messages: "tensor T: block N"
  uint64_t original_offset = 0;         // in the original file
  std::span<const uint8_t> bytes = {};  // unspecified unless status is OK
  uint64_t coded_bytes = 0;             // about; for progress
  absl::Status status = {};             // without `where` in front
};

using PieceReceiver = std::function<absl::Status(const DecodedPiece&)>;

// Hands out the original's header, then decodes every tensor on `threads` threads and hands the pieces to `receive` one
// at a time, in order. After the last good piece of a tensor whose decoded hash is wrong, or whose frame cannot be
// opened, one more piece says so. A status that is not OK from `receive` ends the run and is returned; damaged pieces
// alone do not.
absl::Status DecodeContainer(const ContainerReader& container, int threads, const PieceReceiver& receive);

enum class StreamCheck {
  kStructure,  // headers, footers and index; pieces have no bytes
  kFull,
};

// The same for a frame stream, which is read to its end. What keeps the next part from being found (a wrong length, the
// end in the middle) is one last piece.
absl::Status DecodeStream(FrameStreamReader& stream, int threads, StreamCheck check, const PieceReceiver& receive);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_DECODE_H_
