// Any payload under a block header whose hash is right: what a hostile writer can reach.
#ifndef PLAIT_TESTS_FUZZ_BLOCK_INPUT_H_
#define PLAIT_TESTS_FUZZ_BLOCK_INPUT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "codec/block/block_codec.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/files.h"

namespace plait {

struct BlockInput {
  BlockSpec spec;
  std::vector<uint8_t> coded;
};

// Dtype, elements, coder and planes from the front of the input; the rest is the payload.
inline BlockInput TakeBlock(std::span<const uint8_t> input) {
  BlockInput block{.spec = {.dtype = TakeDtype(input), .seed = 7}, .coded = {}};
  block.spec.elements = 8 * TakeBelow(input, 2000);
  const uint32_t codec_and_plane = TakeBelow(input, 65536);
  block.coded = SealedBlock({.codec = static_cast<uint8_t>(codec_and_plane),
                             .plane = static_cast<uint8_t>(codec_and_plane >> 8),
                             .elements = block.spec.elements,
                             .payload_bytes = static_cast<uint32_t>(input.size())},
                            input, block.spec.seed);
  return block;
}

}  // namespace plait

#endif  // PLAIT_TESTS_FUZZ_BLOCK_INPUT_H_
