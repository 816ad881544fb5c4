// Any bytes as the code of a plane, with or without rotation and known rows: rejected, or decoded to what comes back
// when it is coded again.
#include "codec/range/range_kv.h"
#include "tests/fuzz/fuzz_input.h"

namespace plait {
namespace {

constexpr Dtype kDtypes[] = {Dtype::kBf16, Dtype::kF16, Dtype::kF8E4m3, Dtype::kF8E5m2};
constexpr uint32_t kMaxRotation = 4;

RangeRows KnownRows(uint32_t tokens, uint32_t channels) {
  RangeRows rows = {.tokens = tokens, .channels = channels, .values = {}};
  for (uint32_t i = 0; i < tokens * channels; ++i) {
    rows.values.push_back(static_cast<int32_t>(i * 2654435761U >> 17) - 16384);
  }
  return rows;
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  Use(TakeVariant(input));
  RangePlane plane = {.dtype = kDtypes[TakeBelow(input, std::size(kDtypes))],
                      .tokens = TakeBelow(input, 100),
                      .channels = 0,
                      .rotation = {}};
  std::vector<uint32_t> rotation(TakeBelow(input, kMaxRotation));
  for (uint32_t& turn : rotation) turn = TakeBelow(input, uint64_t{1} << 32);
  plane.rotation = rotation;
  plane.channels = TakeBelow(input, 20) * std::max<uint32_t>(1, 2 * static_cast<uint32_t>(rotation.size()));
  const RangeRows rows = KnownRows(plane.tokens, TakeBelow(input, 9));
  const RangeRows* known[] = {&rows};
  const std::vector<uint8_t> coded = ExactCopy(input);

  std::vector<uint8_t> elements(size_t{plane.tokens} * plane.channels * GetDtypeInfo(plane.dtype).bits / 8);
  RangeModel model;
  const absl::Status status = DecodeRangePlane(plane, coded, known, model, nullptr, elements);
  CheckRejection(status);
  if (!status.ok()) return 0;
  std::vector<uint8_t> again;
  RangeModel encoding;
  Check(EncodeRangePlane(plane, elements, known, encoding, nullptr, &again).ok(), "what was decoded can be coded");
  std::vector<uint8_t> decoded(elements.size());
  RangeModel decoding;
  Check(DecodeRangePlane(plane, again, known, decoding, nullptr, decoded).ok(), "what was coded can be decoded");
  Check(decoded == elements, "elements survive being coded");
  return 0;
}
