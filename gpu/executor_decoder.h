// The kernels of a decode on the host executor: every access checked and counted, no GPU needed, and slow.
#ifndef PLAIT_GPU_EXECUTOR_DECODER_H_
#define PLAIT_GPU_EXECUTOR_DECODER_H_

#include <cstdint>

#include "gpu/device_decoder.h"
#include "gpu/simt/counters.h"
#include "gpu/simt/executor.h"

namespace plait::gpu {

class ExecutorDecoder : public DeviceDecoder {
 public:
  // Buffers are in `memory`, which outlives the decoder; warps run in an order of `seed`.
  explicit ExecutorDecoder(simt::GlobalMemory* memory, uint64_t seed = 0) : memory_(memory), seed_(seed) {}

  // Of all launches so far.
  const simt::Counters& counters() const { return counters_; }

 protected:
  // Returns also: kInternal for a fault (gpu/simt/fault.h).
  absl::Status DecodeChecked(const DecodePlan& plan, BlockRun run, const DecodeBuffers& buffers, DeviceStream) override;

 private:
  absl::Status Launch(uint32_t warps, uint32_t shared_bytes, const std::function<void(simt::HostContext&)>& body);

  simt::GlobalMemory* memory_;
  uint64_t seed_;
  simt::Counters counters_;
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_EXECUTOR_DECODER_H_
