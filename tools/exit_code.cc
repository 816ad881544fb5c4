#include "tools/exit_code.h"

#include <cstdio>

#include "codec/base/status.h"
#include "tools/text.h"

namespace plait {

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk: return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound: return kExitUsage;
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kOutOfRange: return kExitCorrupt;
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kFailedPrecondition: return kExitUnsupported;
    case absl::StatusCode::kCancelled: return kExitInterrupted;
    default: return kExitFailed;
  }
}

ExitCode Report(std::string_view where, const absl::Status& status) {
  const absl::Status whole = where.empty() ? status : Annotate(status, where);
  const std::string message = WithoutControls(Std(whole.message()));
  std::fprintf(stderr, "plait: %s\n", message.c_str());
  return ExitCodeOf(status);
}

}  // namespace plait
