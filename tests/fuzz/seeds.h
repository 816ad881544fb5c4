// Where fuzzers start: valid inputs of each, from the registry, the originals and the forgeries.
#ifndef PLAIT_TESTS_FUZZ_SEEDS_H_
#define PLAIT_TESTS_FUZZ_SEEDS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace plait {

// By the fuzzer's name.
std::map<std::string, std::vector<std::vector<uint8_t>>> FuzzSeeds();

}  // namespace plait

#endif  // PLAIT_TESTS_FUZZ_SEEDS_H_
