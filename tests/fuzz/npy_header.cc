// Any bytes as the header of an array file: rejected, or read into what is written and read back as the same.
#include "formats/npy/npy_header.h"

#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  const std::vector<uint8_t> bytes = ExactCopy({data, size});
  const absl::StatusOr<NpyHeader> header = ParseNpyHeader(bytes);
  CheckRejection(header.status());
  if (!header.ok() || header->descr.size() > 100 || header->descr.find('\'') != std::string::npos) return 0;
  const absl::StatusOr<NpyHeader> again = ParseNpyHeader(MakeNpyHeader(*header));
  Check(again.ok() && again->descr == header->descr && again->shape == header->shape &&
            again->fortran_order == header->fortran_order,
        "a header that was read can be written");
  return 0;
}
