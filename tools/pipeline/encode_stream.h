// An original that comes once, in order, into a frame stream: what `plait compress -c` writes.
#ifndef PLAIT_TOOLS_PIPELINE_ENCODE_STREAM_H_
#define PLAIT_TOOLS_PIPELINE_ENCODE_STREAM_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "formats/base/byte_io.h"
#include "tools/pipeline/encode.h"
#include "tools/pipeline/progress.h"

namespace plait {

// Writes what `original` gives until its end to `sink`, which is empty, and returns the number of the original's bytes.
// Nothing written is touched again. An original that begins with the header of a .safetensors file and then breaks off
// or goes on is carried too; with `strict` it is refused, as is one that begins otherwise (kUnimplemented).
// The same bytes for any number of threads. Memory: the original's header, 16 MiB and a few blocks per thread.
// Returns: as EncodeContainer. After a failure the stream has no index, so that readers refuse it.
absl::StatusOr<uint64_t> EncodeStream(ByteStream& original, bool strict, const EncodeOptions& options, ByteSink& sink,
                                      Progress& progress);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_ENCODE_STREAM_H_
