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

// What joining made of it, whether or not it failed.
template <class Element>
struct Joined {
  absl::StatusCode code;
  std::vector<Element> elements;

  bool operator==(const Joined&) const = default;
};

// With no memory behind the parts that can be touched.
Joined<uint16_t> JoinHeads(KvElement element, std::span<const int16_t> offset, const Heads& heads) {
  const GuardedBytes symbols(heads.symbols);
  const GuardedBytes escapes(heads.escapes);
  const GuardedBytes mantissas(heads.mantissas);
  std::vector<uint16_t> x(heads.symbols.size());
  const absl::Status status = KvJoinHeads(element, offset, symbols.span(), escapes.span(), mantissas.span(), x);
  if (!status.ok()) x.clear();
  return {status.code(), x};
}

// Whether every CPU variant makes the same of `make` as the scalar one.
template <class Make>
void ExpectSameOnEachCpu(Make make) {
  ASSERT_THAT(ForceCpu(CpuVariant::kScalar), IsOk());
  const auto expected = make();
  ForEachCpu([&] { ASSERT_TRUE(make() == expected); });
}

TEST(KvSymbols, HeadsOfEveryValueJoinAgain) {
  for (KvElement element : kElements) {
    const KvElementInfo info = GetKvElementInfo(element);
    std::vector<uint16_t> x;
    for (unsigned i = 0; i < 2u * info.sign_bit(); ++i) x.push_back(static_cast<uint16_t>(i));
    for (size_t channels : {size_t{1}, size_t{2}, size_t{64}, x.size() / 2, x.size()}) {
      for (int offset : {-5, 0, 7, 15, 131, 300}) {
        const std::vector<int16_t> offsets(channels, static_cast<int16_t>(offset));
        ExpectSameOnEachCpu([&] { return SplitHeads(element, offsets, x); });
        const Heads heads = SplitHeads(element, offsets, x);
        ForEachCpu([&] { ASSERT_EQ(JoinHeads(element, offsets, heads).elements, x); });
      }
    }
  }
}

constexpr size_t kChannelCounts[] = {1, 7, 31, 32, 33, 63, 64, 65, 80, 96, 127, 128, 129, 192};

// Elements, some of them escaped, in three rows.
struct HeadPlane {
  std::vector<int16_t> offset;
  std::vector<uint16_t> x;

  HeadPlane(KvElement element, size_t channels, Random& random) {
    const KvElementInfo info = GetKvElementInfo(element);
    for (size_t c = 0; c < channels; ++c) offset.push_back(static_cast<int16_t>(info.bias + random() % 6));
    for (size_t i = 0; i < 3 * channels; ++i) {
      const unsigned any = static_cast<unsigned>(random()) % (2u * info.sign_bit());
      const unsigned near = (any & (info.sign_bit() | info.mantissa_mask())) |
                            static_cast<unsigned>(info.bias - static_cast<int>(random() % 4)) << info.mantissa_bits;
      x.push_back(static_cast<uint16_t>(random() % 16 == 0 ? any : near));
    }
  }
};

TEST(KvSymbols, HeadsOfEveryNumberOfChannelsJoinAgain) {
  Random random(3);
  for (KvElement element : kElements) {
    for (size_t channels : kChannelCounts) {
      const HeadPlane plane(element, channels, random);
      ExpectSameOnEachCpu([&] { return SplitHeads(element, plane.offset, plane.x); });
      const Heads heads = SplitHeads(element, plane.offset, plane.x);
      ForEachCpu([&] { ASSERT_EQ(JoinHeads(element, plane.offset, heads).elements, plane.x) << channels; });
    }
  }
}

// body(parts with the last `cut` bytes of one of them gone, and of which) until there is nothing left of it.
template <class Parts>
void ForEachTruncation(const Parts& parts, std::initializer_list<std::vector<uint8_t> Parts::*> members,
                       const std::function<void(const Parts&)>& body) {
  for (const auto member : members) {
    Parts cut = parts;
    while (!(cut.*member).empty()) {
      (cut.*member).pop_back();
      body(cut);
    }
  }
}

TEST(KvSymbols, HeadsTruncatedAtEveryByteAreOutOfRange) {
  Random random(4);
  for (KvElement element : kElements) {
    const HeadPlane plane(element, 67, random);
    const Heads heads = SplitHeads(element, plane.offset, plane.x);
    ASSERT_FALSE(heads.escapes.empty());
    ForEachTruncation<Heads>(heads, {&Heads::escapes, &Heads::mantissas}, [&](const Heads& cut) {
      ForEachCpu([&] { ASSERT_EQ(JoinHeads(element, plane.offset, cut).code, absl::StatusCode::kOutOfRange); });
    });
  }
}

TEST(KvSymbols, HeadsThatNoEncoderWritesAreDataLoss) {
  constexpr KvElement kElement = KvElement::kBf16;
  const std::vector<int16_t> offset(67, 10);  // exponents below 0 from symbol 22 on
  const Heads good = {std::vector<uint8_t>(67, 21), {}, std::vector<uint8_t>(59)};  // 469 bits and 3 of filling
  const auto expect_loss = [&](const Heads& heads) {
    ForEachCpu([&] { EXPECT_EQ(JoinHeads(kElement, offset, heads).code, absl::StatusCode::kDataLoss); });
  };
  ForEachCpu([&] { EXPECT_EQ(JoinHeads(kElement, offset, good).code, absl::StatusCode::kOk); });
  for (size_t at : {size_t{0}, size_t{31}, size_t{32}, size_t{64}, size_t{66}}) {
    for (uint8_t symbol : {22, 29, 30, 32, 255}) {
      Heads bad = good;
      bad.symbols[at] = symbol;
      expect_loss(bad);
    }
    Heads escaped = good;
    escaped.symbols[at] = kKvEscape;
    escaped.escapes = {0xff, 0x01};
    ForEachCpu([&] { EXPECT_EQ(JoinHeads(kElement, offset, escaped).code, absl::StatusCode::kOk); });
    escaped.escapes[1] = 0x02;
    expect_loss(escaped);
  }
  Heads filled = good;
  filled.mantissas.back() = 0x20;
  expect_loss(filled);
  Heads longer = good;
  longer.mantissas.push_back(0);
  expect_loss(longer);
  longer = good;
  longer.escapes = {0, 0};
  expect_loss(longer);
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

Joined<int16_t> JoinIndices(std::span<const KvIndexChannel> channels, const Indices& parts) {
  const GuardedBytes symbols(parts.symbols);
  const GuardedBytes escapes(parts.escapes);
  const GuardedBytes low_bits(parts.low_bits);
  std::vector<int16_t> indices(parts.symbols.size());
  const absl::Status status = KvJoinIndices(channels, symbols.span(), escapes.span(), low_bits.span(), indices);
  if (!status.ok()) indices.clear();
  return {status.code(), indices};
}

TEST(KvSymbols, EveryIndexJoinsAgain) {
  std::vector<int16_t> indices;
  for (int i = -kKvSaturated; i <= kKvSaturated; ++i) indices.push_back(static_cast<int16_t>(i));
  for (int center : {-32768, -20000, -3, 0, 5, 32767}) {
    std::vector<KvIndexChannel> channels;
    for (unsigned c = 0; c < 3; ++c)
      channels.push_back({static_cast<int16_t>(center), static_cast<uint8_t>(c * 7 / 2)});
    ASSERT_EQ(indices.size() % channels.size(), 0);
    ExpectSameOnEachCpu([&] { return SplitIndices(channels, indices); });
    const Indices parts = SplitIndices(channels, indices);
    ForEachCpu([&] { ASSERT_EQ(JoinIndices(channels, parts).elements, indices); });
  }
}

// Channels of every shift, and indices in three rows, some of them escaped.
struct IndexPlane {
  std::vector<KvIndexChannel> channels;
  std::vector<int16_t> indices;

  IndexPlane(size_t num_channels, Random& random) {
    for (size_t c = 0; c < num_channels; ++c) {
      const auto shift = static_cast<uint8_t>(random() % 2 == 0 ? 0 : random() % (kKvMaxShift + 1));
      channels.push_back({static_cast<int16_t>(random() % 200 - 100), shift});
    }
    for (size_t i = 0; i < 3 * num_channels; ++i) {
      const int near = static_cast<int>(random() % 31) - 15;
      const KvIndexChannel& channel = channels[i % num_channels];
      const int index = random() % 16 == 0 ? static_cast<int>(random() % 65535) - kKvSaturated
                                           : channel.center + near * (1 << channel.shift) +
                                                 static_cast<int>(random() % (1u << channel.shift));
      indices.push_back(static_cast<int16_t>(index));
    }
  }
};

TEST(KvSymbols, IndicesOfEveryNumberOfChannelsJoinAgain) {
  Random random(5);
  for (size_t num_channels : kChannelCounts) {
    const IndexPlane plane(num_channels, random);
    ExpectSameOnEachCpu([&] { return SplitIndices(plane.channels, plane.indices); });
    const Indices parts = SplitIndices(plane.channels, plane.indices);
    ForEachCpu([&] { ASSERT_EQ(JoinIndices(plane.channels, parts).elements, plane.indices) << num_channels; });
  }
}

TEST(KvSymbols, IndicesTruncatedAtEveryByteAreOutOfRange) {
  Random random(6);
  const IndexPlane plane(67, random);
  const Indices parts = SplitIndices(plane.channels, plane.indices);
  ASSERT_FALSE(parts.escapes.empty());
  ForEachTruncation<Indices>(parts, {&Indices::escapes, &Indices::low_bits}, [&](const Indices& cut) {
    ForEachCpu([&] { ASSERT_EQ(JoinIndices(plane.channels, cut).code, absl::StatusCode::kOutOfRange); });
  });
}

TEST(KvSymbols, IndicesThatNoEncoderWritesAreDataLoss) {
  const std::vector<KvIndexChannel> channels(67, {.center = 0, .shift = 1});
  const Indices good = {std::vector<uint8_t>(67, 15), {}, std::vector<uint8_t>(9)};  // 67 bits and 5 of filling
  const auto code = [&](const Indices& parts) { return JoinIndices(channels, parts).code; };
  ForEachCpu([&] { EXPECT_EQ(code(good), absl::StatusCode::kOk); });
  for (size_t at : {size_t{0}, size_t{31}, size_t{32}, size_t{64}, size_t{66}}) {
    Indices bad = good;
    bad.symbols[at] = 32;
    ForEachCpu([&] { EXPECT_EQ(code(bad), absl::StatusCode::kDataLoss); });
    bad.symbols[at] = kKvEscape;
    bad.escapes = {0x00, 0x80};
    ForEachCpu([&] { EXPECT_EQ(code(bad), absl::StatusCode::kDataLoss); });
    bad.escapes = {0x01, 0x80};
    ForEachCpu([&] { EXPECT_EQ(code({bad.symbols, bad.escapes, std::vector<uint8_t>(9)}), absl::StatusCode::kOk); });
  }
  Indices filled = good;
  filled.low_bits.back() = 0x08;
  ForEachCpu([&] { EXPECT_EQ(code(filled), absl::StatusCode::kDataLoss); });
  Indices longer = good;
  longer.low_bits.push_back(0);
  ForEachCpu([&] { EXPECT_EQ(code(longer), absl::StatusCode::kDataLoss); });
}

TEST(KvSymbols, IndicesOutOfRangeAreDataLoss) {
  for (int center : {-32768, -32767, 32767, 32766}) {
    const std::vector<KvIndexChannel> channels = {{.center = static_cast<int16_t>(center), .shift = 0}};
    for (int symbol = 0; symbol < kKvEscape; ++symbol) {
      const int index = center + symbol - kKvSymbolZero;
      const bool fits = index >= -kKvSaturated && index <= kKvSaturated;
      ForEachCpu([&] {
        EXPECT_EQ(JoinIndices(channels, {{static_cast<uint8_t>(symbol)}, {}, {}}).code,
                  fits ? absl::StatusCode::kOk : absl::StatusCode::kDataLoss)
            << index;
      });
    }
  }
}

}  // namespace
}  // namespace plait
