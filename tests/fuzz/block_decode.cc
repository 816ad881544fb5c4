// Any payload under a header whose hash is right is decoded or refused, the coders of whole blocks (DecodePlane) among
// it.
#include "tests/fuzz/block_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  Use(TakeVariant(input));
  const BlockInput block = TakeBlock(input);
  static BlockWorkspace workspace;
  std::vector<uint8_t> raw(BlockRawBytes(block.spec));
  CheckRejection(DecodeBlock(block.spec, block.coded, workspace, raw));
  return 0;
}
