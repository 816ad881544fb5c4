// Any bytes as a frame, decoded. The header's and the footer's hash are made right first, so that the fields behind
// them are reached; the blocks' hashes stay as they come.
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/seal.h"
#include "tests/registry/files.h"

namespace plait {
namespace {

// Larger tensors, which a few bytes can claim, make runs slow without showing more.
constexpr uint64_t kMaxDecodedBytes = uint64_t{64} << 10;

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::vector<uint8_t> frame = ExactCopy({data, size});
  SealFrameFooter(frame, SealFrameHeader(frame));
  const absl::StatusOr<FrameHeader> header = ParseFrameHeader(frame);
  if (header.ok() && header->decoded_bytes > kMaxDecodedBytes) return 0;
  CheckRejection(DecodeFrame(frame).status());
  return 0;
}
