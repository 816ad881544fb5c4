// Any bytes as a block: a codec that takes them gives them back, and two CPU variants write the same. One codec and two
// variants a run; the unit tests cross all of them.
#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/registry.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> bytes(data, size);
  const CodecEntry& codec = CodecRegistry()[TakeBelow(bytes, CodecRegistry().size())];
  const CpuVariant first = TakeVariant(bytes);
  const CpuVariant second = TakeVariant(bytes);
  const Input input = TakeInput(bytes);
  static BlockWorkspace workspace;
  Use(first);
  std::vector<uint8_t> coded;
  if (!codec.Encode(input, 0, workspace, &coded).ok()) return 0;
  Use(second);
  std::vector<uint8_t> coded_again;
  Check(codec.Encode(input, 0, workspace, &coded_again).ok(), "every variant takes the same blocks");
  Check(coded == coded_again, "every variant writes the same bytes");
  std::vector<uint8_t> raw(input.raw.size());
  Check(DecodeBlock(input.spec(), ExactCopy(coded), workspace, raw).ok(), "what was coded decodes");
  Check(raw == input.raw, "a block decodes to what was coded");
  return 0;
}
