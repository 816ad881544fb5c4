// What tests/golden holds: lists of files, written anew only while the formats are at version 0.
#ifndef PLAIT_TESTS_REGISTRY_GOLDEN_H_
#define PLAIT_TESTS_REGISTRY_GOLDEN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace plait {

struct GoldenFile {
  std::string
      name;  // .plait is a container, .frame a frame, .stream a frame stream, .pkv a KV object, .kvprofile a profile
  std::vector<uint8_t> bytes;
  std::string outcome;  // of a full decode, as GoldenOutcome() says it
  std::string reason;
};

// "OK <XXH3-128 of what came out>", or the name of the status.
std::string GoldenOutcome(const absl::StatusOr<std::vector<uint8_t>>& decoded);

std::vector<GoldenFile> GoldenAccept();
std::vector<GoldenFile> GoldenReject();

}  // namespace plait

#endif  // PLAIT_TESTS_REGISTRY_GOLDEN_H_
