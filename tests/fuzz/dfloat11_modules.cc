// Any bytes as the split positions of a module: rejected, or ends that rise to the number of elements.
#include "formats/dfloat11/dfloat11_modules.h"

#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  const uint64_t elements = TakeBelow(input, uint64_t{1} << 32);
  const absl::StatusOr<std::vector<uint64_t>> ends = ParseSplitPositions(ExactCopy(input), elements);
  CheckRejection(ends.status());
  if (!ends.ok()) return 0;
  Check(ends->size() == input.size() / 8 + 1, "one more end than there are positions");
  Check(std::ranges::is_sorted(*ends) && ends->back() == elements, "ends rise to the number of elements");
  return 0;
}
