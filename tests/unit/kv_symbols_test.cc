// Between KV elements, base indices and symbols: what kv_symbols.h promises, for every CPU variant.
#include "codec/kv/kv_symbols.h"

#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr KvElement kElements[] = {KvElement::kBf16, KvElement::kF16, KvElement::kE4m3, KvElement::kE5m2};

struct Heads {
  std::vector<uint8_t> symbols;
  std::vector<uint8_t> escapes;
  std::vector<uint8_t> mantissas;

  bool operator==(const Heads&) const = default;
};

Heads SplitHeads(KvElement element, std::span<const int16_t> offset, std::span<const uint16_t> x) {
  Heads heads;
  heads.symbols.resize(x.size());
  KvHeadSymbols(element, offset, x, heads.symbols);
  KvHeadEscapes(element, heads.symbols, x, &heads.escapes);
  KvMantissas(element, offset.size(), x, &heads.mantissas);
  return heads;
}

TEST(KvSymbols, HeadsOfEveryValueJoinAgain) {
  for (KvElement element : kElements) {
    const KvElementInfo info = GetKvElementInfo(element);
    std::vector<uint16_t> x;
    for (unsigned i = 0; i < 2u * info.sign_bit(); ++i) x.push_back(static_cast<uint16_t>(i));
    for (size_t channels : {size_t{1}, size_t{2}, size_t{64}, x.size() / 2, x.size()}) {
      for (int offset : {-5, 0, 7, 15, 131, 300}) {
        const std::vector<int16_t> offsets(channels, static_cast<int16_t>(offset));
        const Heads heads = SplitHeads(element, offsets, x);
        std::vector<uint16_t> joined(x.size());
        ASSERT_THAT(KvJoinHeads(element, offsets, heads.symbols, heads.escapes, heads.mantissas, joined), IsOk());
        ASSERT_EQ(joined, x);
      }
    }
  }
}

struct Indices {
  std::vector<uint8_t> symbols;
  std::vector<uint8_t> escapes;
  std::vector<uint8_t> low_bits;

  bool operator==(const Indices&) const = default;
};

Indices SplitIndices(std::span<const KvIndexChannel> channels, std::span<const int16_t> indices) {
  Indices parts;
  parts.symbols.resize(indices.size());
  KvIndexSymbols(channels, indices, parts.symbols);
  KvIndexEscapes(parts.symbols, indices, &parts.escapes);
  KvIndexLowBits(channels, parts.symbols, indices, &parts.low_bits);
  return parts;
}

TEST(KvSymbols, EveryIndexJoinsAgain) {
  std::vector<int16_t> indices;
  for (int i = -kKvSaturated; i <= kKvSaturated; ++i) indices.push_back(static_cast<int16_t>(i));
  for (int center : {-32768, -20000, -3, 0, 5, 32767}) {
    std::vector<KvIndexChannel> channels;
    for (unsigned c = 0; c < 3; ++c)
      channels.push_back({static_cast<int16_t>(center), static_cast<uint8_t>(c * 7 / 2)});
    const std::span<const int16_t> rows = std::span(indices).first(indices.size() / 3 * 3);
    const Indices parts = SplitIndices(channels, rows);
    std::vector<int16_t> joined(rows.size());
    ASSERT_THAT(KvJoinIndices(channels, parts.symbols, parts.escapes, parts.low_bits, joined), IsOk());
    ASSERT_TRUE(std::ranges::equal(joined, rows));
  }
}

}  // namespace
}  // namespace plait
