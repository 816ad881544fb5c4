// Any bytes as the payload of a block that is split into planes: every CPU variant says the same as the scalar one.
#include "codec/block/plane_payload.h"

#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  const CpuVariant variant = TakeVariant(input);
  const auto kind = static_cast<PlaneKind>(1 + TakeBelow(input, kNumPlaneKinds - 1));
  const uint32_t raw_bytes = TakeBelow(input, 16384);
  const std::vector<uint8_t> payload = ExactCopy(input);
  // The block header repeats the codec of plane 0; that they may differ is for block_decode.
  const bool known = !payload.empty() && IsCodecId(payload[0]);
  const auto codec = known ? static_cast<CodecId>(payload[0]) : CodecId::kStore;

  Use(CpuVariant::kScalar);
  BlockWorkspace scalar_workspace;  // a new one each, so that its planes end where they should
  std::vector<uint8_t> expected(raw_bytes);
  const absl::Status status = DecodePlanePayload(kind, codec, payload, scalar_workspace, expected);
  CheckRejection(status);
  Use(variant);
  BlockWorkspace workspace;
  std::vector<uint8_t> raw(raw_bytes);
  Check(DecodePlanePayload(kind, codec, payload, workspace, raw).code() == status.code(),
        "every variant gives the same status");
  Check(!status.ok() || raw == expected, "every variant gives the same bytes");
  return 0;
}
