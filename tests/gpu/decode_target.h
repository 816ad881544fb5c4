// Where the tests of device decoders run: every machine that has a decoder, with memory as it wants it.
#ifndef PLAIT_TESTS_GPU_DECODE_TARGET_H_
#define PLAIT_TESTS_GPU_DECODE_TARGET_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "gpu/device_decoder.h"

namespace plait::gpu {

class DecodeTarget {
 public:
  virtual ~DecodeTarget() = default;
  // These are the target's memory, at multiples of 256 and valid as long as it is. Allocated bytes are kUntouched.
  virtual std::span<const uint8_t> Upload(std::span<const uint8_t> bytes) = 0;
  virtual std::span<uint8_t> Allocate(size_t bytes) = 0;
  virtual std::vector<uint8_t> Download(std::span<const uint8_t> bytes) = 0;
  virtual DeviceDecoder& decoder() = 0;
};

inline constexpr uint8_t kUntouched = 0xe7;

struct DecodeTargetEntry {
  std::string name;
  std::unique_ptr<DecodeTarget> (*make)(uint64_t seed);

  // What GoogleTest shows of a parameter.
  friend void PrintTo(const DecodeTargetEntry& entry, std::ostream* out) { *out << entry.name; }
};

// The CPU twin, whose memory ends at guard pages: what others are compared with.
std::unique_ptr<DecodeTarget> MakeCpuTarget();

// Those of this binary: the CPU twin and the host executor, or a device (cuda_main.cc).
std::span<const DecodeTargetEntry> DecodeTargets();

}  // namespace plait::gpu

#endif  // PLAIT_TESTS_GPU_DECODE_TARGET_H_
