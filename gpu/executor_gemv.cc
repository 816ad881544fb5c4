#include "gpu/executor_gemv.h"

#include "codec/base/status.h"
#include "gpu/kernels/tier_gemv.h"

namespace plait::gpu {

absl::Status ExecutorGemv::MultiplyChecked(const GemvPlan& plan, uint32_t batch, const GemvBuffers& buffers,
                                           DeviceStream) {
  const GemvLaunches launches{&plan, batch, &buffers};
  const GemvParams product = launches.product();
  simt::Grid grid = grid_;
  grid.shared_bytes = launches.shared_bytes(grid.warps);
  PLAIT_ASSIGN_OR_RETURN(const simt::Counters products,
                         simt::RunGrid(grid, *memory_, [&](simt::HostContext& ctx) { TierGemvBody(ctx, product); }));
  counters_ += products;
  if (plan.layout.whole_strips()) return absl::OkStatus();
  const GemvRowsParams rows = launches.rows();
  grid.shared_bytes = 0;
  PLAIT_ASSIGN_OR_RETURN(const simt::Counters sums,
                         simt::RunGrid(grid, *memory_, [&](simt::HostContext& ctx) { GemvRowsBody(ctx, rows); }));
  counters_ += sums;
  return absl::OkStatus();
}

}  // namespace plait::gpu
