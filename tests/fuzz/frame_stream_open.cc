// Any bytes as a frame stream. The hashes of the stream's header and of the first frame's header are made right first,
// so that the fields behind them are reached.
#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "formats/frame_stream/frame_stream_layout.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/files.h"

namespace plait {
namespace {

constexpr uint64_t kMaxOriginalBytes = uint64_t{1} << 24;

void SealHeaders(std::span<uint8_t> stream) {
  if (stream.size() < kStreamHeaderBytes) return;
  StoreLe(Hash64(stream.first(kStreamHeaderBytes - 8)), stream.data() + kStreamHeaderBytes - 8);
  const auto frame = stream.subspan(kStreamHeaderBytes);
  if (frame.size() < kFrameFixedHeaderBytes) return;
  const size_t header_bytes = LoadLe<uint32_t>(frame.data() + 12);
  if (header_bytes < kFrameFixedHeaderBytes + kFrameHashBytes || header_bytes > frame.size()) return;
  const size_t hash_at = header_bytes - kFrameHashBytes;
  StoreLe(Hash64(frame.first(hash_at)), frame.data() + hash_at);
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
