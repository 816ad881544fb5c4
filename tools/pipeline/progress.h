// The one progress bar of a job, on stderr, on a terminal only.
#ifndef PLAIT_TOOLS_PIPELINE_PROGRESS_H_
#define PLAIT_TOOLS_PIPELINE_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <string>

namespace plait {

class Progress {
 public:
  // One that is never shown.
  Progress() : on_(false) {}
  // `total_bytes` of original data, 0 if nobody knows: then there is no bar, only what is done. `label` stands in front
  // of the bar.
  Progress(std::string label, uint64_t total_bytes);
  // Wipes the bar.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Wipes the bar until the next Add, so that a message can stand in its place.
  void Hide();

  // So many more original bytes are done, and so many coded ones. Redraws at most every 100 ms.
  void Add(uint64_t original_bytes, uint64_t coded_bytes);

 private:
  using Clock = std::chrono::steady_clock;
  void Draw(Clock::time_point now);

  bool on_;
  bool shown_ = false;
  std::string label_;
  uint64_t total_bytes_ = 0;
  uint64_t original_bytes_ = 0;
  uint64_t coded_bytes_ = 0;
  Clock::time_point begin_;
  Clock::time_point drawn_;
};

// "61.4 MB", decimal units.
std::string HumanBytes(uint64_t bytes);

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_PROGRESS_H_
