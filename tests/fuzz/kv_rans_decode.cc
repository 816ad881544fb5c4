// Any bytes as a stream of KV symbols and as one of decisions: every CPU variant says the same as the scalar one and
// reads nothing outside.
#include "codec/kv/kv_rans.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/registry/kv_inputs.h"

namespace plait {
namespace {

// Both variants in turn; decode(out) gives a status.
template <class Decode>
void CompareVariants(CpuVariant variant, size_t size, const Decode& decode) {
  Use(CpuVariant::kScalar);
  std::vector<uint8_t> expected(size);
  const absl::Status status = decode(expected);
  CheckRejection(status);
  Use(variant);
  std::vector<uint8_t> out(size);
  Check(decode(out).code() == status.code(), "every variant gives the same status");
  Check(!status.ok() || out == expected, "every variant gives the same bytes");
}

}  // namespace
}  // namespace plait

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plait;
  std::span<const uint8_t> input(data, size);
  const CpuVariant variant = TakeVariant(input);
  const unsigned lanes_log2 = kKvMinLanesLog2 + TakeBelow(input, kKvMaxLanesLog2 - kKvMinLanesLog2 + 1);
  const size_t rows = TakeBelow(input, 80);
  static const KvFuzzTables tables = MakeKvFuzzTables();
  const std::vector<uint8_t> class_of = KvClasses(TakeBelow(input, 150), tables.bits.size());
  const std::vector<uint8_t> stream = ExactCopy(input);
  static const KvDecodeTables decode_tables(tables.symbols);
  CompareVariants(variant, rows * class_of.size(), [&](std::vector<uint8_t>& symbols) {
    const KvSymbolPlane<uint8_t> plane[] = {{symbols, class_of}};
    return KvRansDecode(decode_tables, lanes_log2, stream, plane);
  });
  Random random(1);
  const std::vector<uint8_t> states = MakeKvDecisions(tables.bits, rows, class_of.size(), random).states;
  CompareVariants(variant, rows * class_of.size(), [&](std::vector<uint8_t>& bits) {
    const KvBitPlane<uint8_t> plane[] = {{states, bits, class_of}};
    return KvBitsDecode(tables.bits, lanes_log2, stream, plane);
  });
  return 0;
}
