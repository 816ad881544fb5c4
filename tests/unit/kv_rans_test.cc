// The KV coder: tables, streams of symbols and of decisions, orders of channels; every CPU variant against the scalar
// one.
#include "codec/kv/kv_rans.h"

#include <algorithm>
#include <numeric>

#include "codec/base/endian.h"
#include "codec/kv/kv_tables.h"
#include "tests/registry/kv_inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

std::vector<uint8_t> Encode(const KvTables& tables, unsigned lanes_log2, std::span<const KvSymbols> planes) {
  std::vector<KvSymbolPlane<const uint8_t>> spans;
  for (const KvSymbols& plane : planes) spans.push_back(plane.plane());
  std::vector<uint8_t> stream;
  KvRansEncode(KvEncodeTables(tables), lanes_log2, spans, &stream);
  return stream;
}

// The symbols of all planes, decoded from memory that ends where the stream does, to memory that ends where they do.
absl::StatusOr<std::vector<uint8_t>> Decode(const KvDecodeTables& tables, unsigned lanes_log2,
                                            std::span<const uint8_t> stream, std::span<const KvSymbols> shapes) {
  const GuardedBytes in(stream);
  size_t bytes = 0;
  for (const KvSymbols& shape : shapes) bytes += shape.symbols.size();
  const GuardedBytes out(bytes);
  std::vector<KvSymbolPlane<uint8_t>> planes;
  std::span<uint8_t> rest = out.span();
  for (const KvSymbols& shape : shapes) {
    planes.push_back({.symbols = rest.first(shape.symbols.size()), .class_of = shape.class_of});
    rest = rest.subspan(shape.symbols.size());
  }
  if (absl::Status status = KvRansDecode(tables, lanes_log2, in.span(), planes); !status.ok()) return status;
  return std::vector<uint8_t>(out.span().begin(), out.span().end());
}

TEST(KvRans, EveryVariantWritesTheSameBytesAndReadsThemBack) {
  Random random(1);
  const KvTables tables[] = {MakeKvTables(16, 10, 2.0, random),
                             MakeKvTables(3, 16, 0.3, random),
                             MakeKvTables(1, 1, 20, random),
                             UniformKvTables(5),
                             OneSymbolKvTables(7),
                             OneSymbolKvTables(kKvEscape)};
  for (const KvTables& table : tables) {
    ASSERT_THAT(CheckKvTables(table), IsOk());
    const KvDecodeTables decode_tables(table);
    for (const size_t channels : {1, 15, 16, 17, 63, 64, 65, 192, 256, 1000}) {
      for (const size_t rows : {0, 1, 2, 65, 256}) {
        const KvSymbols planes[] = {MakeKvSymbols(table, rows, channels, random)};
        for (unsigned lanes_log2 = kKvMinLanesLog2; lanes_log2 <= kKvMaxLanesLog2; ++lanes_log2) {
          std::vector<uint8_t> stream;
          ForEachCpu([&] {
            const std::vector<uint8_t> again = Encode(table, lanes_log2, planes);
            if (stream.empty()) stream = again;
            ASSERT_EQ(again, stream);
            const auto decoded = Decode(decode_tables, lanes_log2, stream, planes);
            ASSERT_THAT(decoded, IsOk()) << channels << " x " << rows;
            ASSERT_EQ(*decoded, planes[0].symbols);
          });
        }
      }
    }
  }
}

}  // namespace
}  // namespace plait
