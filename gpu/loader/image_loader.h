// From the coded blocks of a container to an image that a device decodes (gpu/decode_plan.h).
//
// Takes spans, so that it knows no file: whoever has a container maps it and says where the blocks are (gpu/README.md
// shows how). Reads every block once, from the first to the last, checks the hash of its coded bytes, and keeps none:
// what stays in memory is one block and the tables, about 0.05 bits per weight.
#ifndef PLAIT_GPU_LOADER_IMAGE_LOADER_H_
#define PLAIT_GPU_LOADER_IMAGE_LOADER_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/block/block_codec.h"
#include "gpu/decode_plan.h"

namespace plait::gpu {

struct CodedBlock {
  BlockSpec spec;
  std::span<const uint8_t> bytes;  // header and payload and nothing else
};

struct CodedTensor {
  std::string name;
  std::vector<CodedBlock> blocks;
};

// How blocks got into an image.
struct LoadCounts {
  uint64_t as_coded = 0;  // tier blocks, planes as they stand in the container
  uint64_t recoded = 0;   // of other coders: decoded here, and coded by tier
  uint64_t plain = 0;     // as elements: no kernel knows their planes, or tier would not make them smaller
  uint64_t damaged = 0;   // without elements (LoadOptions::keep_damaged)
};

struct LoadProgress {
  const std::string& tensor;  // that has been loaded
  uint64_t tensors_done;
  uint64_t num_tensors;
};

struct LoadOptions {
  // Whether blocks that kernels cannot decode as they are are recoded, or taken plain. Otherwise they are refused.
  bool recode = true;
  // A block that is damaged gets a status word and no elements, and does not end the load.
  bool keep_damaged = false;
  std::function<void(const LoadProgress&)> progress = nullptr;  // after each tensor
};

// Whether kernels decode a block as it is: a tier stream, its other plane stored. By its header and directory alone.
bool DecodesAsCoded(const CodedBlock& block);

// The most bytes that the image of these tensors can have, by headers alone; where all blocks decode as coded, at most
// 32 a block and some hundred more than it has.
uint64_t MaxImageBytes(std::span<const CodedTensor> tensors);

struct LoadedImage {
  DecodePlan plan;
  LoadCounts counts;
};

// Writes the image of `tensors` to `sink`, in order, in pieces of at most a block or a table.
// Returns, with tensor and block in the message: as DecodeBlock for a block that is damaged; kUnimplemented for one
// that kernels cannot decode, where options.recode is false; what the sink returns.
absl::StatusOr<LoadedImage> LoadImage(std::span<const CodedTensor> tensors, const LoadOptions& options,
                                      const ImageSink& sink);

// A sink that copies to `image`, which must be as long as the image.
ImageSink SinkTo(std::span<uint8_t> image);

}  // namespace plait::gpu

#endif  // PLAIT_GPU_LOADER_IMAGE_LOADER_H_
