// Entries for every codec id and every plane kind: what the generated tests and the fuzz seeds run over. A codec or a
// kind without an entry does not compile (registry.cc).
#ifndef PLAIT_TESTS_REGISTRY_REGISTRY_H_
#define PLAIT_TESTS_REGISTRY_REGISTRY_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "codec/block/block_codec.h"
#include "codec/block/codec_id.h"
#include "tests/registry/inputs.h"

namespace plait {

struct CodecEntry {
  CodecId id;  // of plane 0
  PlaneKind kind;
  // Inputs that this codec can carry and that are likely to break it.
  std::vector<Input> (*edge_inputs)();
  // An input of about `elements` elements that looks like what the codec is for.
  Input (*generate)(uint64_t seed, uint32_t elements);

  std::string name() const;
  // Codes `input` with this codec, whether it helps or not.
  absl::Status Encode(const Input& input, uint64_t seed, BlockWorkspace& workspace, std::vector<uint8_t>* coded) const;
};

// All entries, in the order of their codecs' ids.
std::span<const CodecEntry> CodecRegistry();

}  // namespace plait

#endif  // PLAIT_TESTS_REGISTRY_REGISTRY_H_
