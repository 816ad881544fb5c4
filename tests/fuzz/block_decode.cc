// Any payload under a header whose hash is right: what a hostile writer can reach.
#include "codec/base/hash.h"
#include "codec/block/block_codec.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  const auto dtype = *DtypeFromId(static_cast<uint8_t>(TakeBelow(input, DtypeTable().size())));
  const BlockSpec spec{.dtype = dtype, .elements = 8 * TakeBelow(input, 2000), .seed = 7};
  const uint32_t codec_and_plane = TakeBelow(input, 65536);
  BlockHeader header{.codec = static_cast<uint8_t>(codec_and_plane),
                     .plane = static_cast<uint8_t>(codec_and_plane >> 8),
                     .elements = spec.elements,
                     .payload_bytes = static_cast<uint32_t>(input.size())};
  std::vector<uint8_t> coded(kBlockHeaderBytes + input.size());
  std::ranges::copy(input, coded.begin() + kBlockHeaderBytes);
  PackBlockHeader(header, coded.data());
  header.hash = Hash64(input, Hash64(std::span(coded).first(kBlockHashedHeaderBytes), spec.seed));
  PackBlockHeader(header, coded.data());

  static BlockWorkspace workspace;
  std::vector<uint8_t> raw(BlockRawBytes(spec));
  CheckRejection(DecodeBlock(spec, coded, workspace, raw));
  return 0;
}
