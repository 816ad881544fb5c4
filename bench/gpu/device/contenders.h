// What is timed on a device: each reads all weights of a file, coded or not, once a run.
#ifndef PLAIT_BENCH_GPU_DEVICE_CONTENDERS_H_
#define PLAIT_BENCH_GPU_DEVICE_CONTENDERS_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "bench/micro/weights.h"
#include "gpu/device_decoder.h"
#include "gpu/gemv.h"

namespace plait::gpu {

struct Contender {
  std::string name;
  std::string kernel;        // in counts.json; empty: none of ours
  uint64_t coded_bytes = 0;  // what it reads instead of 2 bytes a weight
  uint64_t bytes = 0;        // of memory, read and written, at least
  std::function<absl::Status(cudaStream_t stream)> run;
};

// Each holds its own buffers, on the current device, for as long as the contender lives. `weights` are bf16.
// Returns, for each: kUnavailable if the device refuses memory or a launch; kDataLoss if what comes out is not what
// went in, which is compared once, before anything is timed.

absl::StatusOr<Contender> MakeCopy(const Weights& weights);
// Decoded by our own kernels, all weights in one decode.
absl::StatusOr<Contender> MakeTier(const Weights& weights, DeviceDecoder& decoder);
absl::StatusOr<Contender> MakeHuffman(const Weights& weights, DeviceDecoder& decoder);
// The product with one vector, decoding on the way; its status words are looked at, its result is not.
absl::StatusOr<Contender> MakeTierGemv(const Weights& weights, GemvMultiplier& gemv);

// Where CMake finds their libraries.
absl::StatusOr<Contender> MakeCublasGemv(const Weights& weights);
absl::StatusOr<Contender> MakeNvcompAns(const Weights& weights);

}  // namespace plait::gpu

#endif  // PLAIT_BENCH_GPU_DEVICE_CONTENDERS_H_
