// Any bytes as a tier stream: every CPU variant says the same as the scalar one and reads nothing outside.
#include <memory>

#include "codec/tier/tier.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  const CpuVariant variant = TakeVariant(input);
  const uint32_t num_symbols = TakeBelow(input, 12000);
  const std::vector<uint8_t> stream = ExactCopy(input);
  const auto scratch = std::make_unique<TierScratch>();
  Use(CpuVariant::kScalar);
  std::vector<uint8_t> expected(num_symbols);
  const absl::Status status = TierDecode(stream, *scratch, expected);
  CheckRejection(status);
  Use(variant);
  std::vector<uint8_t> symbols(num_symbols);
  Check(TierDecode(stream, *scratch, symbols).code() == status.code(), "every variant gives the same status");
  Check(!status.ok() || symbols == expected, "every variant gives the same symbols");
  return 0;
}
