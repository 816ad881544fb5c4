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

  // Joined with planes that end where they should, as the symbols' own join would.
  for (PlaneKind kind : {PlaneKind::kBf16, PlaneKind::kF32, PlaneKind::kF16, PlaneKind::kE4m3, PlaneKind::kE5m2}) {
    std::vector<uint8_t> rest[kMaxPlanes];
    ConstPlaneSpans planes;
    planes[0] = expected;
    for (size_t p = 1; p < GetPlaneLayout(kind).num_planes; ++p) {
      rest[p].assign(PlaneBytes(kind, p, num_symbols), static_cast<uint8_t>(0x5a + p));
      planes[p] = rest[p];
    }
    std::vector<uint8_t> joined(num_symbols * GetPlaneLayout(kind).element_bytes);
    const absl::Status found = TierDecodeAndJoin(stream, *scratch, kind, planes, joined, {});
    Check(found.code() == status.code(), "decoding and joining gives the status of decoding");
    if (!status.ok()) continue;
    std::vector<uint8_t> separately(joined.size());
    JoinPlanes(kind, planes, separately);
    Check(joined == separately, "decoding and joining is decoding, then joining");
  }
  return 0;
}
