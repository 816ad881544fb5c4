#include <algorithm>
#include <deque>

#include "codec/base/bits.h"
#include "gpu/cpu_decoder.h"
#include "tests/gpu/decode_target.h"
#include "tests/unit/testing.h"

namespace plait::gpu {
namespace {

class CpuTarget : public DecodeTarget {
 public:
  std::span<const uint8_t> Upload(std::span<const uint8_t> bytes) override {
    const std::span<uint8_t> copy = Allocate(bytes.size());
    std::ranges::copy(bytes, copy.begin());
    return copy;
  }
  std::span<uint8_t> Allocate(size_t bytes) override {
    const std::span<uint8_t> rounded = memory_.emplace_back(AlignUp<size_t>(bytes, 256)).span();
    std::ranges::fill(rounded, kUntouched);
    return rounded.first(bytes);
  }
  std::vector<uint8_t> Download(std::span<const uint8_t> bytes) override { return {bytes.begin(), bytes.end()}; }
  DeviceDecoder& decoder() override { return decoder_; }

 private:
  std::deque<GuardedBytes> memory_;
  CpuDecoder decoder_;
};

}  // namespace

std::unique_ptr<DecodeTarget> MakeCpuTarget() { return std::make_unique<CpuTarget>(); }

}  // namespace plait::gpu
