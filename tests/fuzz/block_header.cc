// Any bytes as a coded block that is described and not decoded: rejected, or every plane of its kind is accounted for.
#include "codec/block/block_codec.h"
#include "codec/block/plane_payload.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  const std::vector<uint8_t> coded = ExactCopy({data, size});
  const absl::StatusOr<BlockHeader> header = ParseBlockHeader(coded);
  CheckRejection(header.status());
  const absl::StatusOr<BlockAnatomy> anatomy = DescribeBlock(coded);
  CheckRejection(anatomy.status());
  if (!anatomy.ok()) return 0;
  Check(header.ok(), "a block that can be described has a valid header");
  const auto kind = static_cast<PlaneKind>(header->plane);
  Check(anatomy->kind == kind, "the description has the header's plane kind");
  Check(anatomy->planes.size() == GetPlaneLayout(kind).num_planes, "every plane is described");
  return 0;
}
