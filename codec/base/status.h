// Status helpers. The meaning of each code is fixed across Plait:
//   kInvalidArgument    the caller's mistake (a buffer of the wrong size, an unusable option)
//   kNotFound           no tensor of that name
//   kOutOfRange         the input ends too early
//   kDataLoss           the input is corrupt
//   kUnimplemented      unknown version or codec, or something this build does not do
//   kFailedPrecondition not a Plait file at all
//   kResourceExhausted  a limit was reached
//   kAlreadyExists      the target exists
//   kUnavailable        the operating system refused (I/O)
// A message reads "where: field: found X, expected Y"; callers put their own "where" in front with Annotate().
#ifndef PLAIT_CODEC_BASE_STATUS_H_
#define PLAIT_CODEC_BASE_STATUS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

// Returns from the calling function when `expr` is not OK.
#define PLAIT_RETURN_IF_ERROR(expr)                                   \
  do {                                                                \
    if (absl::Status status_ = (expr); !status_.ok()) return status_; \
  } while (false)

#define PLAIT_STATUS_CONCAT_INNER_(a, b) a##b
#define PLAIT_STATUS_CONCAT_(a, b) PLAIT_STATUS_CONCAT_INNER_(a, b)

// PLAIT_ASSIGN_OR_RETURN(auto x, MakeX()): x on success, return of the status otherwise.
#define PLAIT_ASSIGN_OR_RETURN(lhs, expr) \
  PLAIT_ASSIGN_OR_RETURN_IMPL_(PLAIT_STATUS_CONCAT_(statusor_, __LINE__), lhs, expr)
#define PLAIT_ASSIGN_OR_RETURN_IMPL_(statusor, lhs, expr)  \
  auto statusor = (expr);                                  \
  if (!statusor.ok()) return std::move(statusor).status(); \
  lhs = *std::move(statusor)

namespace plait {

// Debian's absl::string_view is not std::string_view and neither converts; ours are all std::.
inline absl::string_view Absl(std::string_view text) { return absl::string_view(text.data(), text.size()); }
inline std::string_view Std(absl::string_view text) { return std::string_view(text.data(), text.size()); }

// The same status with "where: " before its message. OK stays OK.
inline absl::Status Annotate(const absl::Status& status, std::string_view where) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(Absl(where), ": ", status.message()));
}

// "field: found X, expected Y", the form every rejection takes.
template <class Found, class Expected>
std::string FoundExpected(std::string_view field, const Found& found, const Expected& expected) {
  return absl::StrCat(Absl(field), ": found ", found, ", expected ", expected);
}

}  // namespace plait

#endif  // PLAIT_CODEC_BASE_STATUS_H_
