// Any bytes as a container, decoded as `plait decompress` does. The hashes of manifest and header are made right first.
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/seal.h"
#include "tests/registry/files.h"

namespace plait {
namespace {

// Larger originals, which a few bytes can claim, make runs slow without showing more.
constexpr uint64_t kMaxOriginalBytes = uint64_t{64} << 10;

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::vector<uint8_t> container = ExactCopy({data, size});
  SealContainer(container);
  CheckRejection(Decompress(container, 1, kMaxOriginalBytes).status());
  return 0;
}
