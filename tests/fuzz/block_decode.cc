// Any payload under a header whose hash is right: what a hostile writer can reach, the coders of whole blocks
// (DecodePlane) among it.
#include "codec/base/hash.h"
#include "codec/block/block_codec.h"
#include "tests/fuzz/fuzz_input.h"

namespace plait {
namespace {

std::vector<uint8_t> Block(const BlockSpec& spec, uint32_t codec_and_plane, std::span<const uint8_t> payload) {
  BlockHeader header{.codec = static_cast<uint8_t>(codec_and_plane),
                     .plane = static_cast<uint8_t>(codec_and_plane >> 8),
                     .elements = spec.elements,
                     .payload_bytes = static_cast<uint32_t>(payload.size())};
  std::vector<uint8_t> coded(kBlockHeaderBytes + payload.size());
  std::ranges::copy(payload, coded.begin() + kBlockHeaderBytes);
  PackBlockHeader(header, coded.data());
  header.hash = Hash64(payload, Hash64(std::span(coded).first(kBlockHashedHeaderBytes), spec.seed));
  PackBlockHeader(header, coded.data());
  return coded;
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  Use(TakeVariant(input));
  BlockSpec spec{.dtype = TakeDtype(input), .seed = 7};
  spec.elements = 8 * TakeBelow(input, 2000);
  const uint32_t codec_and_plane = TakeBelow(input, 65536);
  const std::vector<uint8_t> coded = Block(spec, codec_and_plane, input);
  static BlockWorkspace workspace;
  std::vector<uint8_t> raw(BlockRawBytes(spec));
  CheckRejection(DecodeBlock(spec, coded, workspace, raw));
  return 0;
}
