// A fuzzer's body as a test: its seeds, and mutations of them that are the same in every run.
#include <cstdint>
#include <cstdio>

#include "tests/fuzz/seeds.h"
#include "tests/registry/inputs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace plait {
namespace {

constexpr int kMutationsPerSeed = 30;

void Run(const std::vector<uint8_t>& input) { LLVMFuzzerTestOneInput(input.data(), input.size()); }

// Overwrites a few bytes, or cuts the end off.
std::vector<uint8_t> Mutated(std::vector<uint8_t> input, Random& random) {
  if (random() % 8 == 0) input.resize(random() % (input.size() + 1));
  for (uint64_t changes = 1 + random() % 4; changes > 0 && !input.empty(); --changes) {
    input[random() % input.size()] = static_cast<uint8_t>(random() >> 56);
  }
  return input;
}

}  // namespace
}  // namespace plait

int main() {
  const auto seeds = plait::FuzzSeeds()[PLAIT_FUZZER];
  if (seeds.empty()) {
    std::fprintf(stderr, "%s: found no seeds\n", PLAIT_FUZZER);
    return 1;
  }
  plait::Random random(1);
  for (const auto& seed : seeds) {
    plait::Run(seed);
    for (int i = 0; i < plait::kMutationsPerSeed; ++i) plait::Run(plait::Mutated(seed, random));
  }
  std::printf("%s: %zu seeds\n", PLAIT_FUZZER, seeds.size());
  return 0;
}
