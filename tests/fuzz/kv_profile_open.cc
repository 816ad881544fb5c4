// Any bytes as the body of a profile file (ParseKvProfileFile), and as a whole file: rejected, or read into what is
// written as the same body.
#include "formats/kv/kv_profile_file.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  const std::vector<uint8_t> body = ExactCopy({data, size});
  CheckRejection(ParseKvProfileFile(body).status());
  const auto profile = ParseKvProfileFile(SealKvProfileBody(body));
  CheckRejection(profile.status());
  if (!profile.ok()) return 0;
  Check(KvProfileBody((*profile)->geometry, (*profile)->coder->profile()) == body, "there is one way to write a body");
  return 0;
}
