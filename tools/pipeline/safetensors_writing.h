// A .safetensors file, written from front to back.
#ifndef PLAIT_TOOLS_PIPELINE_SAFETENSORS_WRITING_H_
#define PLAIT_TOOLS_PIPELINE_SAFETENSORS_WRITING_H_

#include <span>

#include "absl/status/status.h"
#include "formats/base/byte_io.h"
#include "formats/safetensors/safetensors_header.h"
#include "tools/pipeline/progress.h"
#include "tools/pipeline/tensor_files.h"

namespace plait {

// Places `tensors`, whose sizes are end - begin, one behind the other, and appends the header of a file that holds them
// in this order. Returns: kDataLoss if two have the same name; kResourceExhausted above the field's limit.
absl::Status AppendSafetensorsHeader(std::span<TensorInfo> tensors, ByteSink& sink);

// Appends the bytes of a tensor.
absl::Status CopyTensor(const TensorFiles& files, size_t tensor, ByteSink& sink, Progress& progress);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_SAFETENSORS_WRITING_H_
