// What a run took.
#ifndef PLAIT_EXAMPLES_RUNNER_REPORT_H_
#define PLAIT_EXAMPLES_RUNNER_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace plait::runner {

struct Report {
  bool compressed = false;
  size_t prompt_tokens = 0;
  size_t generated_tokens = 0;
  double prompt_seconds = 0;      // the first generated token included
  double generation_seconds = 0;  // of the others
  uint64_t coded_bytes = 0;       // of the tensors in the file
  uint64_t image_bytes = 0;       // of those that are kept in memory, coded; 0 of a plain file
  uint64_t kv_cache_bytes = 0;
  uint64_t largest_matrix_bytes = 0;  // decoded
  uint64_t peak_anonymous_bytes = 0;  // see NoteMemory
};

// Raises report->peak_anonymous_bytes to what the process has at this moment: RssAnon of /proc/self/status, which is
// heap and stacks, image and KV cache included, and not the pages of the mapped file.
void NoteMemory(Report* report);

// Writes it as one JSON object. Returns: kUnavailable if writing fails.
absl::Status WriteReport(const Report& report, const std::string& path);

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_REPORT_H_
