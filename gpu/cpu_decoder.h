// The twin of a device: decodes images in the host's memory by the CPU's own coders.
#ifndef PLAIT_GPU_CPU_DECODER_H_
#define PLAIT_GPU_CPU_DECODER_H_

#include <memory>
#include <vector>

#include "codec/tier/tier.h"
#include "gpu/device_decoder.h"

namespace plait::gpu {

// A decode runs on the caller's thread; `buffers.scratch` is not touched. Hosts with several threads give each a
// decoder and a run of its own.
//
// Status words are those of the kernels, with one difference: the CPU goes by the stream's own header and wants zeros
// behind the last digit, neither of which kernels look at. Where these have changed since the plan was made, a block is
// rejected here, or decoded to what the header says. Of DFloat11 streams it says only that something is wrong
// (kTierCorrupt), not what; and it allocates their tables anew for each decode.
class CpuDecoder : public DeviceDecoder {
 public:
  CpuDecoder() : scratch_(std::make_unique<TierScratch>()) {}

 protected:
  absl::Status DecodeChecked(const DecodePlan& plan, BlockRun run, const DecodeBuffers& buffers, DeviceStream) override;

 private:
  TierStatus DecodeBlock(const DecodePlan& plan, uint32_t number, std::span<const uint8_t> image,
                         std::span<uint8_t> out);
  absl::Status DecodeStream(PlaneKind kind, std::span<const uint8_t> stream, const TierBlock& block,
                            std::span<const uint8_t> image, std::span<uint8_t> out);

  TierStatus DecodeHuffman(const DecodePlan& plan, uint32_t number, std::span<const uint8_t> image,
                           std::span<uint8_t> out);

  std::unique_ptr<TierScratch> scratch_;
  std::vector<uint8_t> exponents_;  // of some blocks of a DFloat11 stream
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_CPU_DECODER_H_
