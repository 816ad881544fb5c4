#include "codec/transform/planes.h"

#include <algorithm>
#include <memory>

#include "codec/base/endian.h"
#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr PlaneKind kFloatKinds[] = {PlaneKind::kBf16,     PlaneKind::kF32,     PlaneKind::kF16,
                                     PlaneKind::kF64,      PlaneKind::kE4m3,    PlaneKind::kE5m2,
                                     PlaneKind::kBf16Wide, PlaneKind::kF32Wide, PlaneKind::kF16Wide};

struct Planes {
  std::vector<uint8_t> bytes[kMaxPlanes];

  Planes(PlaneKind kind, size_t n) {
    for (size_t p = 0; p < GetPlaneLayout(kind).num_planes; ++p) bytes[p].assign(PlaneBytes(kind, p, n), 0xee);
  }
  ConstPlaneSpans const_spans() const {
    ConstPlaneSpans spans;
    for (size_t p = 0; p < kMaxPlanes; ++p) spans[p] = bytes[p];
    return spans;
  }
};

// Planes that end at pages which cannot be touched.
struct GuardedPlanes {
  std::vector<std::unique_ptr<GuardedBytes>> bytes;

  GuardedPlanes(PlaneKind kind, size_t n) {
    for (size_t p = 0; p < GetPlaneLayout(kind).num_planes; ++p) {
      bytes.push_back(std::make_unique<GuardedBytes>(PlaneBytes(kind, p, n)));
    }
  }
  GuardedPlanes(PlaneKind kind, const Planes& planes) {
    for (size_t p = 0; p < GetPlaneLayout(kind).num_planes; ++p) {
      bytes.push_back(std::make_unique<GuardedBytes>(planes.bytes[p]));
    }
  }
  PlaneSpans spans() const {
    PlaneSpans spans;
    for (size_t p = 0; p < bytes.size(); ++p) spans[p] = bytes[p]->span();
    return spans;
  }
  ConstPlaneSpans const_spans() const {
    ConstPlaneSpans spans;
    for (size_t p = 0; p < bytes.size(); ++p) spans[p] = bytes[p]->span();
    return spans;
  }
};

Planes SplitGuarded(PlaneKind kind, std::span<const uint8_t> raw) {
  const size_t n = raw.size() / GetPlaneLayout(kind).element_bytes;
  const GuardedPlanes guarded(kind, n);
  const GuardedBytes in(raw);
  SplitPlanes(kind, in.span(), guarded.spans());
  Planes planes(kind, n);
  for (size_t p = 0; p < guarded.bytes.size(); ++p)
    std::ranges::copy(guarded.bytes[p]->span(), planes.bytes[p].begin());
  return planes;
}

TEST(Planes, EveryVariantSplitsAndJoinsAsTheScalarOne) {
  Random random(2);
  for (PlaneKind kind : kFloatKinds) {
    for (size_t n : {0, 1, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000}) {
      const std::vector<uint8_t> raw = RandomBytes(n * GetPlaneLayout(kind).element_bytes, random);
      // A plane 0 that came from elsewhere may have bits above its field: a join drops them.
      std::vector<std::vector<uint8_t>> splits;
      std::vector<std::vector<uint8_t>> joins;
      ForEachCpu([&] {
        Planes planes = SplitGuarded(kind, raw);
        std::vector<uint8_t> all;
        for (const auto& bytes : planes.bytes) all.insert(all.end(), bytes.begin(), bytes.end());
        splits.push_back(std::move(all));
        for (size_t i = 0; i < n; ++i) planes.bytes[0][i] = static_cast<uint8_t>(planes.bytes[0][i] ^ 37 * i);
        std::vector<uint8_t> joined(raw.size());
        JoinPlanes(kind, planes.const_spans(), joined);
        joins.push_back(std::move(joined));
      });
      for (size_t v = 1; v < splits.size(); ++v) {
        ASSERT_EQ(splits[v], splits[0]) << GetPlaneLayout(kind).name << " " << n;
        ASSERT_EQ(joins[v], joins[0]) << GetPlaneLayout(kind).name << " " << n;
      }
    }
  }
}

TEST(Planes, Bf16WordsSplitAsDefined) {
  std::vector<uint8_t> words(2 * 65536);
  for (uint32_t word = 0; word < 65536; ++word) StoreLe(static_cast<uint16_t>(word), words.data() + 2 * word);
  ForEachCpu([&] {
    const Planes planes = SplitGuarded(PlaneKind::kBf16, words);
    for (uint32_t word = 0; word < 65536; ++word) {
      ASSERT_EQ(planes.bytes[0][word], word >> 7 & 0xff) << word;
      ASSERT_EQ(planes.bytes[1][word], (word >> 8 & 0x80) | (word & 0x7f)) << word;
    }
  });
}

TEST(Planes, WideBf16WordsSplitAsDefined) {
  std::vector<uint8_t> words(2 * 65536);
  for (uint32_t word = 0; word < 65536; ++word) StoreLe(static_cast<uint16_t>(word), words.data() + 2 * word);
  ForEachCpu([&] {
    const Planes planes = SplitGuarded(PlaneKind::kBf16Wide, words);
    for (uint32_t word = 0; word < 65536; ++word) {
      ASSERT_EQ(planes.bytes[0][word], word >> 6 & 0xff) << word;
      unsigned field = 0;  // of 7 bits, from bit 7 * word of the plane on
      for (size_t b = 0; b < 7; ++b) {
        const size_t bit = 7 * size_t{word} + b;
        field |= (planes.bytes[1][bit / 8] >> bit % 8 & 1u) << b;
      }
      ASSERT_EQ(field, word >> 15 << 6 | (word & 0x3f)) << word;
      ASSERT_EQ(planes.bytes[2][word / 8] >> word % 8 & 1, word >> 14 & 1) << word;
    }
  });
}

TEST(Planes, WideKindsCutTheSameElements) {
  for (PlaneKind kind : kFloatKinds) {
    EXPECT_EQ(GetPlaneLayout(WideKindOf(kind)).element_bytes, GetPlaneLayout(kind).element_bytes);
  }
}

TEST(Planes, StreamingJoinsAreTheSame) {
  Random random(3);
  for (PlaneKind kind : kFloatKinds) {
    const size_t n = 1000;
    const std::vector<uint8_t> raw = RandomBytes(n * GetPlaneLayout(kind).element_bytes, random);
    const Planes planes = SplitGuarded(kind, raw);
    std::vector<uint8_t> memory(raw.size() + 128);
    const size_t aligned = (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
    for (size_t offset : {aligned, aligned + 2}) {  // one that can be streamed to and one that cannot
      ForEachCpu([&] {
        const auto out = std::span(memory).subspan(offset, raw.size());
        std::ranges::fill(memory, uint8_t{0xee});
        JoinPlanes(kind, planes.const_spans(), out, StoreMode::kStreaming);
        FinishStreaming();
        ASSERT_TRUE(std::ranges::equal(out, raw)) << GetPlaneLayout(kind).name;
        ASSERT_EQ(memory[offset + raw.size()], 0xee);
      });
    }
  }
}

TEST(Planes, EveryLengthOfEveryKindRoundTrips) {
  Random random(1);
  for (PlaneKind kind : kFloatKinds) {
    for (size_t n = 0; n <= 140; ++n) {
      const std::vector<uint8_t> raw = RandomBytes(n * GetPlaneLayout(kind).element_bytes, random);
      ForEachCpu([&] {
        const Planes planes = SplitGuarded(kind, raw);
        const GuardedBytes out(raw.size());
        JoinPlanes(kind, GuardedPlanes(kind, planes).const_spans(), out.span());
        ASSERT_TRUE(std::ranges::equal(out.span(), raw)) << GetPlaneLayout(kind).name << " " << n;
        for (size_t p = 0; p < GetPlaneLayout(kind).num_planes; ++p) {
          ASSERT_TRUE(PlanePaddingIsZero(kind, p, n, planes.bytes[p])) << GetPlaneLayout(kind).name << " " << n;
        }
      });
    }
  }
}

TEST(Planes, EveryElementOfSixteenBitsRoundTrips) {
  std::vector<uint8_t> raw(2 * 65536);
  for (size_t i = 0; i < 65536; ++i) {
    raw[2 * i] = static_cast<uint8_t>(i);
    raw[2 * i + 1] = static_cast<uint8_t>(i >> 8);
  }
  for (PlaneKind kind : kFloatKinds) {
    std::vector<uint8_t> out(raw.size());
    JoinPlanes(kind, SplitGuarded(kind, raw).const_spans(), out);
    ASSERT_EQ(out, raw) << GetPlaneLayout(kind).name;
  }
}

TEST(Planes, ExponentsAreInPlaneZero) {
  struct Known {
    PlaneKind kind;
    const char* element;  // 1.0, little-endian
    uint8_t exponent;     // its exponent field, or the low 8 bits of it; of wide kinds, with a mantissa bit of 0 below
  };
  const Known kOnes[] = {{PlaneKind::kBf16, "80 3F", 127},      {PlaneKind::kF32, "00 00 80 3F", 127},
                         {PlaneKind::kF16, "00 3C", 15},        {PlaneKind::kF64, "00 00 00 00 00 00 F0 3F", 0xff},
                         {PlaneKind::kE4m3, "38", 7},           {PlaneKind::kE5m2, "3C", 15},
                         {PlaneKind::kBf16Wide, "80 3F", 0xfe}, {PlaneKind::kF32Wide, "00 00 80 3F", 0xfe},
                         {PlaneKind::kF16Wide, "00 3C", 30}};
  for (const Known& known : kOnes) {
    const Planes planes = SplitGuarded(known.kind, FromHex(known.element));
    EXPECT_EQ(planes.bytes[0], std::vector<uint8_t>{known.exponent}) << GetPlaneLayout(known.kind).name;
  }
}

TEST(Planes, NarrowFieldsArePackedFromTheLowBits) {
  // e5m2: signs and mantissas 1, 2, 7 in 3 bits each: 1 | 2 << 3 | 7 << 6 = 0x1d1.
  const Planes planes = SplitGuarded(PlaneKind::kE5m2, FromHex("01 02 83"));
  EXPECT_EQ(planes.bytes[1], FromHex("D1 01"));
  EXPECT_FALSE(PlanePaddingIsZero(PlaneKind::kE5m2, 1, 3, FromHex("D1 03")));
}

}  // namespace
}  // namespace plait
