// What the fuzzers' bodies share: parameters taken from the front of the input, and the one way to fail.
#ifndef PLAIT_TESTS_FUZZ_FUZZ_INPUT_H_
#define PLAIT_TESTS_FUZZ_FUZZ_INPUT_H_

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/base/cpu.h"
#include "codec/base/dtype.h"
#include "tests/registry/inputs.h"

namespace plait {

// The next bytes of `input` as a number below `limit` (at most 2^32); zeros when the input is used up.
inline uint32_t TakeBelow(std::span<const uint8_t>& input, uint64_t limit) {
  uint32_t value = 0;
  const size_t bytes = std::min(input.size(), sizeof(value));
  if (bytes != 0) std::memcpy(&value, input.data(), bytes);
  input = input.subspan(bytes);
  return static_cast<uint32_t>(value % limit);
}

inline Dtype TakeDtype(std::span<const uint8_t>& input) {
  return DtypeTable()[TakeBelow(input, DtypeTable().size())].dtype;
}

// The rest of the input as whole elements of a dtype that comes before them. Whole elements of every dtype are a
// multiple of 8 of them.
inline Input TakeInput(std::span<const uint8_t> input) {
  const Dtype dtype = TakeDtype(input);
  const size_t bits = GetDtypeInfo(dtype).bits;
  const size_t unit = bits < 8 ? bits : bits / 8;
  const auto raw = input.first(input.size() / unit * unit);
  return {.name = {}, .dtype = dtype, .raw = {raw.begin(), raw.end()}};
}

// One of the variants that this machine has.
inline CpuVariant TakeVariant(std::span<const uint8_t>& input) {
  return static_cast<CpuVariant>(TakeBelow(input, uint64_t{1} + static_cast<uint8_t>(BestCpu())));
}

// A copy of exactly its size on the heap, so that AddressSanitizer sees a read of one byte more.
inline std::vector<uint8_t> ExactCopy(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

inline void Check(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "property violated: %s\n", property);
  std::abort();
}

// For variants that this machine has.
inline void Use(CpuVariant variant) { Check(ForceCpu(variant).ok(), "a variant that the machine has can be forced"); }

// Damaged input may end in these and in no other way.
inline void CheckRejection(const absl::Status& status) {
  const bool expected = status.ok() || absl::IsOutOfRange(status) || absl::IsDataLoss(status) ||
                        absl::IsUnimplemented(status) || absl::IsResourceExhausted(status) ||
                        absl::IsFailedPrecondition(status);
  if (!expected) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  Check(expected, "damaged input gives a status that says so");
}

}  // namespace plait

#endif  // PLAIT_TESTS_FUZZ_FUZZ_INPUT_H_
