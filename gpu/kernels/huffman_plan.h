// The host's side of decoding DFloat11 streams on a device: validates what the kernel does not, and lays out its work.
#ifndef PLAIT_GPU_KERNELS_HUFFMAN_PLAN_H_
#define PLAIT_GPU_KERNELS_HUFFMAN_PLAN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "gpu/kernels/huffman_task.h"

namespace plait::gpu {

// A stream to decode: the parts that the plan depends on, here, and the addresses of all parts and of the result where
// the kernel runs. Addresses are multiples of 16; nothing behind the last byte of a part is read.
struct HuffmanDeviceStream {
  std::span<const uint8_t> luts;
  std::span<const uint8_t> output_positions;
  uint64_t code_bytes = 0;
  uint64_t gap_bytes = 0;
  uint64_t num_symbols = 0;
  const uint8_t* device_luts = nullptr;
  const uint8_t* device_codes = nullptr;
  const uint8_t* device_gaps = nullptr;
  const uint8_t* device_sign_mantissas = nullptr;
  uint16_t* device_out = nullptr;
};

// What a launch gets of all streams: to be copied to the device as it is. A thread block needs capacity.shared_bytes()
// of shared memory. The kernel wants a zeroed status word for each source.
struct HuffmanDevicePlan {
  std::vector<HuffmanSource> sources;
  std::vector<HuffmanTask> tasks;  // a block each, those of a stream in order
  HuffmanCapacity capacity;
};

// Adds a stream to a plan whose thread blocks shall need no more than `max_shared_bytes`: what a launch may have
// without asking is kHuffmanMaxSharedBytes, and that is enough for all codes of two bits or more.
// Returns, with the plan as it was: what HuffmanReader::Open (codec/huffman/huffman.h) does; kInvalidArgument if an
// address is not a multiple of 16; kResourceExhausted if the stream needs more shared memory.
absl::Status AddHuffmanStream(const HuffmanDeviceStream& stream, uint32_t max_shared_bytes, HuffmanDevicePlan* plan);

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_HUFFMAN_PLAN_H_
