#include "tools/pipeline/stages.h"

#include <time.h>

#include <array>
#include <atomic>
#include <string_view>

#include "absl/strings/str_format.h"

namespace plait {
namespace {

constexpr std::array<std::string_view, kNumStages> kNames = {"read", "code", "verify", "hash", "write"};

std::atomic<bool> g_is_on = false;
std::array<std::atomic<int64_t>, kNumStages> g_nanoseconds;
int64_t g_cpu_start = 0;
int64_t g_wall_start = 0;

thread_local StageTimer* t_innermost = nullptr;

int64_t Nanoseconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void Add(Stage stage, int64_t nanoseconds) {
  g_nanoseconds[static_cast<size_t>(stage)].fetch_add(nanoseconds, std::memory_order_relaxed);
}

std::string Line(std::string_view name, int64_t nanoseconds, int64_t of) {
  const double percent = of == 0 ? 0 : 100.0 * static_cast<double>(nanoseconds) / static_cast<double>(of);
  return absl::StrFormat("%-8s %9.3f s %5.1f %%\n", std::string(name), static_cast<double>(nanoseconds) * 1e-9,
                         percent);
}

}  // namespace

void StartStageClocks() {
  for (auto& nanoseconds : g_nanoseconds) nanoseconds = 0;
  g_cpu_start = Nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
  g_wall_start = Nanoseconds(CLOCK_MONOTONIC);
  g_is_on = true;
}

std::string StageReport() {
  const int64_t cpu = Nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - g_cpu_start;
  const int64_t wall = Nanoseconds(CLOCK_MONOTONIC) - g_wall_start;
  std::string report = "CPU time of all threads, by stage\n";
  int64_t other = cpu;
  for (size_t i = 0; i < kNumStages; ++i) {
    report += Line(kNames[i], g_nanoseconds[i], cpu);
    other -= g_nanoseconds[i];
  }
  report += Line("other", other, cpu);
  report += Line("all", cpu, cpu);
  report += absl::StrFormat("on the wall %6.3f s: %.2f cores busy\n", static_cast<double>(wall) * 1e-9,
                            wall == 0 ? 0 : static_cast<double>(cpu) / static_cast<double>(wall));
  return report;
}

StageTimer::StageTimer(Stage stage) : stage_(stage), is_on_(g_is_on.load(std::memory_order_relaxed)) {
  if (!is_on_) return;
  since_ = Nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  outer_ = t_innermost;
  if (outer_ != nullptr) Add(outer_->stage_, since_ - outer_->since_);
  t_innermost = this;
}

StageTimer::~StageTimer() {
  if (!is_on_) return;
  const int64_t now = Nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  Add(stage_, now - since_);
  t_innermost = outer_;
  if (outer_ != nullptr) outer_->since_ = now;
}

}  // namespace plait
