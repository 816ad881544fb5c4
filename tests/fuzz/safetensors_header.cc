// Any bytes as the header of a .safetensors file: rejected, or read into what is written and read again alike.
#include "formats/safetensors/safetensors_header.h"

#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/files.h"

namespace plait {
namespace {

bool Same(const TensorInfo& a, const TensorInfo& b) {
  return a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && a.begin == b.begin && a.end == b.end;
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  const uint64_t data_bytes = TakeBelow(input, uint64_t{1} << 32);
  const std::vector<uint8_t> header = ExactCopy(input);
  const absl::StatusOr<SafetensorsHeader> parsed = ParseSafetensorsHeader(header, header.size() + data_bytes);
  CheckRejection(parsed.status());
  if (!parsed.ok()) return 0;
  const std::vector<uint8_t> written = SafetensorsFile(SafetensorsJson("", parsed->tensors), {});
  const absl::StatusOr<SafetensorsHeader> again = ParseSafetensorsHeader(written, written.size() + data_bytes);
  Check(again.ok(), "what was read can be written and read");
  Check(std::ranges::equal(again->tensors, parsed->tensors, Same), "tensors survive being written");
  return 0;
}
