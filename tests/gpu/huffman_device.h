// DFloat11 streams in the host executor's memory: buffers that end where their part ends, a plan, a launch.
#ifndef PLAIT_TESTS_GPU_HUFFMAN_DEVICE_H_
#define PLAIT_TESTS_GPU_HUFFMAN_DEVICE_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/huffman/huffman.h"
#include "gpu/kernels/huffman_decode.h"
#include "gpu/kernels/huffman_plan.h"
#include "gpu/simt/executor.h"

namespace plait::gpu {

inline constexpr uint32_t kAnySharedBytes = uint32_t{1} << 20;

class HuffmanDevice {
 public:
  // Adds a stream whose kernels find `on_device` where the plan has seen `planned`.
  absl::Status Add(const HuffmanStream& planned, const HuffmanStream& on_device, std::span<const uint8_t> rest,
                   uint32_t max_shared_bytes = kAnySharedBytes) {
    auto* out = memory_.Allocate<uint16_t>("out", rest.size());
    const absl::Status status = AddHuffmanStream({.luts = planned.luts,
                                                  .output_positions = planned.output_positions,
                                                  .code_bytes = planned.codes.size(),
                                                  .gap_bytes = planned.gaps.size(),
                                                  .num_symbols = rest.size(),
                                                  .device_luts = Upload("luts", on_device.luts),
                                                  .device_codes = Upload("codes", on_device.codes),
                                                  .device_gaps = Upload("gaps", on_device.gaps),
                                                  .device_sign_mantissas = Upload("rest", rest),
                                                  .device_out = out},
                                                 max_shared_bytes, &plan_);
    if (status.ok()) outs_.push_back({out, rest.size()});
    return status;
  }

  absl::StatusOr<simt::Counters> Decode(uint64_t seed, uint32_t thread_blocks = 2) {
    status_ = memory_.AllocateZeroed<uint32_t>("status", plan_.sources.size());
    const HuffmanDecodeParams params{.tasks = memory_.Upload<HuffmanTask>("tasks", plan_.tasks),
                                     .sources = memory_.Upload<HuffmanSource>("sources", plan_.sources),
                                     .status = status_,
                                     .num_tasks = static_cast<uint32_t>(plan_.tasks.size()),
                                     .capacity = plan_.capacity};
    return simt::RunGrid({.thread_blocks = thread_blocks,
                          .warps = kHuffmanWarps,
                          .shared_bytes = plan_.capacity.shared_bytes(),
                          .seed = seed},
                         memory_, [&](simt::HostContext& ctx) { HuffmanDecodeBody(ctx, params); });
  }

  const HuffmanDevicePlan& plan() const { return plan_; }
  std::span<const uint16_t> out(size_t stream) const { return outs_[stream]; }
  bool written(size_t stream) const { return memory_.Written(outs_[stream].data()); }
  // Of each stream.
  std::span<const uint32_t> status() const { return {status_, plan_.sources.size()}; }
  bool ok() const {
    return std::ranges::all_of(status(), [](uint32_t status) { return status == kHuffmanOk; });
  }
  // From memory: the parts of streams.
  uint64_t loaded_bytes() const {
    uint64_t bytes = 0;
    for (const void* buffer : loaded_) bytes += memory_.LoadedBytes(buffer);
    return bytes;
  }

 private:
  const uint8_t* Upload(const char* name, std::span<const uint8_t> bytes) {
    const uint8_t* begin = memory_.Upload(name, bytes);
    loaded_.push_back(begin);
    return begin;
  }

  simt::GlobalMemory memory_;
  HuffmanDevicePlan plan_;
  std::vector<std::span<const uint16_t>> outs_;
  std::vector<const void*> loaded_;
  uint32_t* status_ = nullptr;
};

}  // namespace plait::gpu

#endif  // PLAIT_TESTS_GPU_HUFFMAN_DEVICE_H_
