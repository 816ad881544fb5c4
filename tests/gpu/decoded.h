// A decode on a target: buffers of the right size, and what is in them afterwards.
#ifndef PLAIT_TESTS_GPU_DECODED_H_
#define PLAIT_TESTS_GPU_DECODED_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/gpu/decode_target.h"

namespace plait::gpu {

struct Decoded {
  std::vector<uint8_t> output;
  std::vector<uint32_t> status;
};

inline absl::StatusOr<Decoded> Decode(DecodeTarget& target, const DecodePlan& plan, std::span<const uint8_t> image,
                                      BlockRun run) {
  const std::span<uint8_t> status = target.Allocate(plan.status_words() * 4);
  const DecodeBuffers buffers{.image = target.Upload(image),
                              .scratch = target.Allocate(plan.scratch_bytes()),
                              .output = target.Allocate(plan.output_bytes(run)),
                              .status = {reinterpret_cast<uint32_t*>(status.data()), plan.status_words()}};
  const absl::Status done = target.decoder().Decode(plan, run, buffers);
  if (!done.ok()) return done;
  Decoded decoded{target.Download(buffers.output), std::vector<uint32_t>(plan.status_words())};
  std::ranges::copy(target.Download(status), reinterpret_cast<uint8_t*>(decoded.status.data()));
  return decoded;
}

}  // namespace plait::gpu

#endif  // PLAIT_TESTS_GPU_DECODED_H_
