// Threads that share the work of one step, each with scratch of its own.
//
// A token takes some 150 steps of a few dozen microseconds, too short for threads to sleep between them: a worker
// watches for the next step a while before it does. (tbb::parallel_for, whose workers sleep at once, made two threads
// no faster than one here.)
#ifndef PLAIT_EXAMPLES_RUNNER_TEAM_H_
#define PLAIT_EXAMPLES_RUNNER_TEAM_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "examples/runner/weight_tiles.h"

namespace plait::runner {

// What one thread needs, reused from step to step.
struct Scratch {
  TileScratch tiles;
  std::vector<float> scores;
};

class Team {
 public:
  // The caller's thread is one of them. Requires: threads >= 1.
  explicit Team(size_t threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Calls work(begin, end, scratch), which returns a Status, for shares that make up [0, count), at once, and returns
  // the first failure.
  template <class Work>
  absl::Status Share(size_t count, const Work& work) {
    const size_t shares = std::min(scratch_.size(), count);
    if (shares <= 1) return work(0, count, scratch_[0]);
    std::vector<absl::Status> statuses(shares);
    RunAll([&](size_t thread) {
      if (thread >= shares) return;
      statuses[thread] = work(count * thread / shares, count * (thread + 1) / shares, scratch_[thread]);
    });
    const auto failed = std::ranges::find_if_not(statuses, &absl::Status::ok);
    return failed == statuses.end() ? absl::OkStatus() : *failed;
  }

  // For work that cannot fail: work(index, scratch) for every index below `count`.
  template <class Work>
  void ForEach(size_t count, const Work& work) {
    const auto run = [&](size_t begin, size_t end, Scratch& scratch) {
      for (size_t index = begin; index < end; ++index) work(index, scratch);
      return absl::OkStatus();
    };
    Share(count, run).IgnoreError();
  }

 private:
  // Calls step(thread) once on every thread and waits for all.
  void RunAll(const std::function<void(size_t thread)>& step);
  void RunWorker(size_t thread);

  std::vector<Scratch> scratch_;
  const std::function<void(size_t)>* step_ = nullptr;  // of the latest number; null ends the workers
  std::atomic<uint32_t> step_number_ = 0;
  std::atomic<uint32_t> busy_ = 0;     // workers that have not finished it
  std::vector<std::jthread> workers_;  // last: they use the others until they have ended
};

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_TEAM_H_
