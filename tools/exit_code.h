// Exit codes and the first line of stderr, as the command promises them.
#ifndef PLAIT_TOOLS_EXIT_CODE_H_
#define PLAIT_TOOLS_EXIT_CODE_H_

#include <string_view>

#include "absl/status/status.h"

namespace plait {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,       // I/O error, target exists, limit reached
  kExitUsage = 2,        // usage, no such tensor
  kExitCorrupt = 3,      // corrupt or truncated
  kExitUnsupported = 4,  // not a Plait file, unknown version or codec, not built
  kExitSomeFailed = 5,   // some files of a directory; each is named
  kExitInterrupted = 130,
};

ExitCode ExitCodeOf(const absl::Status& status);

// "plait: WHERE: message" on stderr (WHERE may be empty), and the exit code of `status`.
ExitCode Report(std::string_view where, const absl::Status& status);

}  // namespace plait

#endif  // PLAIT_TOOLS_EXIT_CODE_H_
