#include "codec/base/step_units.h"

#include <algorithm>

namespace plait {

StepUnits::StepUnits(std::span<const uint8_t> units, size_t step_bytes)
    : at_(units.data()), end_(units.data() + units.size()) {
  if (units.size() < step_bytes) {
    EnterTail();
  } else {
    stop_ = end_ - step_bytes;
  }
}

void StepUnits::MoveTo(const uint8_t* at) {
  if (in_tail_) {
    tail_at_ = static_cast<size_t>(at - tail_.data());
  } else {
    at_ = at;
  }
}

bool StepUnits::GoOn() {
  if (in_tail_ || at_ <= stop_) return false;
  EnterTail();
  return true;
}

void StepUnits::EnterTail() {
  tail_bytes_ = static_cast<size_t>(end_ - at_);
  std::copy(at_, end_, tail_.begin());
  in_tail_ = true;
}

}  // namespace plait
