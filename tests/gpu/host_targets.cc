// The targets that every machine has.
#include <algorithm>

#include "gpu/executor_decoder.h"
#include "tests/gpu/decode_target.h"

namespace plait::gpu {
namespace {

class ExecutorTarget : public DecodeTarget {
 public:
  explicit ExecutorTarget(uint64_t seed) : decoder_(&memory_, seed) {}
  std::span<const uint8_t> Upload(std::span<const uint8_t> bytes) override {
    return {memory_.Upload<uint8_t>("uploaded", bytes), bytes.size()};
  }
  std::span<uint8_t> Allocate(size_t bytes) override {
    const std::span memory(memory_.Allocate<uint8_t>("allocated", bytes), bytes);
    std::ranges::fill(memory, kUntouched);
    return memory;
  }
  std::vector<uint8_t> Download(std::span<const uint8_t> bytes) override { return {bytes.begin(), bytes.end()}; }
  DeviceDecoder& decoder() override { return decoder_; }

 private:
  simt::GlobalMemory memory_;
  ExecutorDecoder decoder_;
};

}  // namespace

std::span<const DecodeTargetEntry> DecodeTargets() {
  static const DecodeTargetEntry kTargets[] = {
      {"CpuTwin", [](uint64_t) { return MakeCpuTarget(); }},
      {"Executor",
       [](uint64_t seed) -> std::unique_ptr<DecodeTarget> { return std::make_unique<ExecutorTarget>(seed); }},
  };
  return kTargets;
}

}  // namespace plait::gpu
