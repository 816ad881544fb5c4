// Where fuzzers start: valid inputs of each, from the registry, the originals and the forgeries.
#ifndef PLAIT_TESTS_FUZZ_SEEDS_H_
#define PLAIT_TESTS_FUZZ_SEEDS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace plait {

// Larger seeds make a fuzzer slow without showing it more: two groups of tier symbols as bf16, and parameters, fit.
// smoke.sh keeps fuzzers to this size, too.
inline constexpr size_t kMaxSeedBytes = 4608;

// By the fuzzer's name; none twice.
std::map<std::string, std::vector<std::vector<uint8_t>>> FuzzSeeds();

}  // namespace plait

#endif  // PLAIT_TESTS_FUZZ_SEEDS_H_
