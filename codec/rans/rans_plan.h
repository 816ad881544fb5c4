// How levels are made from counts.
#ifndef PLAIT_CODEC_RANS_RANS_PLAN_H_
#define PLAIT_CODEC_RANS_RANS_PLAN_H_

#include "codec/histogram/histogram.h"
#include "codec/rans/rans_table.h"

namespace plait {

// The level below the first `level_index` (>= 1) levels, for what escaped from them, counted exactly. False if raw
// symbols are no larger, or if there may be no more levels. Ties go to the smaller symbol: a level depends on the
// counts alone.
[[nodiscard]] bool PlanDeeperRansLevel(const ByteHistogram& counts, size_t level_index, RansLevel* level);

}  // namespace plait

#endif  // PLAIT_CODEC_RANS_RANS_PLAN_H_
