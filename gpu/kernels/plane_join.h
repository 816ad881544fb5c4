// Exponent plane and sign-mantissa plane into bf16: the inverse of SplitPlanes (codec/transform/planes.h).
#ifndef PLAIT_GPU_KERNELS_PLANE_JOIN_H_
#define PLAIT_GPU_KERNELS_PLANE_JOIN_H_

#include <cstdint>

#include "gpu/kernels/join.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// All pointers are multiples of 16.
struct PlaneJoinParams {
  const uint8_t* exponents;       // `elements` bytes
  const uint8_t* sign_mantissas;  // `elements` bytes
  uint16_t* elements_out;         // room for `elements`
  uint32_t elements;
};

// A piece is 16 elements, a lane's share of a step.
inline constexpr uint32_t kJoinPieceElements = 16;

template <class Ctx>
constexpr void JoinPiece(Ctx& ctx, const PlaneJoinParams& params, const typename Ctx::U32& piece) {
  using U32 = typename Ctx::U32;
  using Quad = simt::Quad<uint32_t>;
  const auto in_range = piece < params.elements / kJoinPieceElements;
  const auto exponents = ctx.GlobalLoadIf(in_range, reinterpret_cast<const Quad*>(params.exponents), piece);
  const auto rest = ctx.GlobalLoadIf(in_range, reinterpret_cast<const Quad*>(params.sign_mantissas), piece);
  const simt::Pair<U32> a = JoinBf16(ctx, RotateBytes(exponents.x), rest.x);
  const simt::Pair<U32> b = JoinBf16(ctx, RotateBytes(exponents.y), rest.y);
  const simt::Pair<U32> c = JoinBf16(ctx, RotateBytes(exponents.z), rest.z);
  const simt::Pair<U32> d = JoinBf16(ctx, RotateBytes(exponents.w), rest.w);
  auto* out = reinterpret_cast<Quad*>(params.elements_out);
  ctx.GlobalStoreIf(in_range, out, piece * 2, simt::Quad<U32>{a.x, a.y, b.x, b.y});
  ctx.GlobalStoreIf(in_range, out, piece * 2 + 1, simt::Quad<U32>{c.x, c.y, d.x, d.y});
}

// Any grid; a warp takes every so-many-th run of 32 pieces, the first warp also what is less than a piece.
template <class Ctx>
constexpr void PlaneJoinBody(Ctx& ctx, const PlaneJoinParams& params) {
  using U32 = typename Ctx::U32;
  const uint32_t warp = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp();
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps() * simt::kWarpLanes;
  const uint32_t pieces = params.elements / kJoinPieceElements;
  for (uint32_t first = warp * simt::kWarpLanes; first < pieces; first += step) {
    JoinPiece(ctx, params, first + ctx.LaneIndex());
  }
  if (warp != 0) return;
  const U32 element = pieces * kJoinPieceElements + ctx.LaneIndex();
  const auto left = element < params.elements;
  const U32 exponent = RotateBytes(ctx.GlobalLoadIf(left, params.exponents, element));
  const U32 rest = ctx.GlobalLoadIf(left, params.sign_mantissas, element);
  ctx.GlobalStoreIf(left, params.elements_out, element, JoinBf16(ctx, exponent, rest).x);
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_PLANE_JOIN_H_
