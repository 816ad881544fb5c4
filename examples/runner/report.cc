#include "examples/runner/report.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace plait::runner {

void NoteMemory(Report* report) {
  std::FILE* file = std::fopen("/proc/self/status", "re");
  if (file == nullptr) return;
  char line[256];
  unsigned long long kib = 0;
  while (std::fgets(line, sizeof(line), file) != nullptr && std::sscanf(line, "RssAnon: %llu", &kib) != 1) {
  }
  std::fclose(file);
  report->peak_anonymous_bytes = std::max<uint64_t>(report->peak_anonymous_bytes, uint64_t{kib} << 10);
}

absl::Status WriteReport(const Report& report, const std::string& path) {
  const nlohmann::ordered_json json = {
      {"compressed", report.compressed},
      {"prompt_tokens", report.prompt_tokens},
      {"generated_tokens", report.generated_tokens},
      {"prompt_seconds", report.prompt_seconds},
      {"generation_seconds", report.generation_seconds},
      {"coded_bytes", report.coded_bytes},
      {"image_bytes", report.image_bytes},
      {"kv_cache_bytes", report.kv_cache_bytes},
      {"largest_matrix_bytes", report.largest_matrix_bytes},
      {"peak_anonymous_bytes", report.peak_anonymous_bytes},
  };
  std::ofstream out(path);
  out << json.dump(2) << '\n';
  out.close();
  return out ? absl::OkStatus() : absl::UnavailableError("cannot write");
}

}  // namespace plait::runner
