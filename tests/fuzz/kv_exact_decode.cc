// Any bytes as bits of a KV refinement or exact layer, on any prefixes: every CPU variant says the same as the scalar
// one and reads nothing outside. And any elements come back from their layers.
#include "codec/kv/kv_quality.h"
#include "tests/fuzz/fuzz_input.h"

namespace plait {
namespace {

struct Plane {
  KvElement element;
  std::vector<int16_t> channel;
  size_t num_elements;
  KvSteps steps;

  explicit Plane(std::span<const uint8_t>& input) : element(static_cast<KvElement>(TakeBelow(input, kNumKvElements))) {
    steps.refinements = TakeBelow(input, 2) == 1 ? 1 : 2;
    channel.resize(1 + TakeBelow(input, 200));
    num_elements = channel.size() * TakeBelow(input, 4);
    const uint32_t first_step = TakeBelow(input, 256);
    for (size_t c = 0; c < channel.size(); ++c) channel[c] = static_cast<int16_t>(first_step + c % 3);
    steps.channel = channel;
  }
  Plane(const Plane&) = delete;
  Plane& operator=(const Plane&) = delete;

  std::vector<uint16_t> FirstPrefixes(std::span<const int16_t> indices) const {
    std::vector<uint16_t> prefixes(num_elements);
    KvPrefixes(element, steps, indices, std::vector<uint8_t>(num_elements), prefixes);
    return prefixes;
  }

  // With one refinement the exact layer, else the second one.
  absl::Status Decode(std::span<const uint8_t> bits, std::vector<uint16_t>* prefixes) const {
    return steps.refinements == 1 ? KvExactDecode(element, steps, bits, *prefixes)
                                  : KvRefinementDecode(element, steps, 2, bits, *prefixes);
  }
};

// The next elements of the input, zeros where it is used up.
std::vector<int16_t> TakeWords(std::span<const uint8_t>& input, size_t count) {
  std::vector<int16_t> words(count);
  const size_t bytes = std::min(input.size(), 2 * count);
  if (bytes != 0) std::memcpy(words.data(), input.data(), bytes);
  input = input.subspan(bytes);
  return words;
}

void CheckRoundTrip(const Plane& plane, std::span<const int16_t> words) {
  const KvElementInfo info = GetKvElementInfo(plane.element);
  std::vector<uint16_t> x(words.begin(), words.end());
  for (uint16_t& element : x) element &= static_cast<uint16_t>(info.sign_bit() | info.magnitude_mask());
  const KvSteps steps = {.channel = plane.channel, .token = {}, .refinements = 1};
  std::vector<int16_t> indices(x.size());
  std::vector<uint8_t> states(x.size());
  std::vector<uint8_t> decisions(x.size());
  std::vector<uint8_t> exact;
  KvBaseIndices(plane.element, steps, x, indices);
  KvFirstDecisions(plane.element, steps, x, indices, states, decisions);
  KvExactEncode(plane.element, steps, x, &exact);
  std::vector<uint16_t> decoded(x.size());
  KvPrefixes(plane.element, steps, indices, decisions, decoded);
  Check(KvExactDecode(plane.element, steps, exact, decoded).ok(), "what was encoded can be decoded");
  Check(decoded == x, "decoding the exact layer gives the elements");
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  const CpuVariant variant = TakeVariant(input);
  const Plane plane(input);
  const std::vector<int16_t> indices = TakeWords(input, plane.num_elements);
  const std::vector<uint8_t> bits = ExactCopy(input);
  Use(CpuVariant::kScalar);
  std::vector<uint16_t> expected = plane.FirstPrefixes(indices);
  const absl::Status status = plane.Decode(bits, &expected);
  CheckRejection(status);
  Use(variant);
  std::vector<uint16_t> prefixes = plane.FirstPrefixes(indices);
  Check(plane.Decode(bits, &prefixes).code() == status.code(), "every variant gives the same status");
  Check(!status.ok() || prefixes == expected, "every variant gives the same elements");
  CheckRoundTrip(plane, indices);
  return 0;
}
