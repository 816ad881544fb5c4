#include "gpu/executor_decoder.h"

#include "codec/base/status.h"
#include "gpu/decode_launches.h"
#include "gpu/kernels/huffman_decode.h"
#include "gpu/kernels/tier_decode.h"

namespace plait::gpu {
namespace {

using simt::HostContext;

void RunTier(PlaneKind kind, TierCapacity capacity, HostContext& ctx, const TierDecodeParams& params) {
  switch (kind) {
    case PlaneKind::kBf16: return TierDecodeBody<PlaneKind::kBf16>(ctx, capacity, params);
    case PlaneKind::kE4m3: return TierDecodeBody<PlaneKind::kE4m3>(ctx, capacity, params);
    case PlaneKind::kE5m2: return TierDecodeBody<PlaneKind::kE5m2>(ctx, capacity, params);
    default: return TierDecodeBody<PlaneKind::kBytes>(ctx, capacity, params);
  }
}

}  // namespace

absl::Status ExecutorDecoder::Launch(uint32_t warps, uint32_t shared_bytes,
                                     const std::function<void(HostContext&)>& body) {
  constexpr uint32_t kThreadBlocks = 2;
  PLAIT_ASSIGN_OR_RETURN(
      const simt::Counters counters,
      simt::RunGrid({.thread_blocks = kThreadBlocks, .warps = warps, .shared_bytes = shared_bytes, .seed = seed_++},
                    *memory_, body));
  counters_ += counters;
  return absl::OkStatus();
}

absl::Status ExecutorDecoder::DecodeChecked(const DecodePlan& plan, BlockRun run, const DecodeBuffers& buffers,
                                            DeviceStream) {
  const DecodeLaunches launches{&plan, run, &buffers};
  const BlockBindParams bind = launches.bind();
  PLAIT_RETURN_IF_ERROR(Launch(kBindWarps, 0, [&](HostContext& ctx) { BlockBindBody(ctx, bind); }));
  for (uint32_t kernel = 0; kernel < kCopyKernel; ++kernel) {
    const TierDecodeParams tier = launches.tier(kernel);
    if (tier.num_tasks == 0) continue;
    const TierCapacity capacity = CapacityOfKernel(kernel);
    PLAIT_RETURN_IF_ERROR(Launch(capacity.warps, capacity.shared_bytes(),
                                 [&](HostContext& ctx) { RunTier(KindOfKernel(kernel), capacity, ctx, tier); }));
  }
  if (const BlockCopyParams copy = launches.copy(); copy.num_tasks != 0) {
    PLAIT_RETURN_IF_ERROR(Launch(kCopyWarps, 0, [&](HostContext& ctx) { BlockCopyBody(ctx, copy); }));
  }
  const HuffmanDecodeParams huffman = launches.huffman();
  if (huffman.num_tasks == 0) return absl::OkStatus();
  return Launch(kHuffmanWarps, huffman.capacity.shared_bytes(),
                [&](HostContext& ctx) { HuffmanDecodeBody(ctx, huffman); });
}

}  // namespace plait::gpu
