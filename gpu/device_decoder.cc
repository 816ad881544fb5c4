#include "gpu/device_decoder.h"

#include <string_view>

#include "codec/base/status.h"

namespace plait::gpu {
namespace {

constexpr uint64_t kAlignment = 16;

absl::Status CheckBuffer(std::string_view name, const void* begin, uint64_t bytes, uint64_t needed,
                         uint64_t alignment = kAlignment) {
  if (bytes < needed) {
    return absl::InvalidArgumentError(
        FoundExpected(absl::StrCat(Absl(name), " bytes"), bytes, absl::StrCat("at least ", needed)));
  }
  if (const auto address = reinterpret_cast<uint64_t>(begin); address % alignment != 0) {
    return absl::InvalidArgumentError(
        FoundExpected(absl::StrCat(Absl(name), " address"), address, absl::StrCat("a multiple of ", alignment)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status DeviceDecoder::Decode(const DecodePlan& plan, BlockRun run, const DecodeBuffers& buffers,
                                   DeviceStream stream) {
  if (run.first > plan.num_blocks() || run.count > plan.num_blocks() - run.first) {
    return absl::InvalidArgumentError(FoundExpected("end of the run of blocks", uint64_t{run.first} + run.count,
                                                    absl::StrCat("at most ", plan.num_blocks())));
  }
  PLAIT_RETURN_IF_ERROR(CheckBuffer("image", buffers.image.data(), buffers.image.size(), plan.image_bytes()));
  PLAIT_RETURN_IF_ERROR(CheckBuffer("scratch", buffers.scratch.data(), buffers.scratch.size(), plan.scratch_bytes()));
  PLAIT_RETURN_IF_ERROR(CheckBuffer("output", buffers.output.data(), buffers.output.size(), plan.output_bytes(run)));
  PLAIT_RETURN_IF_ERROR(CheckBuffer("status", buffers.status.data(), buffers.status.size_bytes(),
                                    plan.status_words() * sizeof(uint32_t), sizeof(uint32_t)));
  if (run.count == 0) return absl::OkStatus();
  return DecodeChecked(plan, run, buffers, stream);
}

}  // namespace plait::gpu
