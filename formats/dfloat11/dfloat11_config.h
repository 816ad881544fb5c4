// What config.json says about a DFloat11 checkpoint. Source: github.com/LeanModels/DFloat11, dfloat11.py.
#ifndef PLAIT_FORMATS_DFLOAT11_DFLOAT11_CONFIG_H_
#define PLAIT_FORMATS_DFLOAT11_DFLOAT11_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace plait {

// An entry of the pattern_dict: modules whose names fit `expression` are coded, each as one stream. With attributes, of
// the weights MODULE.ATTRIBUTE.weight one after the other; without, of MODULE.weight.
struct DFloat11Pattern {
  std::string expression;  // a ModulePattern
  std::vector<std::string> attributes;
};

struct DFloat11Config {
  std::vector<DFloat11Pattern> patterns;  // in order: the first one that fits counts
  // Shapes of the weights: a DFloat11 checkpoint knows only how many elements each has. Those that Plait exports hold
  // them in an entry of their own, which DFloat11 does not look at.
  std::map<std::string, std::vector<uint64_t>> shapes;
  std::optional<uint64_t> hidden_size;  // of the model
};

// Returns: kDataLoss if `json` is none, or fields have wrong types; kFailedPrecondition if there is no
// "dfloat11_config"; kUnimplemented for a pattern that is not understood and for a launch other than 512 threads of 8
// bytes; kResourceExhausted above 16 MiB.
absl::StatusOr<DFloat11Config> ParseDFloat11Config(std::span<const uint8_t> json);

// The text of a config.json with an entry for `config`: `original`, the model's own, with the entry put in its place;
// or, if that is empty, the entry alone. Returns: kDataLoss if `original` is no JSON object.
absl::StatusOr<std::string> MakeDFloat11ConfigJson(std::string_view original, const DFloat11Config& config);

// "EXPRESSION" or "EXPRESSION=ATTRIBUTE,ATTRIBUTE". Returns: as ModulePattern::Parse; kInvalidArgument for an empty
// expression or attribute.
absl::StatusOr<DFloat11Pattern> ParsePatternOption(std::string_view text);

// The shape of a weight of that many elements: of config.shapes, or what its name says beside the model's hidden size.
// Returns: kInvalidArgument if neither knows; kDataLoss for a shape of another number of elements.
absl::StatusOr<std::vector<uint64_t>> DFloat11WeightShape(const DFloat11Config& config, const std::string& name,
                                                          uint64_t elements);

}  // namespace plait

#endif  // PLAIT_FORMATS_DFLOAT11_DFLOAT11_CONFIG_H_
