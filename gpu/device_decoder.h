// Decodes blocks of an image (gpu/decode_plan.h) where it stands: on a device, on the host executor, or by the CPU's
// own decoders, all with the same interface, the same elements and the same status words.
//
// Shaped like the field's batched decoders (nvCOMP's low-level interface): sizes are asked for first, every buffer is
// the caller's, work goes to the caller's stream, and Decode() neither allocates, copies nor waits, so that a CUDA
// graph can capture it. Unlike theirs, what is decoded is any run of blocks: a model, a tensor, or the block needed
// next.
//
//   LoadImage (gpu/loader/image_loader.h)  ->  plan, and image bytes for the device
//   plan.image_bytes(), scratch_bytes(), status_words(), output_bytes(run)  ->  allocate
//   decoder.Decode(plan, run, buffers, stream)  ->  elements in buffers.output, a TierStatus a block in buffers.status
#ifndef PLAIT_GPU_DEVICE_DECODER_H_
#define PLAIT_GPU_DEVICE_DECODER_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "gpu/decode_plan.h"

namespace plait::gpu {

// Memory where the decoder runs. May be reused as soon as the stream has passed the decode.
struct DecodeBuffers {
  std::span<const uint8_t> image;  // plan.image_bytes(); a multiple of 16
  std::span<uint8_t> scratch;  // at least plan.scratch_bytes(); a multiple of 16. Runs that share no block may share it
  std::span<uint8_t> output;   // at least plan.output_bytes(run); a multiple of 16. Begins with the run's first block
  std::span<uint32_t> status;  // at least plan.status_words(); word b is of block b, set if b is in the run
};

// A cudaStream_t; null for the default one, and ignored on the host, where a decode is done when Decode() returns.
using DeviceStream = void*;

// Thread rule: one call at a time for each decoder; any number of decoders may share images and plans.
class DeviceDecoder {
 public:
  virtual ~DeviceDecoder() = default;
  DeviceDecoder(const DeviceDecoder&) = delete;
  DeviceDecoder& operator=(const DeviceDecoder&) = delete;

  // Decodes blocks [run.first, run.first + run.count) to plan.output_bytes(run) bytes of `buffers.output`, and sets the
  // status word of each. Elements of a block whose word is not zero are unspecified; others are not touched by it.
  // Blocks are trusted to be those of the plan as far as pointers go; bytes of streams are not trusted.
  // Returns: kInvalidArgument if the run goes beyond the plan, or a buffer is too small or misaligned; kUnavailable if
  // the device refuses a launch. Not what is wrong with a block.
  absl::Status Decode(const DecodePlan& plan, BlockRun run, const DecodeBuffers& buffers,
                      DeviceStream stream = nullptr);

 protected:
  DeviceDecoder() = default;

  // Requires: `run` and `buffers` have been checked and the run is not empty.
  virtual absl::Status DecodeChecked(const DecodePlan& plan, BlockRun run, const DecodeBuffers& buffers,
                                     DeviceStream stream) = 0;
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_DEVICE_DECODER_H_
