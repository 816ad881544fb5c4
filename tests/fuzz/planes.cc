// Any bytes as elements of a float type: split into planes by one CPU variant and joined by another, they come back,
// and the planes end in zeros where they have bits to spare.
#include "codec/transform/planes.h"

#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  const CpuVariant splitting = TakeVariant(input);
  const CpuVariant joining = TakeVariant(input);
  const auto kind = static_cast<PlaneKind>(1 + TakeBelow(input, kNumPlaneKinds - 1));
  const PlaneLayout& layout = GetPlaneLayout(kind);
  const size_t n = input.size() / layout.element_bytes;
  const std::vector<uint8_t> raw = ExactCopy(input.first(n * layout.element_bytes));

  std::vector<uint8_t> planes[kMaxPlanes];
  PlaneSpans to;
  ConstPlaneSpans from;
  for (size_t p = 0; p < layout.num_planes; ++p) {
    planes[p].assign(PlaneBytes(kind, p, n), 0xff);
    to[p] = planes[p];
    from[p] = planes[p];
  }
  Use(splitting);
  SplitPlanes(kind, raw, to);
  for (size_t p = 0; p < layout.num_planes; ++p) {
    Check(PlanePaddingIsZero(kind, p, n, planes[p]), "bits behind a packed plane are zero");
  }
  Use(joining);
  std::vector<uint8_t> joined(raw.size());
  JoinPlanes(kind, from, joined);
  Check(joined == raw, "planes join to what was split");
  return 0;
}
