#include "examples/runner/team.h"

namespace plait::runner {
namespace {

// Looks at a number before waiting for it: some 100 microseconds.
constexpr int kLooks = 4000;

// Returns the value that is not `old` any more.
uint32_t AwaitChange(const std::atomic<uint32_t>& number, uint32_t old) {
  for (int look = 0; look < kLooks; ++look) {
    if (const uint32_t value = number.load(std::memory_order_acquire); value != old) return value;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  number.wait(old, std::memory_order_acquire);
  return number.load(std::memory_order_acquire);
}

}  // namespace

Team::Team(size_t threads) : scratch_(threads) {
  for (size_t thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { RunWorker(thread); });
}

Team::~Team() {
  step_ = nullptr;
  step_number_.fetch_add(1, std::memory_order_release);
  step_number_.notify_all();
}

void Team::RunAll(const std::function<void(size_t)>& step) {
  step_ = &step;
  busy_.store(static_cast<uint32_t>(workers_.size()), std::memory_order_relaxed);
  step_number_.fetch_add(1, std::memory_order_release);
  step_number_.notify_all();
  step(0);
  for (uint32_t busy = busy_.load(std::memory_order_acquire); busy != 0;) busy = AwaitChange(busy_, busy);
}

void Team::RunWorker(size_t thread) {
  for (uint32_t number = 0;;) {
    number = AwaitChange(step_number_, number);
    if (step_ == nullptr) return;
    (*step_)(thread);
    busy_.fetch_sub(1, std::memory_order_release);
    busy_.notify_one();
  }
}

}  // namespace plait::runner
