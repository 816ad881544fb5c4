// Any bytes as the header of a frame, its sections (ParseSections) among them: rejected, or read into what is written
// as the same bytes. Its hash is made right first.
#include "formats/frame/frame_header.h"

#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/seal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::vector<uint8_t> bytes = ExactCopy({data, size});
  SealFrameHeader(bytes);
  absl::StatusOr<FrameHeader> header = ParseFrameHeader(bytes);
  CheckRejection(header.status());
  if (!header.ok()) return 0;
  std::vector<uint8_t> written;
  Check(MakeFrameHeader(&*header, &written).ok(), "a header that was read can be written");
  Check(std::ranges::equal(written, std::span(bytes).first(written.size())), "there is one way to write a header");
  return 0;
}
