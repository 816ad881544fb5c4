#include "codec/transform/planes.h"

#include "tests/registry/inputs.h"
#include "tests/unit/testing.h"

namespace plait {
namespace {

constexpr PlaneKind kFloatKinds[] = {PlaneKind::kBf16, PlaneKind::kF32,  PlaneKind::kF16,
                                     PlaneKind::kF64,  PlaneKind::kE4m3, PlaneKind::kE5m2};

struct Planes {
  std::vector<uint8_t> bytes[kMaxPlanes];

  Planes(PlaneKind kind, size_t n) {
    for (size_t p = 0; p < GetPlaneLayout(kind).num_planes; ++p) bytes[p].assign(PlaneBytes(kind, p, n), 0xee);
  }
  PlaneSpans spans() {
    PlaneSpans spans;
    for (size_t p = 0; p < kMaxPlanes; ++p) spans[p] = bytes[p];
    return spans;
  }
  ConstPlaneSpans const_spans() const {
    ConstPlaneSpans spans;
    for (size_t p = 0; p < kMaxPlanes; ++p) spans[p] = bytes[p];
    return spans;
  }
};

Planes SplitGuarded(PlaneKind kind, std::span<const uint8_t> raw) {
  const size_t n = raw.size() / GetPlaneLayout(kind).element_bytes;
  Planes planes(kind, n);
  const GuardedBytes in(raw);
  SplitPlanes(kind, in.span(), planes.spans());
  return planes;
}

TEST(Planes, EveryLengthOfEveryKindRoundTrips) {
  Random random(1);
  for (PlaneKind kind : kFloatKinds) {
    for (size_t n = 0; n <= 70; ++n) {
      const std::vector<uint8_t> raw = RandomBytes(n * GetPlaneLayout(kind).element_bytes, random);
      const Planes planes = SplitGuarded(kind, raw);
      const GuardedBytes out(raw.size());
      JoinPlanes(kind, planes.const_spans(), out.span());
      ASSERT_TRUE(std::ranges::equal(out.span(), raw)) << GetPlaneLayout(kind).name << " " << n;
      for (size_t p = 0; p < GetPlaneLayout(kind).num_planes; ++p) {
        ASSERT_TRUE(PlanePaddingIsZero(kind, p, n, planes.bytes[p])) << GetPlaneLayout(kind).name << " " << n;
      }
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
    uint8_t exponent;     // its exponent field, or the low 8 bits of it
  };
  const Known kOnes[] = {{PlaneKind::kBf16, "80 3F", 127}, {PlaneKind::kF32, "00 00 80 3F", 127},
                         {PlaneKind::kF16, "00 3C", 15},   {PlaneKind::kF64, "00 00 00 00 00 00 F0 3F", 0xff},
                         {PlaneKind::kE4m3, "38", 7},      {PlaneKind::kE5m2, "3C", 15}};
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
