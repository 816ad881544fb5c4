#include "tools/pipeline/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "absl/strings/str_format.h"

namespace plait {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr int kBarCells = 24;

int TerminalColumns() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string Bar(double done) {
  const int cells = static_cast<int>(std::min(1.0, done) * kBarCells);
  return absl::StrFormat("[%s%s] %3.0f %%", std::string(cells, '='), std::string(kBarCells - cells, ' '),
                         100 * std::min(1.0, done));
}

}  // namespace

std::string HumanBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  if (unit == 0) return absl::StrFormat("%d B", bytes);
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

Progress::Progress(std::string label, uint64_t total_bytes)
    : on_(isatty(STDERR_FILENO) != 0),
      label_(std::move(label)),
      total_bytes_(total_bytes),
      begin_(Clock::now()),
      drawn_(begin_) {}

Progress::~Progress() { Hide(); }

void Progress::Hide() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void Progress::Add(uint64_t original_bytes, uint64_t coded_bytes) {
  original_bytes_ += original_bytes;
  coded_bytes_ += coded_bytes;
  if (!on_) return;
  const auto now = Clock::now();
  if (now - drawn_ < kRedraw) return;
  drawn_ = now;
  Draw(now);
}

void Progress::Draw(Clock::time_point now) {
  const double seconds = std::max(1e-3, std::chrono::duration<double>(now - begin_).count());
  const double rate = original_bytes_ / seconds;
  std::string line = total_bytes_ == 0 ? HumanBytes(original_bytes_) : Bar(1.0 * original_bytes_ / total_bytes_);
  line += absl::StrFormat("  %s/s", HumanBytes(static_cast<uint64_t>(rate)));
  if (coded_bytes_ != 0) line += absl::StrFormat("  ratio %.1f %%", 100.0 * coded_bytes_ / original_bytes_);
  if (total_bytes_ != 0 && rate > 0) {
    const double left = (total_bytes_ - std::min(total_bytes_, original_bytes_)) / rate;
    line += absl::StrFormat("  ETA %d:%02d", static_cast<int>(left) / 60, static_cast<int>(left) % 60);
  }
  const int columns = TerminalColumns() - 1;
  const int room = columns - static_cast<int>(line.size()) - 1;
  if (room > 8) line = label_.substr(0, room) + " " + line;
  if (static_cast<int>(line.size()) > columns) line.resize(std::max(0, columns));
  shown_ = true;
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
}

}  // namespace plait
