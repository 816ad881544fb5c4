// A model's weights as a DFloat11 checkpoint.
#ifndef PLAIT_TOOLS_PIPELINE_DFLOAT11_EXPORT_H_
#define PLAIT_TOOLS_PIPELINE_DFLOAT11_EXPORT_H_

#include "absl/status/status.h"
#include "formats/base/byte_io.h"
#include "formats/dfloat11/dfloat11_modules.h"
#include "tools/pipeline/progress.h"
#include "tools/pipeline/tensor_files.h"

namespace plait {

// Writes the checkpoint's one .safetensors file to `sink`, which is empty. The same bytes for any number of threads.
// Weights are read three times: counted, for codes need the counts of a whole module; coded; and split. Memory: a few
// MiB per thread, gaps and positions of a module, a KiB for each 2^17 weights of a module.
// Returns: kUnimplemented for what DFloat11's kernel would misread or cannot count; messages name the tensor.
// kUnavailable for I/O.
absl::Status ExportDFloat11(const TensorFiles& files, const DFloat11ExportPlan& plan, int threads, ByteSink& sink,
                            Progress& progress);

// Decodes the checkpoint of `exported` and compares every weight with `files`. Returns: kInternal if one differs; as
// DecodeDFloat11Module.
absl::Status CompareDFloat11(const TensorFiles& files, const DFloat11ExportPlan& plan, const TensorFiles& exported,
                             int threads);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_DFLOAT11_EXPORT_H_
