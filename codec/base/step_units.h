// Where the units of an interleaved stream stand for the loops, which look a step ahead.
#ifndef PLAIT_CODEC_BASE_STEP_UNITS_H_
#define PLAIT_CODEC_BASE_STEP_UNITS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace plait {

inline constexpr size_t kMaxStepBytes = 256;

// In the stream itself while a step cannot run over its end, then in a copy of the rest with zeros behind it.
class StepUnits {
 public:
  StepUnits() = default;
  // `units` must outlive this. A step reads at most step_bytes, which is at most kMaxStepBytes.
  StepUnits(std::span<const uint8_t> units, size_t step_bytes);

  // A step may begin up to stop().
  const uint8_t* at() const { return in_tail_ ? tail_.data() + tail_at_ : at_; }
  const uint8_t* stop() const { return in_tail_ ? tail_.data() + tail_bytes_ : stop_; }
  // Those that are left, but for a copied rest.
  std::span<const uint8_t> in_stream() const { return in_tail_ ? std::span<const uint8_t>() : std::span(at_, end_); }
  // `at` is between the former at() and step_bytes behind stop().
  void MoveTo(const uint8_t* at);

  // After the loop has stopped in front of all symbols: true if that was because of the units and it may go on.
  bool GoOn();

  bool RanOut() const { return in_tail_ && tail_at_ > tail_bytes_; }
  bool AllUsed() const { return in_tail_ ? tail_at_ == tail_bytes_ : at_ == end_; }

 private:
  void EnterTail();

  const uint8_t* at_ = nullptr;
  const uint8_t* stop_ = nullptr;
  const uint8_t* end_ = nullptr;
  bool in_tail_ = false;
  size_t tail_at_ = 0;
  size_t tail_bytes_ = 0;
  std::array<uint8_t, 2 * kMaxStepBytes> tail_{};  // fewer than a step's bytes, and what a last step may read
};

}  // namespace plait

#endif  // PLAIT_CODEC_BASE_STEP_UNITS_H_
