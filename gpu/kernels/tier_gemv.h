// Matrix times up to eight vectors, the matrix decoded from tier streams on the way: weights never get to global
// memory. gemv_matrix.h has how the matrix is cut and the order of the sums; gemv_decode.h decodes all levels but the
// first.
//
// Each lane decodes its run of 128 weights, a piece of 16 at a time, and joins them with their signs and mantissas.
// Eight of them are a lane's part of a step's 16 x 16 weights as the tensor cores want it: the four words that come out
// of the join go in as they are, without a conversion or a move. The other factor is a step's columns of the vectors,
// as bf16 from shared memory: eight bytes for a lane. So a batch of eight costs hardly more than one vector.
#ifndef PLAIT_GPU_KERNELS_TIER_GEMV_H_
#define PLAIT_GPU_KERNELS_TIER_GEMV_H_

#include <cstdint>

#include "gpu/kernels/gemv_decode.h"
#include "gpu/kernels/gemv_task.h"
#include "gpu/kernels/join.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// The first level's digits of a run: two units.
template <class Ctx>
struct RunDigits {
  DigitWord<Ctx> words[kRunWeights / kWordBits];
  typename Ctx::U32 escapes;
};

template <class Ctx>
constexpr RunDigits<Ctx> LoadRunDigits(Ctx& ctx, const uint8_t* stream, uint32_t digit_bits, uint32_t group) {
  using U32 = typename Ctx::U32;
  RunDigits<Ctx> digits{};
  digits.escapes = 0;
  const bool two_bits = digit_bits == 2;
  simt::Unrolled<2>([&](auto half) {
    const U32 unit = group * kGroupUnits + half * simt::kWarpLanes + ctx.LaneIndex();
    simt::Quad<U32> planes{};
    if (two_bits) {
      planes = ctx.GlobalLoad(reinterpret_cast<const simt::Quad<uint32_t>*>(stream), unit);
    } else {
      const auto bits = ctx.GlobalLoad(reinterpret_cast<const simt::Pair<uint32_t>*>(stream), unit);
      planes = {bits.x, bits.y, bits.x, bits.y};
    }
    digits.escapes += ctx.PopCount(planes.x & planes.z) + ctx.PopCount(planes.y & planes.w);
    const auto low = IndexWord(planes.x, planes.z);
    const auto high = IndexWord(planes.y, planes.w);
    digits.words[2 * half] = {low.even, low.odd};
    digits.words[2 * half + 1] = {high.even, high.odd};
  });
  return digits;
}

// A lane's bf16 weights of two steps, two to a word.
template <class Ctx>
struct GemvPiece {
  simt::Quad<typename Ctx::U32> steps[kPieceSymbols / kLaneStepWeights];
};

// Piece number kPiece of four that have the digits of `words`.
template <uint32_t kPiece, class Ctx>
constexpr GemvPiece<Ctx> DecodePiece(Ctx& ctx, const DigitWord<Ctx>& digits, const simt::Quad<typename Ctx::U32>& noise,
                                     const Column<Ctx>& column, uint32_t table, typename Ctx::U32* position) {
  constexpr uint32_t kFirstByte = kPiece % 2 * 2;
  const auto low = ResolveOfRun<kFirstByte>(ctx, digits, column, table, position);
  const auto high = ResolveOfRun<kFirstByte + 1>(ctx, digits, column, table, position);
  const auto a = JoinBf16(ctx, low.x, noise.x);
  const auto b = JoinBf16(ctx, low.y, noise.y);
  const auto c = JoinBf16(ctx, high.x, noise.z);
  const auto d = JoinBf16(ctx, high.y, noise.w);
  return {{{a.x, a.y, b.x, b.y}, {c.x, c.y, d.x, d.y}}};
}

// Sums of a strip's 16 rows for eight vectors, of which a lane has four (HostContext::Mma16816Bf16).
template <class Ctx>
using StripSums = simt::Quad<typename Ctx::F32>;

// Where a lane has vectors and sums in shared memory.
template <class Ctx>
struct GemvWarp {
  typename Ctx::U32 vector;   // address of the lane's vector's columns in step 0
  typename Ctx::U32 sums;     // address of the lane's sums in slot 0
  typename Ctx::Pred loads;   // whether the lane has a vector, and
  typename Ctx::Pred stores;  // sums of one
};

template <class Ctx>
constexpr GemvWarp<Ctx> PlaceWarp(Ctx& ctx, const GemvParams& params) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kRowLanes = 4;
  constexpr uint32_t kLaneColumnBytes = GemvShared::kStepBytes / kRowLanes;
  constexpr uint32_t kTwoSumsBytes = 8;
  const GemvShared& shared = params.shared;
  const U32 lane = ctx.LaneIndex();
  const U32 g = lane / kRowLanes;
  const U32 t = lane - g * kRowLanes;
  const uint32_t begin = ctx.SharedBegin();
  return {.vector = begin + shared.vectors_at(ctx.NumWarps()) + g * shared.vector_bytes + t * kLaneColumnBytes,
          .sums = begin + shared.slots_at(ctx.NumWarps()) + g * shared.sum_row_bytes + t * kTwoSumsBytes,
          .loads = g < params.batch,
          .stores = t * 2 < params.batch};
}

// Stores the sums of a group and a strip to a slot.
template <class Ctx>
constexpr void StoreSums(Ctx& ctx, const GemvShared& shared, const GemvWarp<Ctx>& warp, uint32_t slot,
                         const StripSums<Ctx>& sums) {
  using U32 = typename Ctx::U32;
  const U32 to = warp.sums + slot * shared.slot_bytes();
  const simt::Pair<U32> upper{ctx.BitsOfFloat(sums.x), ctx.BitsOfFloat(sums.y)};
  const simt::Pair<U32> lower{ctx.BitsOfFloat(sums.z), ctx.BitsOfFloat(sums.w)};
  ctx.SharedStore64If(warp.stores, to, upper);
  ctx.SharedStore64If(warp.stores, to + kStripRows / 2 * shared.sum_row_bytes, lower);
}

template <class Ctx>
constexpr StripSums<Ctx> ZeroSums() {
  using F32 = typename Ctx::F32;
  return {F32(0), F32(0), F32(0), F32(0)};
}

// What a lane has of a group.
template <class Ctx>
struct GemvGroup {
  RunDigits<Ctx> digits;
  Column<Ctx> column;
  uint32_t table;
  const uint8_t* noise;
  uint32_t slot;                    // of its first strip
  uint32_t strip_end;               // the step before which that ends, if it does
  typename Ctx::U32 first_columns;  // address of the lane's columns of step 0
};

// Multiplies and stores the sums. kCut: whether a strip ends inside the group. Groups in which none does are nearly
// all, and without branches; their instructions overlap.
template <bool kCut, class Ctx>
constexpr void MultiplySteps(Ctx& ctx, const GemvParams& params, const GemvWarp<Ctx>& warp,
                             const GemvGroup<Ctx>& group) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kLoadsAhead = 4;
  const auto* noise = reinterpret_cast<const simt::Quad<uint32_t>*>(group.noise);
  U32 position = group.column.begin;
  U32 address = group.first_columns;
  auto sums = ZeroSums<Ctx>();
  // Lanes without a vector keep zeros: nobody wants their columns of the product.
  simt::Pair<U32> columns[kLoadsAhead];
  simt::Unrolled<kLoadsAhead>([&](auto i) { columns[i] = {U32(0), U32(0)}; });
  simt::Unrolled<kRunPieces>([&](auto i) {
    const auto own_noise = ctx.GlobalLoad(noise, ctx.LaneIndex() + i * simt::kWarpLanes);
    const GemvPiece<Ctx> piece =
        DecodePiece<i>(ctx, group.digits.words[i / 2], own_noise, group.column, group.table, &position);
    simt::Unrolled<2>([&](auto half) {
      constexpr uint32_t kStep = 2 * i + half;
      if constexpr (kCut && kStep > 0) {
        if (kStep == group.strip_end) {
          StoreSums(ctx, params.shared, warp, group.slot, sums);
          sums = ZeroSums<Ctx>();
          address -= params.steps * GemvShared::kStepBytes;
        }
      }
      simt::Pair<U32>& two = columns[kStep % kLoadsAhead];
      two = ctx.SharedLoad64If(warp.loads, address + kStep * GemvShared::kStepBytes, two);
      sums = ctx.Mma16816Bf16(piece.steps[half], two, sums);
    });
  });
  StoreSums(ctx, params.shared, warp, group.slot + (kCut ? 1 : 0), sums);
}

// Group number `number` of a chunk; the lane's column of symbols begins at address `symbols`. If the group's
// counts are wrong, the status says so and its sums are zeros.
template <class Ctx>
constexpr void MultiplyGroup(Ctx& ctx, const GemvParams& params, const GemvChunk& chunk, uint32_t number,
                             const typename Ctx::U32& symbols) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kColumnBits = kColumnSymbols * kByteBits;
  const uint32_t block_number = (chunk.first_group + number) / kGemvBlockGroups;
  const uint32_t of_block = (chunk.first_group + number) % kGemvBlockGroups;
  const GemvTask task = ctx.GlobalLoadUniform(params.tasks + chunk.first_group + number);
  const GemvBlock block = ctx.GlobalLoadUniform(params.blocks + block_number);
  const uint8_t* stream = params.image + block.stream;
  const RunDigits<Ctx> digits = LoadRunDigits(ctx, stream, block.first_digit_bits, of_block);
  Column<Ctx> column{symbols, U32(kColumnBits), U32(kColumnBits)};
  const uint32_t status = DecodeDeepLevels(ctx, stream, block, task, digits.escapes, &column);
  const GemvWarp<Ctx> warp = PlaceWarp(ctx, params);
  const uint32_t first_step = chunk.first_step + number * kGroupSteps;
  const uint32_t strip = ctx.Uniform(ctx.MulHigh(U32(first_step), params.reciprocal));
  const uint32_t step_of_strip = first_step - strip * params.steps;
  const GemvGroup<Ctx> group{.digits = digits,
                             .column = column,
                             .table = block.tables[0],
                             .noise = params.image + block.noise + of_block * kGroupSymbols,
                             .slot = number + strip,
                             .strip_end = params.steps - step_of_strip,
                             .first_columns = warp.vector + step_of_strip * GemvShared::kStepBytes};
  const bool cut = group.strip_end < kGroupSteps;
  if (status != kTierOk) {
    ctx.GlobalOr(params.status + block_number, status);
    StoreSums(ctx, params.shared, warp, group.slot, ZeroSums<Ctx>());
    if (cut) StoreSums(ctx, params.shared, warp, group.slot + 1, ZeroSums<Ctx>());
  } else if (cut) {
    MultiplySteps<true>(ctx, params, warp, group);
  } else {
    MultiplySteps<false>(ctx, params, warp, group);
  }
}

// Adds up the sums of chunk number `number`, by all warps of the thread block: a lane those of a row and a vector.
template <class Ctx>
constexpr void AddGroups(Ctx& ctx, const GemvParams& params, uint32_t number) {
  using U32 = typename Ctx::U32;
  using F32 = typename Ctx::F32;
  const GemvChunk chunk = ctx.GlobalLoadUniform(params.chunks + number);  // again, as registers are few
  const uint32_t num_rows = chunk.num_strips * kStripRows;
  const uint32_t most_groups = (params.steps + (2 * kGroupSteps - 2)) / kGroupSteps;
  const uint32_t step = ctx.NumWarps() * simt::kWarpLanes;
  const GemvShared& shared = params.shared;
  const uint32_t slots = ctx.SharedBegin() + shared.slots_at(ctx.NumWarps());
  PLAIT_ROLLED for (uint32_t first = ctx.Warp() * simt::kWarpLanes; first < num_rows * params.batch; first += step) {
    const U32 row = (first + ctx.LaneIndex()) / params.batch;
    const U32 vector = first + ctx.LaneIndex() - row * params.batch;
    const U32 strip = row / kStripRows;
    const U32 end = (strip + 1) * params.steps - chunk.first_step;  // of the strip, in steps of the chunk
    const U32 first_group = (ctx.Max(end, U32(params.steps)) - params.steps) / kGroupSteps;
    const U32 end_group = ctx.Min((end + (kGroupSteps - 1)) / kGroupSteps, U32(chunk.num_groups));
    const U32 address =
        slots + strip * shared.slot_bytes() + (row - strip * kStripRows) * shared.sum_row_bytes + vector * kWordBytes;
    const U32 at = row + chunk.first_slot * kStripRows;
    const auto wanted = (row < num_rows) & (at < params.num_sums);
    F32 sum(0);
    PLAIT_ROLLED for (uint32_t i = 0; i < most_groups; ++i) {
      const U32 group = first_group + i;
      const auto exists = wanted & (group < end_group);
      const U32 bits = ctx.SharedLoad32If(exists, address + group * shared.slot_bytes(), U32(0));
      sum = ctx.Select(exists, sum + ctx.FloatOfBits(bits), sum);
    }
    ctx.GlobalStoreIf(wanted, params.sums, vector * params.num_sums + at, sum);
  }
}

// Copies a window of each vector to shared memory, `Element` by element, and zeros behind the last column.
template <class Element, class Ctx>
constexpr void CopyVectors(Ctx& ctx, const GemvParams& params, uint32_t window) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kElementColumns = sizeof(Element) / kColumnBytes;
  const uint32_t length = params.steps * kStepColumns / kElementColumns;
  const uint32_t vector_length = params.in_features / kElementColumns;
  const uint32_t step = ctx.NumWarps() * simt::kWarpLanes;
  for (uint32_t b = 0; b < params.batch; ++b) {
    const uint32_t to = ctx.SharedBegin() + params.shared.vectors_at(ctx.NumWarps()) + b * params.shared.vector_bytes;
    PLAIT_ROLLED for (uint32_t first = ctx.Warp() * simt::kWarpLanes; first < length; first += step) {
      const U32 at = first + ctx.LaneIndex();
      const U32 of_vector = at + window * length;
      const auto element = ctx.GlobalLoadIf(of_vector < vector_length, reinterpret_cast<const Element*>(params.x),
                                            of_vector + b * vector_length);
      const U32 address = to + at * static_cast<uint32_t>(sizeof(Element));
      if constexpr (kElementColumns > 1) {
        ctx.SharedStore128If(at < length, address, element);
      } else {
        ctx.SharedStore16If(at < length, address, element);
      }
    }
  }
}

// Any grid of thread blocks with up to kGemvMaxWarps warps and GemvShared::bytes(); a thread block takes every
// so-many-th chunk.
template <class Ctx>
constexpr void TierGemvBody(Ctx& ctx, const GemvParams& params) {
  using U32 = typename Ctx::U32;
  using EightColumns = simt::Quad<uint32_t>;
  const U32 symbols = ctx.SharedBegin() + kSelectorBytes + ctx.Warp() * kGemvWarpBytes + ctx.LaneIndex() * kWordBytes;
  BuildSelectors(ctx);
  PLAIT_ROLLED for (uint32_t i = 0; i < kColumnWords; ++i) { ctx.SharedStore32(symbols + i * kColumnRowBytes, U32(0)); }
  const uint32_t step = ctx.NumThreadBlocks();
  PLAIT_ROLLED for (uint32_t c = ctx.ThreadBlock(); c < params.num_chunks; c += step) {
    const GemvChunk chunk = ctx.GlobalLoadUniform(params.chunks + c);
    if (c < step || ctx.GlobalLoadUniform(params.chunks + (c - step)).window != chunk.window) {
      if (params.in_features % (sizeof(EightColumns) / kColumnBytes) == 0) {
        CopyVectors<EightColumns>(ctx, params, chunk.window);
      } else {
        CopyVectors<uint16_t>(ctx, params, chunk.window);
      }
      ctx.BlockBarrier();
    }
    PLAIT_ROLLED for (uint32_t number = ctx.Warp(); number < chunk.num_groups; number += ctx.NumWarps()) {
      MultiplyGroup(ctx, params, chunk, number, symbols);
    }
    ctx.BlockBarrier();
    AddGroups(ctx, params, c);
    ctx.BlockBarrier();
  }
}

// The second kernel, any grid: a lane adds up the partial sums of a row and a vector.
template <class Ctx>
constexpr void GemvRowsBody(Ctx& ctx, const GemvRowsParams& params) {
  using U32 = typename Ctx::U32;
  const uint32_t num_results = params.rows * params.batch;
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps() * simt::kWarpLanes;
  const uint32_t most_chunks = (params.steps - 1) / (params.chunk_groups * kGroupSteps) + 2;
  PLAIT_ROLLED for (uint32_t first = (ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp()) * simt::kWarpLanes;
                    first < num_results; first += step) {
    const U32 result = first + ctx.LaneIndex();
    const U32 vector = result / params.rows;
    const U32 row = result - vector * params.rows;
    const U32 strip = row / kStripRows;
    const U32 chunk = strip * params.steps / kGroupSteps / params.chunk_groups;
    const U32 last_chunk = ((strip + 1) * params.steps - 1) / kGroupSteps / params.chunk_groups;
    typename Ctx::F32 sum(0);
    PLAIT_ROLLED for (uint32_t window = 0; window < params.windows; ++window) {
      PLAIT_ROLLED for (uint32_t i = 0; i < most_chunks; ++i) {
        const auto exists = (result < num_results) & (chunk + i <= last_chunk);
        const U32 slot = window * params.window_slots + chunk + i + strip;
        const U32 at = vector * params.num_partials + slot * kStripRows + (row - strip * kStripRows);
        const auto partial = ctx.GlobalLoadIf(exists, params.partials, at);
        sum = ctx.Select(exists, sum + partial, sum);
      }
    }
    ctx.GlobalStoreIf(result < num_results, params.y, result, sum);
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_GEMV_H_
