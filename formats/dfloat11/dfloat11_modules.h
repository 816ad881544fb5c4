// Which tensors of a checkpoint are coded together: the modules of a DFloat11 checkpoint, and of one that is to become
// one. Tensors are told by their index in a list of all that the files of a checkpoint hold.
#ifndef PLAIT_FORMATS_DFLOAT11_DFLOAT11_MODULES_H_
#define PLAIT_FORMATS_DFLOAT11_DFLOAT11_MODULES_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/dfloat11/dfloat11_config.h"
#include "formats/safetensors/safetensors_header.h"

namespace plait {

// The tensors of a coded module, MODULE.NAME each, in alphabetical order.
enum class DFloat11Part : uint8_t {
  kEncodedExponent,
  kGaps,
  kLuts,
  kOutputPositions,
  kSignMantissa,
  kSplitPositions,
};
inline constexpr std::array<std::string_view, 6> kDFloat11PartNames = {
    "encoded_exponent", "gaps", "luts", "output_positions", "sign_mantissa", "split_positions"};

std::string DFloat11TensorName(const std::string& module, DFloat11Part part);

// A coded module.
struct DFloat11Module {
  std::string name;
  std::array<size_t, kDFloat11PartNames.size()> parts{};  // tensors, by DFloat11Part
  std::vector<std::string> weights;                       // names of the tensors that it is made of, in order

  size_t part(DFloat11Part which) const { return parts[static_cast<size_t>(which)]; }
};

struct DFloat11Layout {
  std::vector<DFloat11Module> modules;
  std::vector<size_t> others;  // tensors that are no part of one
};

// The modules among `tensors`, whose names are unique. Returns: kDataLoss if a module lacks a part, or if a part's type
// or shape is wrong, or if split_positions has another number of entries than the pattern has attributes;
// kInvalidArgument if no pattern fits a module.
absl::StatusOr<DFloat11Layout> FindDFloat11Modules(std::span<const TensorInfo> tensors, const DFloat11Config& config);

// Where weight i of a module ends, for each of `num_weights`, from the bytes of its split_positions. Returns: kDataLoss
// unless they rise from 0 to num_elements.
absl::StatusOr<std::vector<uint64_t>> ParseSplitPositions(std::span<const uint8_t> bytes, uint64_t num_elements);

// A module that is to be coded.
struct DFloat11Source {
  std::string name;
  std::vector<size_t> weights;  // tensors, in order
};

struct DFloat11ExportPlan {
  DFloat11Config config;  // patterns and shapes
  std::vector<DFloat11Source> modules;
  std::vector<size_t> others;
};

// What patterns there are for the matrices of `tensors`, those of bf16 with two dimensions called NAME.weight: one for
// each kind of numbered block, all of whose matrices are coded together, and one for each other matrix. Embeddings stay
// as they are where there is no lm_head, which then is the same tensor.
std::vector<DFloat11Pattern> DefaultDFloat11Patterns(std::span<const TensorInfo> tensors);

// Returns: kInvalidArgument if a pattern fits no module, names a weight that is not there, or one that another pattern
// names; kUnimplemented if a weight is no bf16 matrix with elements. Messages name pattern and tensor.
absl::StatusOr<DFloat11ExportPlan> PlanDFloat11Export(std::span<const TensorInfo> tensors,
                                                      std::span<const DFloat11Pattern> patterns);

}  // namespace plait

#endif  // PLAIT_FORMATS_DFLOAT11_DFLOAT11_MODULES_H_
