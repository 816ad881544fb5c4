// An original into a container: read, code, compare, write in order.
#ifndef PLAIT_TOOLS_PIPELINE_ENCODE_H_
#define PLAIT_TOOLS_PIPELINE_ENCODE_H_

#include "absl/status/status.h"
#include "formats/base/byte_io.h"
#include "formats/container/container_writer.h"
#include "tools/pipeline/block_coding.h"
#include "tools/pipeline/progress.h"

namespace plait {

// Writes `original` to `sink`, which is empty, as `plan` says; as one opaque tensor if that came out larger than the
// original by more than 0.1 % and 4 KiB.
// The same bytes for any number of threads. Memory: a few blocks per thread, whatever the size of the original.
// Returns: kUnavailable for I/O; kOutOfRange or kDataLoss if the original changed under us; kInternal if a block did
// not decode to what was coded. Messages name tensor and block.
absl::Status EncodeContainer(const ByteSource& original, const ContainerPlan& plan, const EncodeOptions& options,
                             ByteSink& sink, Progress& progress);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_ENCODE_H_
