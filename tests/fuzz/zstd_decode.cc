// Any bytes as a plane that zstd codes: rejected, or every byte of the plane is written.
#include "codec/block/zstd_codec.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  const uint32_t raw_bytes = TakeBelow(input, 16384);
  const std::vector<uint8_t> coded = ExactCopy(input);
  static BlockWorkspace workspace;
  std::vector<uint8_t> raw(raw_bytes, 0);
  const absl::Status status = ZstdDecode(coded, workspace, raw);
  CheckRejection(status);
  if (!status.ok()) return 0;
  std::vector<uint8_t> again(raw_bytes, 0xff);
  Check(ZstdDecode(coded, workspace, again).ok(), "what decoded decodes again");
  Check(again == raw, "what was in the plane before does not matter");
  return 0;
}
