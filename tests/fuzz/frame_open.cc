// Any bytes as a frame. The header's and the footer's hash are made right first, so that the fields behind them are
// reached; the blocks' hashes stay as they come.
#include "codec/base/endian.h"
#include "codec/base/hash.h"
#include "formats/frame/frame_layout.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/files.h"

namespace plait {
namespace {

void SealHeader(std::span<uint8_t> frame, uint64_t* hash) {
  if (frame.size() < kFrameFixedHeaderBytes) return;
  const size_t header_bytes = LoadLe<uint32_t>(frame.data() + 12);
  if (header_bytes < kFrameFixedHeaderBytes + kFrameHashBytes || header_bytes > frame.size()) return;
  *hash = Hash64(frame.first(header_bytes - kFrameHashBytes));
  StoreLe(*hash, frame.data() + header_bytes - kFrameHashBytes);
}

void SealFooter(std::span<uint8_t> frame, uint64_t header_hash) {
  if (frame.size() < kFooterFixedBytes) return;
  const auto footer_bytes = LoadLe<uint64_t>(frame.data() + frame.size() - 8);
  if (footer_bytes < kFooterFixedBytes || footer_bytes > frame.size()) return;
  const auto footer = frame.last(footer_bytes);
  StoreLe(Hash64(footer.first(footer_bytes - 16), header_hash), footer.data() + footer_bytes - 16);
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::vector<uint8_t> frame = ExactCopy({data, size});
  uint64_t header_hash = 0;
  SealHeader(frame, &header_hash);
  SealFooter(frame, header_hash);
  CheckRejection(DecodeFrame(frame).status());
  return 0;
}
