// Any bytes as the cut mark of a frame: rejected, or read into what is written as the same bytes. Its hash is made
// right first.
#include "codec/base/endian.h"
#include "formats/frame/frame_footer.h"
#include "formats/frame/frame_layout.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  constexpr uint64_t kHeaderHash = 7;
  std::vector<uint8_t> bytes = ExactCopy({data, size});
  bytes.resize(kCutMarkBytes);
  StoreLe(Hash64(std::span(bytes).first(kCutMarkBytes - 8), kHeaderHash), bytes.data() + kCutMarkBytes - 8);
  const absl::StatusOr<FrameCut> cut = ParseCutMark(bytes, kHeaderHash);
  CheckRejection(cut.status());
  Check(!cut.ok() || MakeCutMark(*cut, kHeaderHash) == bytes, "there is one way to write a cut mark");
  return 0;
}
