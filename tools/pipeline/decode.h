// A container's tensors, decoded and checked, piece by piece in the order of the original.
#ifndef PLAIT_TOOLS_PIPELINE_DECODE_H_
#define PLAIT_TOOLS_PIPELINE_DECODE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "formats/container/container_reader.h"

namespace plait {

// A block of a framed tensor, a stretch of a plain one, or what is wrong with either.
struct DecodedPiece {
  size_t tensor = 0;
  std::optional<uint64_t> block = {};   // of a framed tensor
  uint64_t original_offset = 0;         // in the original file
  std::span<const uint8_t> bytes = {};  // unspecified unless status is OK
  uint64_t coded_bytes = 0;             // about; for progress
  absl::Status status = {};             // without the "tensor T: block N" in front
};

// Decodes every tensor on `threads` threads and hands the pieces to `receive` one at a time, in order. After the last
// good piece of a tensor whose decoded hash is wrong, or whose frame cannot be opened, one more piece says so. A status
// that is not OK from `receive` ends the run and is returned; damaged pieces alone do not.
absl::Status DecodeContainer(const ContainerReader& container, int threads,
                             const std::function<absl::Status(const DecodedPiece&)>& receive);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_DECODE_H_
