// The KV coder: tables, streams of symbols and of decisions, orders of channels; every CPU variant against the scalar
// one.
#include "codec/kv/kv_rans.h"

#include <algorithm>
#include <cmath>
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

std::vector<uint8_t> EncodeBits(const KvBitTables& tables, unsigned lanes_log2, std::span<const KvDecisions> planes) {
  std::vector<KvBitPlane<const uint8_t>> spans;
  for (const KvDecisions& plane : planes) spans.push_back(plane.plane());
  std::vector<uint8_t> stream;
  KvBitsEncode(tables, lanes_log2, spans, &stream);
  return stream;
}

absl::StatusOr<std::vector<uint8_t>> DecodeBits(const KvBitTables& tables, unsigned lanes_log2,
                                                std::span<const uint8_t> stream, const KvDecisions& shape) {
  const GuardedBytes in(stream);
  const GuardedBytes states(shape.states);
  const GuardedBytes out(shape.bits.size());
  const KvBitPlane<uint8_t> planes[] = {{states.span(), out.span(), shape.class_of}};
  if (absl::Status status = KvBitsDecode(tables, lanes_log2, in.span(), planes); !status.ok()) return status;
  return std::vector<uint8_t>(out.span().begin(), out.span().end());
}

TEST(KvBits, EveryVariantWritesTheSameBytesAndReadsThemBack) {
  Random random(2);
  for (const size_t num_classes : {1, 7}) {
    const KvBitTables tables = MakeKvBitTables(num_classes, random);
    for (const size_t channels : {1, 15, 16, 17, 63, 64, 65, 192, 1000}) {
      for (const size_t rows : {0, 1, 2, 65, 130}) {
        const KvDecisions plane = MakeKvDecisions(tables, rows, channels, random);
        for (unsigned lanes_log2 = kKvMinLanesLog2; lanes_log2 <= kKvMaxLanesLog2; ++lanes_log2) {
          std::vector<uint8_t> stream;
          ForEachCpu([&] {
            const std::vector<uint8_t> again = EncodeBits(tables, lanes_log2, {&plane, 1});
            if (stream.empty()) stream = again;
            ASSERT_EQ(again, stream);
            const auto decoded = DecodeBits(tables, lanes_log2, stream, plane);
            ASSERT_THAT(decoded, IsOk()) << channels << " x " << rows;
            ASSERT_EQ(*decoded, plane.bits);
          });
        }
      }
    }
  }
}

TEST(KvOrder, GoesToTheCodedOrderAndBackInEveryVariant) {
  Random random(3);
  for (const size_t channels :
       {1, 2, 15, 63, 64, 65, 127, 128, 129, 191, 192, 193, 256, 1000, 1024, 4095, 4096, 4097}) {
    for (const size_t rows : {0, 1, 3}) {
      const std::vector<uint16_t> order = MakeKvOrder(channels, random);
      const GuardedBytes from(RandomBytes(rows * channels, random));
      ForEachCpu([&] {
        const GuardedBytes coded(rows * channels);
        KvToCodedOrder(order, from.span(), coded.span());
        for (size_t i = 0; i < rows * channels; ++i) {
          ASSERT_EQ(coded.span()[i], from.span()[i / channels * channels + order[i % channels]]) << channels;
        }
        const GuardedBytes back(rows * channels);
        KvFromCodedOrder(order, coded.span(), back.span());
        ASSERT_TRUE(std::ranges::equal(back.span(), from.span())) << channels;
      });
    }
  }
}

// The example of FORMAT.md.
KvTables HandTables() {
  KvTables tables{.num_contexts = 2, .contexts = {KvTables::ContextMap{}}, .frequencies = {{}, {}}};
  tables.contexts[0][31] = 1;
  tables.frequencies[0][15] = 700;
  tables.frequencies[0][16] = 323;
  tables.frequencies[0][31] = 1;
  tables.frequencies[1].fill(32);
  return tables;
}

KvSymbols HandSymbols() { return {.symbols = FromHex("1F0F 1F10 0F0F"), .class_of = {0, 0}}; }

std::vector<uint8_t> HandStream() {
  std::vector<uint8_t> stream = FromHex("FF030800 23580300");
  for (size_t lane = 2; lane < 16; ++lane) stream = Concat({stream, FromHex("00800000")});
  return Concat({stream, FromHex("E03F")});
}

absl::StatusOr<std::vector<uint8_t>> DecodeHand(std::span<const uint8_t> stream) {
  const KvSymbols shape = HandSymbols();
  return Decode(KvDecodeTables(HandTables()), kKvMinLanesLog2, stream, {&shape, 1});
}

TEST(KvRans, HandAssembledStreamIsWhatItsSymbolsGive) {
  const KvSymbols symbols = HandSymbols();
  ForEachCpu([&] {
    EXPECT_EQ(Encode(HandTables(), kKvMinLanesLog2, {&symbols, 1}), HandStream());
    EXPECT_EQ(DecodeHand(HandStream()).value(), symbols.symbols);
  });
}

TEST(KvRans, StatesGoOnFromPlaneToPlane) {
  Random random(4);
  const KvTables tables = MakeKvTables(5, 4, 1.0, random);
  const KvSymbols planes[] = {MakeKvSymbols(tables, 70, 100, random), MakeKvSymbols(tables, 3, 17, random),
                              MakeKvSymbols(tables, 0, 64, random), MakeKvSymbols(tables, 129, 64, random)};
  std::vector<uint8_t> all;
  for (const KvSymbols& plane : planes) all.insert(all.end(), plane.symbols.begin(), plane.symbols.end());
  std::vector<uint8_t> stream;
  ForEachCpu([&] {
    const std::vector<uint8_t> again = Encode(tables, 5, planes);
    if (stream.empty()) stream = again;
    EXPECT_EQ(again, stream);
    EXPECT_EQ(Decode(KvDecodeTables(tables), 5, stream, planes).value(), all);
  });
}

TEST(KvRans, TruncatedAtEveryByteIsOutOfRange) {
  Random random(5);
  const KvTables tables = MakeKvTables(2, 3, 1.5, random);
  const KvDecodeTables decode_tables(tables);
  const KvSymbols plane = MakeKvSymbols(tables, 40, 37, random);
  for (unsigned lanes_log2 = kKvMinLanesLog2; lanes_log2 <= kKvMaxLanesLog2; ++lanes_log2) {
    const std::vector<uint8_t> stream = Encode(tables, lanes_log2, {&plane, 1});
    ForEachCpu([&] {
      for (size_t size = 0; size < stream.size(); ++size) {
        ASSERT_THAT(Decode(decode_tables, lanes_log2, std::span(stream).first(size), {&plane, 1}),
                    StatusIs(absl::StatusCode::kOutOfRange))
            << size << " of " << stream.size();
      }
    });
  }
}

TEST(KvRans, FlippedBitsAreFoundOrDecodeAlikeInEveryVariant) {
  Random random(6);
  const KvTables tables = MakeKvTables(2, 3, 1.5, random);
  const KvDecodeTables decode_tables(tables);
  const KvSymbols plane = MakeKvSymbols(tables, 9, 19, random);
  std::vector<uint8_t> stream = Encode(tables, kKvMinLanesLog2, {&plane, 1});
  for (size_t bit = 0; bit < 8 * stream.size(); ++bit) {
    stream[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    absl::StatusOr<std::vector<uint8_t>> expected = absl::UnknownError("");
    ForEachCpu([&] {
      const auto decoded = Decode(decode_tables, kKvMinLanesLog2, stream, {&plane, 1});
      if (ActiveCpu() == CpuVariant::kScalar) expected = decoded;
      ASSERT_EQ(decoded.status(), expected.status()) << bit;
      if (decoded.ok()) {
        ASSERT_EQ(*decoded, *expected) << bit;
        ASSERT_NE(*decoded, plane.symbols) << bit << ": two streams of the same symbols";
      } else {
        ASSERT_THAT(decoded, IsRejected()) << bit;
      }
    });
    stream[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

TEST(KvRans, WhatAReaderMustRejectIsRejected) {
  std::vector<uint8_t> low = HandStream();
  StoreLe(uint32_t{kKvLowState - 1}, &low[8]);
  std::vector<uint8_t> high = HandStream();
  StoreLe(uint32_t{1} << kKvStateBits, &high[8]);
  std::vector<uint8_t> end = HandStream();
  StoreLe(kKvLowState + 1, &end[60]);
  const std::vector<uint8_t> more = Concat({HandStream(), FromHex("0000")});
  const std::vector<uint8_t> half = Concat({HandStream(), FromHex("00")});
  ForEachCpu([&] {
    for (const auto& stream : {low, high, end, more, half}) {
      EXPECT_THAT(DecodeHand(stream), StatusIs(absl::StatusCode::kDataLoss));
    }
  });
}

TEST(KvRans, UnknownSymbolsAreEscapedByTheContextThatTheyHaveThen) {
  KvTables tables = HandTables();
  tables.frequencies[1] = tables.frequencies[0];
  tables.frequencies[1][15] = 699;
  tables.frequencies[1][7] = 1;
  // 9 is never known; 7 only behind an escape.
  const std::vector<uint8_t> class_of = {0, 0};
  ForEachCpu([&] {
    std::vector<uint8_t> symbols = FromHex("0F09 0907 0710 070F");
    KvEscapeUnknown(KvEncodeTables(tables), {symbols, class_of});
    EXPECT_EQ(symbols, FromHex("0F1F 1F07 0710 1F0F"));
  });
}

TEST(KvRans, EveryVariantEscapesTheSameSymbols) {
  Random random(8);
  const KvTables tables = MakeKvTables(3, 16, 0.3, random);
  std::vector<uint8_t> class_of(150, 0);
  std::fill(class_of.begin() + 1, class_of.begin() + 40, uint8_t{2});
  std::fill(class_of.begin() + 110, class_of.end(), uint8_t{1});
  std::vector<uint8_t> symbols(40 * class_of.size());
  for (uint8_t& symbol : symbols) symbol = static_cast<uint8_t>(random() % kKvSymbols);
  std::vector<uint8_t> first;
  ForEachCpu([&] {
    std::vector<uint8_t> escaped = symbols;
    KvEscapeUnknown(KvEncodeTables(tables), {escaped, class_of});
    if (first.empty()) first = escaped;
    EXPECT_EQ(escaped, first);
  });
  EXPECT_NE(first, symbols);
}

TEST(KvBits, HandAssembledStreamIsWhatItsDecisionsGive) {
  const KvBitTables tables = {{600, 400, 512, 700, 900}};
  const KvDecisions plane = {
      .states = FromHex("0083 0000 8187 0002"), .bits = FromHex("0100 0101 0100 0001"), .class_of = {0, 0}};
  std::vector<uint8_t> stream = FromHex("981A0A00 64F70200");
  for (size_t lane = 2; lane < 16; ++lane) stream = Concat({stream, FromHex("00800000")});
  ForEachCpu([&] {
    EXPECT_EQ(EncodeBits(tables, kKvMinLanesLog2, {&plane, 1}), stream);
    EXPECT_EQ(DecodeBits(tables, kKvMinLanesLog2, stream, plane).value(), plane.bits);
  });
}

TEST(KvBits, TruncatedAtEveryByteIsOutOfRange) {
  Random random(7);
  const KvBitTables tables = MakeKvBitTables(2, random);
  const KvDecisions plane = MakeKvDecisions(tables, 50, 37, random);
  const std::vector<uint8_t> stream = EncodeBits(tables, kKvMaxLanesLog2, {&plane, 1});
  ForEachCpu([&] {
    for (size_t size = 0; size < stream.size(); ++size) {
      ASSERT_THAT(DecodeBits(tables, kKvMaxLanesLog2, std::span(stream).first(size), plane),
                  StatusIs(absl::StatusCode::kOutOfRange))
          << size << " of " << stream.size();
    }
  });
}

// ---- Tables ----

TEST(KvTables, BucketsGiveEverySymbolItsSlotsOnce) {
  Random random(8);
  for (int trial = 0; trial < 500; ++trial) {
    const KvTables tables = MakeKvTables(1, 1, 0.1 + 0.02 * trial, random);
    const KvTables::Frequencies& frequencies = tables.frequencies[0];
    const KvBuckets buckets = MakeKvBuckets(frequencies);
    std::array<std::vector<bool>, kKvSymbols> seen;
    for (size_t s = 0; s < kKvSymbols; ++s) seen[s].resize(frequencies[s]);
    for (size_t slot = 0; slot < kKvSlots; ++slot) {
      const KvBucket& bucket = buckets[slot / kKvBucketSlots];
      const size_t i = slot % kKvBucketSlots;
      const bool other = i < bucket.others_slots;
      const size_t symbol = other ? bucket.other : slot / kKvBucketSlots;
      const size_t offset = other ? bucket.other_offset + i : i - bucket.others_slots;
      ASSERT_LT(offset, seen[symbol].size());
      ASSERT_FALSE(seen[symbol][offset]);
      seen[symbol][offset] = true;
    }
  }
}

TEST(KvTables, NormalizedCountsAddUpAndNoSlotIsBetterElsewhere) {
  Random random(9);
  for (int trial = 0; trial < 500; ++trial) {
    std::array<uint32_t, kKvSymbols> counts{};
    for (size_t s = 0; s < kKvSymbols; ++s)
      counts[s] = random() % 4 == 0 ? 0 : static_cast<uint32_t>(random()) >> trial % 32;
    const KvTables::Frequencies frequencies = NormalizeKvCounts(counts);
    ASSERT_EQ(std::accumulate(frequencies.begin(), frequencies.end(), 0u), kKvSlots);
    ASSERT_GE(frequencies[kKvEscape], 1);
    const auto bits = [&](size_t s, int more) { return counts[s] * -std::log2(frequencies[s] + more); };
    const auto per_slot = [&](size_t s) { return counts[s] / static_cast<double>(frequencies[s]); };
    for (size_t from = 0; from < kKvSymbols; ++from) {
      ASSERT_LT(frequencies[from], kKvSlots);
      ASSERT_TRUE(counts[from] == 0 || frequencies[from] >= 1);
      for (size_t to = 0; to < kKvSymbols; ++to) {
        if (from == to || frequencies[from] < 2 || frequencies[to] < 1) continue;
        const double before = bits(from, 0) + bits(to, 0);
        const double after = bits(from, -1) + bits(to, 1);
        EXPECT_GE(after - before, -0.05 * (per_slot(from) + per_slot(to))) << trial << ": " << from << " to " << to;
      }
    }
  }
}

TEST(KvTables, NoCountsGiveTablesThatCodeEverySymbolAsTheEscape) {
  const std::array<uint32_t, kKvSymbols> none{};
  const KvTables tables = {
      .num_contexts = 1, .contexts = {KvTables::ContextMap{}}, .frequencies = {NormalizeKvCounts(none)}};
  EXPECT_THAT(CheckKvTables(tables), IsOk());
}

TEST(KvTables, EachWrongMemberIsDataLoss) {
  const auto broken = [](const std::function<void(KvTables&)>& change) {
    KvTables tables = HandTables();
    change(tables);
    return CheckKvTables(tables);
  };
  EXPECT_THAT(CheckKvTables(HandTables()), IsOk());
  const std::function<void(KvTables&)> changes[] = {
      [](KvTables& t) { t.num_contexts = 0; },
      [](KvTables& t) { t.num_contexts = kKvMaxContexts + 1; },
      [](KvTables& t) { t.contexts.clear(); },
      [](KvTables& t) { t.contexts.resize(kKvMaxClasses + 1); },
      [](KvTables& t) { t.frequencies.pop_back(); },
      [](KvTables& t) { t.contexts[0][3] = 2; },
      [](KvTables& t) { ++t.frequencies[0][3]; },
      [](KvTables& t) { t.frequencies[1][31] = 0, t.frequencies[1][30] = 64; },
      [](KvTables& t) { t.frequencies[0] = {}, t.frequencies[0][31] = kKvSlots; },
  };
  for (size_t i = 0; i < std::size(changes); ++i) {
    EXPECT_THAT(broken(changes[i]), StatusIs(absl::StatusCode::kDataLoss)) << i;
  }
}

}  // namespace
}  // namespace plait
