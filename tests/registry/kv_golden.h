// The KV objects and profiles of tests/golden.
#ifndef PLAIT_TESTS_REGISTRY_KV_GOLDEN_H_
#define PLAIT_TESTS_REGISTRY_KV_GOLDEN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "tests/registry/golden.h"

namespace plait {

std::vector<GoldenFile> KvGoldenAccept();
std::vector<GoldenFile> KvGoldenReject();

// The body of a profile file, with all checks: what its golden outcome is the hash of.
absl::StatusOr<std::vector<uint8_t>> DecodeKvProfileFile(std::span<const uint8_t> bytes);

}  // namespace plait

#endif  // PLAIT_TESTS_REGISTRY_KV_GOLDEN_H_
