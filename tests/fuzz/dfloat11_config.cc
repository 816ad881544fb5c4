// Any bytes as a config.json: rejected, or read into what is written and read again alike.
#include "formats/dfloat11/dfloat11_config.h"

#include "formats/dfloat11/module_pattern.h"
#include "tests/fuzz/fuzz_input.h"

namespace plait {
namespace {

bool Same(const DFloat11Pattern& a, const DFloat11Pattern& b) {
  return a.expression == b.expression && a.attributes == b.attributes;
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  const std::vector<uint8_t> json = ExactCopy({data, size});
  const absl::StatusOr<DFloat11Config> config = ParseDFloat11Config(json);
  CheckRejection(config.status());
  if (!config.ok()) return 0;
  for (const DFloat11Pattern& pattern : config->patterns) {
    const ModulePattern expression = ModulePattern::Parse(pattern.expression).value();
    (void)expression.Matches("model.layers.17.mlp.down_proj");
    const ModulePattern escaped = ModulePattern::Parse(ModulePattern::Escaped("model.layers.17")).value();
    Check(escaped.Matches("model.layers.17"), "what was escaped fits itself");
  }
  const absl::StatusOr<std::string> text = MakeDFloat11ConfigJson("", *config);
  Check(text.ok(), "what was read can be written");
  const absl::StatusOr<DFloat11Config> again =
      ParseDFloat11Config({reinterpret_cast<const uint8_t*>(text->data()), text->size()});
  Check(again.ok(), "what was written can be read");
  Check(std::ranges::equal(again->patterns, config->patterns, Same), "patterns survive being written");
  Check(again->shapes == config->shapes, "shapes survive being written");
  return 0;
}
