// From the modules of a DFloat11 checkpoint to an image that a device decodes (gpu/decode_plan.h): streams stay as they
// are. Takes spans, as image_loader.h does; formats/dfloat11 says which tensors of a checkpoint they are.
#ifndef PLAIT_GPU_LOADER_DFLOAT11_LOADER_H_
#define PLAIT_GPU_LOADER_DFLOAT11_LOADER_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "gpu/decode_plan.h"

namespace plait::gpu {

// A coded module. Its weights come out one behind the other, as one tensor of the plan: where each begins is what the
// module's split_positions say.
struct DFloat11Weights {
  std::string name;
  HuffmanParts parts;
};

struct DFloat11LoadOptions {
  // A module whose parts are wrong gets a status word and no elements, and does not end the load. Codes and gaps are
  // looked at by decoders alone.
  bool keep_damaged = false;
};

// The bytes that the image of these modules has at most.
uint64_t MaxDFloat11ImageBytes(std::span<const DFloat11Weights> modules);

// Writes the image of `modules` to `sink`, in order, in pieces of at most a part or a table.
// Returns, with the module in the message: as ImageBuilder::AddHuffman.
absl::StatusOr<DecodePlan> LoadDFloat11Image(std::span<const DFloat11Weights> modules,
                                             const DFloat11LoadOptions& options, const ImageSink& sink);

}  // namespace plait::gpu

#endif  // PLAIT_GPU_LOADER_DFLOAT11_LOADER_H_
