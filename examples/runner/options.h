// The command line.
#ifndef PLAIT_EXAMPLES_RUNNER_OPTIONS_H_
#define PLAIT_EXAMPLES_RUNNER_OPTIONS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace plait::runner {

extern const std::string_view kUsage;

struct Options {
  std::string model;
  std::string config;     // empty: config.json beside the model
  std::string ids = "-";  // "-": stdin
  std::string logits;     // these three empty: not written
  std::string kv;
  std::string report;
  std::string cpu;  // empty: the best
  size_t tokens = 64;
  size_t threads = 0;  // 0: one per core
  bool pre_rope = false;
  bool help = false;
};

// Returns: kInvalidArgument, with the option's name.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_OPTIONS_H_
