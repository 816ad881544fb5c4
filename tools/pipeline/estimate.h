// What compressing would give, from a part of the blocks.
#ifndef PLAIT_TOOLS_PIPELINE_ESTIMATE_H_
#define PLAIT_TOOLS_PIPELINE_ESTIMATE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "formats/base/byte_io.h"
#include "formats/container/container_writer.h"
#include "tools/pipeline/levels.h"
#include "tools/pipeline/progress.h"

namespace plait {

// Bytes of the container that EncodeContainer would write at this level: every eighth block of each tensor is coded and
// stands for the others. Returns: kUnavailable or kOutOfRange if reading fails.
absl::StatusOr<uint64_t> EstimateContainerBytes(const ByteSource& original, const ContainerPlan& plan,
                                                const Level& level, Progress& progress);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_ESTIMATE_H_
