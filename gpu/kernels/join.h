// Symbols of plane 0 and what the other plane holds of the same elements become elements, for each plane kind that
// kernels know (codec/transform/plane_kind.h). Symbols come four to a word, the first in the lowest byte.
#ifndef PLAIT_GPU_KERNELS_JOIN_H_
#define PLAIT_GPU_KERNELS_JOIN_H_

#include <cstdint>

#include "codec/transform/plane_kind.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// In each of four bytes.
inline constexpr uint32_t kTopBits = 0x80808080;
inline constexpr uint32_t kLowBits7 = 0x7f7f7f7f;

// Each byte rotated right by one bit.
template <class U32>
constexpr U32 RotateBytes(const U32& bytes) {
  constexpr uint32_t kToTop = 7;
  return (bytes >> 1 & kLowBits7) | (bytes << kToTop & kTopBits);
}

// Four bf16 elements, two to a word, of four exponents, rotated so that the bit which bf16 keeps in its low byte is
// where it belongs, and four bytes s<<7|m.
template <class Ctx>
constexpr simt::Pair<typename Ctx::U32> JoinBf16(Ctx& ctx, const typename Ctx::U32& rotated,
                                                 const typename Ctx::U32& sign_mantissas) {
  constexpr uint32_t kFirstTwo = 0x5140;  // bytes 0 and 1 of both words in turn
  constexpr uint32_t kLastTwo = 0x7362;
  const typename Ctx::U32 high = ctx.BitSelect(kTopBits, sign_mantissas, rotated);
  const typename Ctx::U32 low = ctx.BitSelect(kTopBits, rotated, sign_mantissas);
  return {ctx.BytePermute(low, high, kFirstTwo), ctx.BytePermute(low, high, kLastTwo)};
}

// What symbols of a kind become before anything else is done with them (Prepare), what a lane loads of the other plane
// for a piece of 16 (Load), and how the piece's prepared symbols and this noise become elements (Join).
template <PlaneKind kKind>
struct PieceJoin;

// The elements of a piece: 16 bytes in each quad.
template <PlaneKind kKind, class Ctx>
struct PieceElements {
  simt::Quad<typename Ctx::U32> quads[PieceJoin<kKind>::kElementBytes];
};

// Symbols alone.
template <>
struct PieceJoin<PlaneKind::kBytes> {
  static constexpr uint32_t kElementBytes = 1;

  template <class U32>
  static constexpr U32 Prepare(const U32& symbols) {
    return symbols;
  }
  template <class Ctx>
  struct Noise {};
  template <class Ctx>
  static constexpr Noise<Ctx> Load(Ctx&, const typename Ctx::Pred&, const uint8_t*, uint32_t,
                                   const typename Ctx::U32&) {
    return {};
  }
  template <class Ctx>
  static constexpr PieceElements<PlaneKind::kBytes, Ctx> Join(Ctx&, const simt::Quad<typename Ctx::U32>& symbols,
                                                              const Noise<Ctx>&) {
    return {{symbols}};
  }
};

template <>
struct PieceJoin<PlaneKind::kBf16> {
  static constexpr uint32_t kElementBytes = 2;

  template <class U32>
  static constexpr U32 Prepare(const U32& exponents) {
    return RotateBytes(exponents);
  }
  template <class Ctx>
  using Noise = simt::Quad<typename Ctx::U32>;
  template <class Ctx>
  static constexpr Noise<Ctx> Load(Ctx& ctx, const typename Ctx::Pred& active, const uint8_t* plane, uint32_t,
                                   const typename Ctx::U32& piece) {
    return ctx.GlobalLoadIf(active, reinterpret_cast<const simt::Quad<uint32_t>*>(plane), piece);
  }
  template <class Ctx>
  static constexpr PieceElements<PlaneKind::kBf16, Ctx> Join(Ctx& ctx, const simt::Quad<typename Ctx::U32>& exponents,
                                                             const Noise<Ctx>& noise) {
    const auto a = JoinBf16(ctx, exponents.x, noise.x);
    const auto b = JoinBf16(ctx, exponents.y, noise.y);
    const auto c = JoinBf16(ctx, exponents.z, noise.z);
    const auto d = JoinBf16(ctx, exponents.w, noise.w);
    return {{{a.x, a.y, b.x, b.y}, {c.x, c.y, d.x, d.y}}};
  }
};

// The noise of an element is four bits: a mantissa of 3, then the sign.
template <>
struct PieceJoin<PlaneKind::kE4m3> {
  static constexpr uint32_t kElementBytes = 1;
  static constexpr uint32_t kNoiseBits = 4;

  template <class U32>
  static constexpr U32 Prepare(const U32& exponents) {
    constexpr uint32_t kMantissaBits = 3;
    constexpr uint32_t kExponents = 0x78787878;
    return exponents << kMantissaBits & kExponents;
  }
  template <class Ctx>
  using Noise = simt::Pair<typename Ctx::U32>;
  template <class Ctx>
  static constexpr Noise<Ctx> Load(Ctx& ctx, const typename Ctx::Pred& active, const uint8_t* plane, uint32_t,
                                   const typename Ctx::U32& piece) {
    return ctx.GlobalLoadIf(active, reinterpret_cast<const simt::Pair<uint32_t>*>(plane), piece);
  }
  // Four elements, whose noise is the low or the high half of a word.
  template <uint32_t kEachByteTwice, class Ctx>
  static constexpr typename Ctx::U32 JoinFour(Ctx& ctx, const typename Ctx::U32& exponents,
                                              const typename Ctx::U32& noise) {
    using U32 = typename Ctx::U32;
    constexpr uint32_t kEvenNibbles = 0x000f000f;
    constexpr uint32_t kOddNibbles = 0x0f000f00;
    constexpr uint32_t kMantissas = 0x07070707;
    const U32 bytes = ctx.BytePermute(noise, U32(0), U32(kEachByteTwice));
    const U32 nibbles = (bytes & kEvenNibbles) | (bytes >> kNoiseBits & kOddNibbles);
    return exponents | (nibbles & kMantissas) | (nibbles << kNoiseBits & kTopBits);
  }
  template <class Ctx>
  static constexpr PieceElements<PlaneKind::kE4m3, Ctx> Join(Ctx& ctx, const simt::Quad<typename Ctx::U32>& exponents,
                                                             const Noise<Ctx>& noise) {
    constexpr uint32_t kLowHalf = 0x1100;
    constexpr uint32_t kHighHalf = 0x3322;
    return {{{JoinFour<kLowHalf>(ctx, exponents.x, noise.x), JoinFour<kHighHalf>(ctx, exponents.y, noise.x),
              JoinFour<kLowHalf>(ctx, exponents.z, noise.y), JoinFour<kHighHalf>(ctx, exponents.w, noise.y)}}};
  }
};

// The noise of an element is three bits: a mantissa of 2, then the sign. A piece has six bytes.
template <>
struct PieceJoin<PlaneKind::kE5m2> {
  static constexpr uint32_t kElementBytes = 1;
  static constexpr uint32_t kNoiseBits = 3;
  static constexpr uint32_t kHalfWordBits = 16;

  template <class U32>
  static constexpr U32 Prepare(const U32& exponents) {
    constexpr uint32_t kMantissaBits = 2;
    constexpr uint32_t kExponents = 0x7c7c7c7c;
    return exponents << kMantissaBits & kExponents;
  }
  template <class Ctx>
  using Noise = simt::Pair<typename Ctx::U32>;  // 32 bits and 16
  template <class Ctx>
  static constexpr Noise<Ctx> Load(Ctx& ctx, const typename Ctx::Pred& active, const uint8_t* plane,
                                   uint32_t num_elements, const typename Ctx::U32& piece) {
    using U32 = typename Ctx::U32;
    constexpr uint32_t kHalfWordsOfPiece = 3;
    const auto* half_words = reinterpret_cast<const uint16_t*>(plane);
    const uint32_t end = (num_elements * kNoiseBits + (kHalfWordBits - 1)) / kHalfWordBits;
    const U32 at = piece * kHalfWordsOfPiece;
    const U32 a = ctx.GlobalLoadIf(active & (at < end), half_words, at);
    const U32 b = ctx.GlobalLoadIf(active & (at + 1 < end), half_words, at + 1);
    const U32 c = ctx.GlobalLoadIf(active & (at + 2 < end), half_words, at + 2);
    return {a | b << kHalfWordBits, c};
  }
  // Four elements, whose noise is the lowest 12 bits of `noise`.
  template <class Ctx>
  static constexpr typename Ctx::U32 JoinFour(Ctx&, const typename Ctx::U32& exponents,
                                              const typename Ctx::U32& noise) {
    using U32 = typename Ctx::U32;
    constexpr uint32_t kElements = 4;
    constexpr uint32_t kByteBits = 8;
    constexpr uint32_t kMantissas = 0x03030303;
    constexpr uint32_t kSignToTop = 5;
    constexpr uint32_t kSpread = kByteBits - kNoiseBits;  // how much farther each field goes than the one before
    constexpr uint32_t kField = (1 << kNoiseBits) - 1;
    U32 fields(0);
    simt::Unrolled<kElements>([&](auto i) { fields |= noise << (i * kSpread) & (kField << (i * kByteBits)); });
    return exponents | (fields & kMantissas) | (fields << kSignToTop & kTopBits);
  }
  template <class Ctx>
  static constexpr PieceElements<PlaneKind::kE5m2, Ctx> Join(Ctx& ctx, const simt::Quad<typename Ctx::U32>& exponents,
                                                             const Noise<Ctx>& noise) {
    constexpr uint32_t kFourBits = 4 * kNoiseBits;
    const auto second = noise.x >> kFourBits;
    const auto third = ctx.FunnelShiftRight(noise.x, noise.y, 2 * kFourBits);
    const auto fourth = noise.y >> (kHalfWordBits - kFourBits);
    return {{{JoinFour(ctx, exponents.x, noise.x), JoinFour(ctx, exponents.y, second),
              JoinFour(ctx, exponents.z, third), JoinFour(ctx, exponents.w, fourth)}}};
  }
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_JOIN_H_
