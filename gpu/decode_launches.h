// The launches of a decode, in order, with the parameters of their kernels: what all machines that run kernels share.
#ifndef PLAIT_GPU_DECODE_LAUNCHES_H_
#define PLAIT_GPU_DECODE_LAUNCHES_H_

#include "gpu/device_decoder.h"
#include "gpu/kernels/block_bind.h"
#include "gpu/kernels/block_copy.h"
#include "gpu/kernels/huffman_task.h"
#include "gpu/kernels/tier_task.h"

namespace plait::gpu {

struct DecodeLaunches {
  const DecodePlan* plan;
  BlockRun run;
  const DecodeBuffers* buffers;

  // Must have ended before the others begin, which are independent of each other.
  BlockBindParams bind() const;
  // Nothing to launch if it has no tasks.
  TierDecodeParams tier(uint32_t kernel) const;
  BlockCopyParams copy() const;
  HuffmanDecodeParams huffman() const;

 private:
  template <class T>
  const T* InImage(uint64_t at) const {
    return reinterpret_cast<const T*>(buffers->image.data() + at);
  }
  TierBlock* bound() const { return reinterpret_cast<TierBlock*>(buffers->scratch.data()); }
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_DECODE_LAUNCHES_H_
