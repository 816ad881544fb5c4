// One entry per codec id: what the generated tests, the fuzz seeds and the benchmarks run over. A codec without an
// entry does not compile (registry.cc).
#ifndef PLAIT_TESTS_REGISTRY_REGISTRY_H_
#define PLAIT_TESTS_REGISTRY_REGISTRY_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "codec/block/block_codec.h"
#include "codec/block/codec_id.h"
#include "tests/registry/inputs.h"

namespace plait {

struct CodecEntry {
  CodecId id;
  // Inputs that this codec can carry and that are likely to break it.
  std::vector<Input> (*edge_inputs)();
  // An input of about `elements` elements that looks like what the codec is for.
  Input (*generate)(uint64_t seed, uint32_t elements);

  std::string_view name() const { return CodecName(id); }
  // Codes `input` with this codec, whether it helps or not.
  absl::Status Encode(const Input& input, uint64_t seed, BlockWorkspace& workspace, std::vector<uint8_t>* coded) const;
};

// All codecs, in the order of their ids.
std::span<const CodecEntry> CodecRegistry();

}  // namespace plait

#endif  // PLAIT_TESTS_REGISTRY_REGISTRY_H_
