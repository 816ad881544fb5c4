// A DFloat11 checkpoint's weights, decoded and checked; and the .safetensors file that they came from.
#ifndef PLAIT_TOOLS_PIPELINE_DFLOAT11_IMPORT_H_
#define PLAIT_TOOLS_PIPELINE_DFLOAT11_IMPORT_H_

#include <cstdint>
#include <functional>
#include <span>

#include "absl/status/status.h"
#include "formats/base/byte_io.h"
#include "formats/dfloat11/dfloat11_modules.h"
#include "tools/pipeline/progress.h"
#include "tools/pipeline/tensor_files.h"

namespace plait {

// Decodes a module on `threads` threads and hands its weights, one after the other, to `receive` as pieces of bf16
// bytes, in order. Returns: as HuffmanReader; what `receive` returns. Messages name the module. Memory: gaps and
// positions of the module, a few hundred KiB per thread.
absl::Status DecodeDFloat11Module(const TensorFiles& files, const DFloat11Module& module, int threads,
                                  const std::function<absl::Status(std::span<const uint8_t> weights)>& receive);

// Writes a .safetensors file with the weights of all modules under their own names and all other tensors to `sink`,
// which is empty. Returns: as DFloat11WeightShape and DecodeDFloat11Module; kDataLoss if split positions are wrong or
// two tensors have the same name; kUnavailable for I/O.
absl::Status ImportDFloat11(const TensorFiles& files, const DFloat11Layout& layout, const DFloat11Config& config,
                            int threads, ByteSink& sink, Progress& progress);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_DFLOAT11_IMPORT_H_
