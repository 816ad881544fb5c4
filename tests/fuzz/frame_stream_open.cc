// Any bytes as a frame stream. The hashes of the stream's header and of the first frame's header are made right first,
// so that the fields behind them are reached.
#include "formats/frame_stream/frame_stream_layout.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/seal.h"
#include "tests/registry/files.h"

namespace plait {
namespace {

// Larger originals, which a few bytes can claim, make runs slow without showing more.
constexpr uint64_t kMaxOriginalBytes = uint64_t{1} << 20;

void SealHeaders(std::span<uint8_t> stream) {
  if (stream.size() < kStreamHeaderBytes) return;
  StoreLe(Hash64(stream.first(kStreamHeaderBytes - 8)), stream.data() + kStreamHeaderBytes - 8);
  SealFrameHeader(stream.subspan(kStreamHeaderBytes));
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::vector<uint8_t> stream = ExactCopy({data, size});
  SealHeaders(stream);
  CheckRejection(DecompressStream(stream, 1, kMaxOriginalBytes).status());
  return 0;
}
