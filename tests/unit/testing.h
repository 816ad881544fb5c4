// What several test files share: status matchers, CPU variants, and copies that end at a guard page.
#ifndef PLAIT_TESTS_UNIT_TESTING_H_
#define PLAIT_TESTS_UNIT_TESTING_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "codec/base/cpu.h"

namespace plait {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <class T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// Of absl::Status and absl::StatusOr alike.
MATCHER_P(StatusIs, code, "has status " + absl::StatusCodeToString(code)) {
  *result_listener << "which is " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}
MATCHER(IsOk, "is OK") {
  *result_listener << "which is " << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}
// What damaged input may give: it was cut short, is corrupt, or now claims what this version does not know.
MATCHER(IsRejected, "is kOutOfRange, kDataLoss or kUnimplemented") {
  *result_listener << "which is " << StatusOf(arg).ToString();
  const absl::StatusCode code = StatusOf(arg).code();
  return code == absl::StatusCode::kOutOfRange || code == absl::StatusCode::kDataLoss ||
         code == absl::StatusCode::kUnimplemented;
}

// Every variant that this machine has, scalar first.
std::vector<CpuVariant> CpuVariants();

// Runs `body` with each of them forced, one after the other; failures name the variant.
void ForEachCpu(const std::function<void()>& body);

// Memory whose last byte is followed by a page that cannot be touched: an over-read or over-write of even one byte
// faults, also from vector instructions that sanitizers do not watch.
class GuardedBytes {
 public:
  explicit GuardedBytes(size_t size);
  explicit GuardedBytes(std::span<const uint8_t> bytes);
  ~GuardedBytes();
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  std::span<uint8_t> span() const { return span_; }

 private:
  void* pages_ = nullptr;
  size_t mapped_bytes_ = 0;
  std::span<uint8_t> span_;
};

// "50 4B" or "504b" as bytes; spaces and newlines between digits are skipped.
std::vector<uint8_t> FromHex(std::string_view hex);

// The parts of `bytes` one after the other.
std::vector<uint8_t> Concat(std::initializer_list<std::span<const uint8_t>> parts);

inline std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// The largest single allocation through operator new since the last call of ResetLargestAllocation().
size_t LargestAllocation();
void ResetLargestAllocation();

}  // namespace plait

#endif  // PLAIT_TESTS_UNIT_TESTING_H_
