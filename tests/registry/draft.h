// A container taken apart, so that one thing can be made wrong while every hash around it is right again: what a
// deliberate attacker writes, and no flipped bit reaches.
#ifndef PLAIT_TESTS_REGISTRY_DRAFT_H_
#define PLAIT_TESTS_REGISTRY_DRAFT_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "formats/container/manifest.h"
#include "formats/safetensors/safetensors_header.h"

namespace plait {

struct Draft {
  Manifest manifest;
  std::vector<TensorInfo> stored;  // in the order of their data; without the manifest's own
  std::vector<uint8_t> data;       // of `stored`
  bool manifest_first = true;      // in the header's JSON, as every container has it
};

// Requires: `container` is valid.
Draft TakeApart(std::span<const uint8_t> container);

using ManifestEdit = std::function<void(std::span<uint8_t>)>;

// The container of `draft`. `edit` changes the manifest's bytes before its hash is made.
std::vector<uint8_t> Assemble(const Draft& draft, const ManifestEdit& edit = {});

// Containers that only their fields betray, and the status that a full decode must end with.
struct Forgery {
  std::string name;
  std::vector<uint8_t> bytes;
  absl::StatusCode code;
  std::string reason;
};
std::vector<Forgery> Forgeries();

}  // namespace plait

#endif  // PLAIT_TESTS_REGISTRY_DRAFT_H_
