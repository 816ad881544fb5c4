// What bench measures: a file, or as much of it as memory should hold.
#ifndef PLAIT_TOOLS_BENCH_SAMPLE_H_
#define PLAIT_TOOLS_BENCH_SAMPLE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/base/byte_io.h"

namespace plait {

// `source` if it has at most `max_bytes`; else an original of about that many bytes, made of pieces of `source` that
// are spread evenly over it. Of a .safetensors file the pieces are tensors of a smaller valid one, of their dtypes.
// Returns: kUnavailable or kOutOfRange if reading fails.
absl::StatusOr<std::vector<uint8_t>> ReadSample(const ByteSource& source, uint64_t max_bytes);

}  // namespace plait

#endif  // PLAIT_TOOLS_BENCH_SAMPLE_H_
