// Any bytes as a block whose planes and coders the encoder chooses, with and without rans: never larger than stored,
// and given back.
#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/inputs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> bytes(data, size);
  Use(TakeVariant(bytes));
  EncodeSettings settings;
  if (TakeBelow(bytes, 2) != 0) settings = {.rans = kFastRans, .wide_symbols = true};
  const Input input = TakeInput(bytes);
  static BlockWorkspace workspace;
  std::vector<uint8_t> coded;
  EncodeBlock(input.spec(), input.raw, workspace, &coded, settings);
  Check(coded.size() <= kBlockHeaderBytes + input.raw.size(), "the chosen block is never larger than a stored one");
  std::vector<uint8_t> raw(input.raw.size());
  Check(DecodeBlock(input.spec(), ExactCopy(coded), workspace, raw).ok(), "what was coded decodes");
  Check(raw == input.raw, "a block decodes to what was coded");
  return 0;
}
