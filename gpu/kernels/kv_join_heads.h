// Joins symbols of signs and exponents with escapes and mantissas to elements (codec/kv/kv_symbols.h). A warp walks
// through a plane, because the place of an escape says how many there are before it.
#ifndef PLAIT_GPU_KERNELS_KV_JOIN_HEADS_H_
#define PLAIT_GPU_KERNELS_KV_JOIN_HEADS_H_

#include <cstdint>

#include "codec/kv/kv_element.h"
#include "codec/kv/kv_layout.h"
#include "gpu/kernels/kv_group.h"
#include "gpu/kernels/kv_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// Sign and exponent, as they stand above the mantissa.
template <class Ctx>
struct KvHead {
  typename Ctx::U32 bits;
  typename Ctx::Pred is_wrong;
};

template <KvElement kElement, class Ctx>
constexpr KvHead<Ctx> KvHeadOf(Ctx& ctx, const typename Ctx::U32& symbol, const typename Ctx::U32& offset,
                               const typename Ctx::Pred& is_escape, const typename Ctx::U32& escape) {
  using U32 = typename Ctx::U32;
  constexpr KvElementInfo kInfo = GetKvElementInfo(kElement);
  const U32 exponent = offset - (symbol >> 1);
  const U32 bits = ctx.Select(is_escape, escape, exponent | (symbol & 1) << kInfo.exponent_bits);
  const auto is_wrong_escape = is_escape & (escape >> (kInfo.exponent_bits + 1) != 0);
  const auto is_wrong_symbol = (!is_escape) & ((symbol > 2 * kKvMaxHead + 1) | (exponent > kInfo.max_exponent()));
  return {bits, typename Ctx::Pred(is_wrong_escape | is_wrong_symbol)};
}

// Rows of mantissas, each of which begins with a byte.
template <KvElement kElement>
struct KvMantissaRows {
  static constexpr uint32_t kBits = GetKvElementInfo(kElement).mantissa_bits;

  template <class Ctx>
  constexpr KvMantissaRows(Ctx& ctx, const uint8_t* coded, const KvHeadPlane& plane)
      : bits(KvBitsOf(ctx, coded, plane.mantissas)),
        bytes(coded + plane.mantissas.begin),
        used_bits(plane.shape.channels * kBits),
        row_bytes((used_bits + KvBits::kByteBits - 1) / KvBits::kByteBits) {}

  KvBits bits;
  const uint8_t* bytes;
  uint32_t used_bits;  // of a row
  uint32_t row_bytes;
};

// Whether what fills the last bytes of rows is not zero.
template <KvElement kElement, class Ctx>
constexpr bool AreKvRowsFilled(Ctx& ctx, const KvMantissaRows<kElement>& mantissas, uint32_t rows) {
  using U32 = typename Ctx::U32;
  const uint32_t used_bits = mantissas.used_bits % KvBits::kByteBits;
  if (used_bits == 0) return false;
  typename Ctx::Pred is_filled(false);
  PLAIT_ROLLED for (uint32_t first = 0; first < rows; first += simt::kWarpLanes) {
    const U32 row = first + ctx.LaneIndex();
    is_filled |= ctx.GlobalLoadIf(row < rows, mantissas.bytes, (row + 1) * mantissas.row_bytes - 1) >> used_bits != 0;
  }
  return ctx.Any(is_filled);
}

// Returns what is wrong with a plane.
template <KvElement kElement, class Ctx>
constexpr uint32_t JoinKvHeads(Ctx& ctx, const KvDecodeParams& params, const KvHeadPlane& plane) {
  using U32 = typename Ctx::U32;
  using Mantissas = KvMantissaRows<kElement>;
  const Mantissas mantissas(ctx, params.coded, plane);
  KvEscapes escapes = KvEscapesOf(ctx, params.coded, plane.escapes);
  typename Ctx::Pred is_wrong(false);
  ForEachKvGroup(ctx, plane.shape, [&](const KvGroup<Ctx>& group, uint32_t row) {
    const KvGroupSymbols<Ctx> symbols = LoadKvSymbols(ctx, params.symbols, group);
    const auto escape = TakeKvEscapes(ctx, symbols.is_escape, escapes);
    simt::Unrolled<kKvHalves>([&](auto half) {
      const auto there = group.there.half[half];
      const U32 channel = group.channel.half[half];
      const U32 offset = ctx.GlobalLoadIf(there, params.profile.head_offsets, plane.shape.first_channel + channel);
      const U32 bit = row * mantissas.row_bytes * KvBits::kByteBits + channel * Mantissas::kBits;
      const U32 mantissa = LoadKvBits<Mantissas::kBits>(ctx, mantissas.bits, there, bit);
      const KvHead<Ctx> head =
          KvHeadOf<kElement>(ctx, symbols.symbol.half[half], offset, symbols.is_escape.half[half], escape.half[half]);
      is_wrong |= there & head.is_wrong;
      ctx.GlobalStoreIf(there, params.elements, group.element.half[half], head.bits << Mantissas::kBits | mantissa);
    });
  });
  const bool is_filled = AreKvRowsFilled(ctx, mantissas, plane.shape.rows);
  return EndKvEscapes(escapes) | (is_filled || ctx.Any(is_wrong) ? kKvNotEncoded : kKvOk);
}

// Any grid; a warp takes every so-many-th plane.
template <KvElement kElement, class Ctx>
constexpr void KvJoinHeadsBody(Ctx& ctx, const KvDecodeParams& params) {
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  PLAIT_ROLLED for (uint32_t p = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); p < params.num_head_planes;
                    p += step) {
    const KvHeadPlane plane = ctx.GlobalLoadUniform(params.head_planes + p);
    const uint32_t status = JoinKvHeads<kElement>(ctx, params, plane);
    if (status != kKvOk) ctx.GlobalOr(params.status + plane.layer, status);
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_JOIN_HEADS_H_
