// Matrix times vectors, the matrix decoded from tier streams on the way: weights never get to global memory.
// gemv_task.h has the order of the sums and how the coded weights stand; gemv_decode.h decodes all levels but the
// first.
//
// Each lane decodes its run of 128 weights, a piece of 16 at a time, joins them with their signs and mantissas, makes
// floats of them and adds their products to its sums. The vectors stand in shared memory as bf16.
#ifndef PLAIT_GPU_KERNELS_TIER_GEMV_H_
#define PLAIT_GPU_KERNELS_TIER_GEMV_H_

#include <cstdint>

#include "gpu/kernels/gemv_decode.h"
#include "gpu/kernels/gemv_task.h"
#include "gpu/kernels/join.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// Of a lane, one for each vector.
template <uint32_t kBatch, class Ctx>
struct GemvSums {
  typename Ctx::F32 of[kBatch];
};

template <uint32_t kBatch, class Ctx>
constexpr GemvSums<kBatch, Ctx> ZeroSums() {
  GemvSums<kBatch, Ctx> sums{};
  simt::Unrolled<kBatch>([&](auto b) { sums.of[b] = typename Ctx::F32(0); });
  return sums;
}

// Where a lane's run is in the matrix.
template <class Ctx>
struct GemvRun {
  typename Ctx::U32 row;     // of its first weight, counted from the group's first
  typename Ctx::U32 column;  // of its first weight
  typename Ctx::U32 left;    // weights to the end of that row

  // Whether that row ends inside the run, and so is a head.
  constexpr typename Ctx::Pred has_head() const { return left < kRunWeights; }
};

template <class Ctx>
constexpr GemvRun<Ctx> FindRun(Ctx& ctx, const GemvParams& params, const GemvTask& task) {
  using U32 = typename Ctx::U32;
  const U32 distance = task.first_column + ctx.LaneIndex() * kRunWeights;
  const U32 row = ctx.MulHigh(distance, params.reciprocal);
  const U32 column = distance - row * params.in_features;
  return {row, column, params.in_features - column};
}

// The first level's digits of a run: two units.
template <class Ctx>
struct RunDigits {
  DigitWord<Ctx> words[kRunWeights / kWordBits];
  typename Ctx::U32 escapes;
};

template <class Ctx>
constexpr RunDigits<Ctx> LoadRunDigits(Ctx& ctx, const GemvBlock& block, uint32_t group) {
  using U32 = typename Ctx::U32;
  RunDigits<Ctx> digits{};
  digits.escapes = 0;
  const bool two_bits = block.first_digit_bits == 2;
  simt::Unrolled<2>([&](auto half) {
    const U32 unit = group * kGroupUnits + half * simt::kWarpLanes + ctx.LaneIndex();
    simt::Quad<U32> planes{};
    if (two_bits) {
      planes = ctx.GlobalLoad(reinterpret_cast<const simt::Quad<uint32_t>*>(block.stream), unit);
    } else {
      const auto bits = ctx.GlobalLoad(reinterpret_cast<const simt::Pair<uint32_t>*>(block.stream), unit);
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

// 16 bf16 weights, two to a word.
template <class Ctx>
struct GemvPiece {
  typename Ctx::U32 words[kPieceSymbols / 2];
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
  return {{a.x, a.y, b.x, b.y, c.x, c.y, d.x, d.y}};
}

template <class Ctx>
constexpr typename Ctx::F32 LowFloat(Ctx& ctx, const typename Ctx::U32& two_bf16) {
  return ctx.FloatOfBits(two_bf16 << kHalfBits);
}
template <class Ctx>
constexpr typename Ctx::F32 HighFloat(Ctx& ctx, const typename Ctx::U32& two_bf16) {
  return ctx.FloatOfBits(two_bf16 & ~kLowHalf);
}

// Adds the products of a piece whose columns begin at address `x` of the first vector.
template <uint32_t kBatch, class Ctx>
constexpr void AddProducts(Ctx& ctx, const GemvPiece<Ctx>& weights, const typename Ctx::U32& x, uint32_t vector_bytes,
                           GemvSums<kBatch, Ctx>* sums) {
  using U32 = typename Ctx::U32;
  using F32 = typename Ctx::F32;
  constexpr bool kFloats = GemvVectorLayout(kBatch).floats();
  constexpr uint32_t kQuadBytes = 16;
  constexpr uint32_t kQuads = kPieceSymbols * GemvVectorLayout(kBatch).column_bytes / kQuadBytes;
  constexpr uint32_t kTwosOfQuad = kPieceSymbols / 2 / kQuads;
  simt::Unrolled<kQuads>([&](auto quad) {
    simt::Unrolled<kBatch>([&](auto b) {
      const simt::Quad<U32> columns = ctx.SharedLoad128(x + b * vector_bytes + quad * kQuadBytes);
      const U32 words[] = {columns.x, columns.y, columns.z, columns.w};
      simt::Unrolled<kTwosOfQuad>([&](auto i) {
        const U32& two = weights.words[quad * kTwosOfQuad + i];
        const F32 low = kFloats ? ctx.FloatOfBits(words[2 * i % 4]) : LowFloat(ctx, words[i]);
        const F32 high = kFloats ? ctx.FloatOfBits(words[(2 * i + 1) % 4]) : HighFloat(ctx, words[i]);
        sums->of[b] = ctx.Fma(LowFloat(ctx, two), low, sums->of[b]);
        sums->of[b] = ctx.Fma(HighFloat(ctx, two), high, sums->of[b]);
      });
    });
  });
}

// The address of a column in the vectors that begin at `vectors`, from the first vector's on.
template <uint32_t kBatch, class U32>
constexpr U32 ColumnAddress(uint32_t vectors, const U32& column) {
  constexpr GemvVectorLayout kLayout(kBatch);
  return vectors + column * kLayout.column_bytes + column / kRunWeights * kLayout.kPadBytes;
}

// The same where the row may end in the piece: at weight `left` of the run, of which the piece begins at weight
// `first`. What is before goes to `head`.
template <uint32_t kBatch, class Ctx>
constexpr void AddProductsOfTwoRows(Ctx& ctx, const GemvPiece<Ctx>& weights, const GemvRun<Ctx>& run, uint32_t first,
                                    uint32_t vectors, uint32_t in_features, GemvSums<kBatch, Ctx>* head,
                                    GemvSums<kBatch, Ctx>* sums) {
  using U32 = typename Ctx::U32;
  using F32 = typename Ctx::F32;
  constexpr bool kFloats = GemvVectorLayout(kBatch).floats();
  const uint32_t vector_bytes = GemvVectorLayout(kBatch).vector_bytes(in_features);
  simt::Unrolled<kPieceSymbols>([&](auto i) {
    const U32 at = first + i;
    const auto ends = run.left == at;
    const U32 past = run.column + at;
    const U32 column = ctx.Min(past, past - in_features);
    const U32 address = ColumnAddress<kBatch>(vectors, column);
    const U32& two = weights.words[i / 2];
    const auto weight = i % 2 == 0 ? LowFloat(ctx, two) : HighFloat(ctx, two);
    simt::Unrolled<kBatch>([&](auto b) {
      const U32 of_vector = address + b * vector_bytes;
      const F32 x = ctx.FloatOfBits(kFloats ? ctx.SharedLoad32(of_vector) : ctx.SharedLoad16(of_vector) << kHalfBits);
      head->of[b] = ctx.Select(ends, sums->of[b], head->of[b]);
      sums->of[b] = ctx.Fma(weight, x, ctx.Select(ends, F32(0), sums->of[b]));
    });
  });
}

// Adds up lanes' sums and stores the group's partial sums.
template <uint32_t kBatch, bool kStraight, class Ctx>
constexpr void StorePartials(Ctx& ctx, const GemvParams& params, const GemvTask& task, uint32_t count,
                             const GemvRun<Ctx>& run, const GemvSums<kBatch, Ctx>& head,
                             const GemvSums<kBatch, Ctx>& tail) {
  using U32 = typename Ctx::U32;
  using F32 = typename Ctx::F32;
  using Pred = typename Ctx::Pred;
  const U32 lane = ctx.LaneIndex();
  const U32 runs_before = ctx.Min(lane, (run.column + (kRunWeights - 1)) / kRunWeights);
  const U32 distance = kStraight ? runs_before : ctx.Select(run.has_head(), U32(0), runs_before);
  const U32 run_end = (lane + 1) * kRunWeights;
  const Pred last = (run.left == kRunWeights) | (lane == simt::kWarpLanes - 1);
  const Pred stores_tail = last & (run_end <= count);
  const Pred stores_head = run.has_head() & (run_end - kRunWeights + run.left <= count);
  const U32 slot = task.first_slot + run.row;
  const U32 tail_slot = kStraight ? slot : slot + ctx.Select(run.has_head(), U32(1), U32(0));
  simt::Unrolled<kBatch>([&](auto b) {
    F32 sum = tail.of[b];
    for (uint32_t lanes = 1; lanes < simt::kWarpLanes; lanes *= 2) {
      const F32 before = ctx.ShuffleUp(sum, lanes);
      sum = ctx.Select(distance >= lanes, sum + before, sum);
    }
    ctx.GlobalStoreIf(stores_tail, params.partials, tail_slot * kBatch + b, sum);
    if constexpr (!kStraight) {
      const F32 before = ctx.ShuffleUp(sum, 1);
      const F32 whole = ctx.Select(lane > 0, before + head.of[b], head.of[b]);
      ctx.GlobalStoreIf(stores_head, params.partials, slot * kBatch + b, whole);
    }
  });
}

// Stores eight columns, two to a word, as the layout says.
template <uint32_t kBatch, class Ctx>
constexpr void StoreEightColumns(Ctx& ctx, const typename Ctx::Pred& exist, const typename Ctx::U32& address,
                                 const simt::Quad<typename Ctx::U32>& columns) {
  using U32 = typename Ctx::U32;
  if constexpr (!GemvVectorLayout(kBatch).floats()) {
    ctx.SharedStore128If(exist, address, columns);
  } else {
    constexpr uint32_t kQuadBytes = 16;
    const auto low = [](const U32& two) { return two << kHalfBits; };
    const auto high = [](const U32& two) { return two & ~kLowHalf; };
    ctx.SharedStore128If(exist, address,
                         simt::Quad<U32>{low(columns.x), high(columns.x), low(columns.y), high(columns.y)});
    ctx.SharedStore128If(exist, address + kQuadBytes,
                         simt::Quad<U32>{low(columns.z), high(columns.z), low(columns.w), high(columns.w)});
  }
}

// Copies the vectors to shared memory from address `to` on: eight columns at a time if rows are straight.
template <uint32_t kBatch, bool kStraight, class Ctx>
constexpr void CopyVectors(Ctx& ctx, const GemvParams& params, uint32_t to) {
  using U32 = typename Ctx::U32;
  using Element = std::conditional_t<kStraight, simt::Quad<uint32_t>, uint16_t>;
  constexpr GemvVectorLayout kLayout(kBatch);
  constexpr uint32_t kElementColumns = sizeof(Element) / sizeof(uint16_t);
  const uint32_t length = params.in_features / kElementColumns;
  const uint32_t step = ctx.NumWarps() * simt::kWarpLanes;
  for (uint32_t b = 0; b < kBatch; ++b) {
    const uint32_t vector = to + b * kLayout.vector_bytes(params.in_features);
    PLAIT_ROLLED for (uint32_t first = ctx.Warp() * simt::kWarpLanes; first < length; first += step) {
      const U32 at = first + ctx.LaneIndex();
      const auto exists = at < length;
      const auto element = ctx.GlobalLoadIf(exists, reinterpret_cast<const Element*>(params.x), at + b * length);
      const U32 address = ColumnAddress<kBatch>(vector, at * kElementColumns);
      if constexpr (kStraight) {
        StoreEightColumns<kBatch>(ctx, exists, address, element);
      } else if constexpr (kLayout.floats()) {
        ctx.SharedStore32If(exists, address, element << kHalfBits);
      } else {
        ctx.SharedStore16If(exists, address, element);
      }
    }
  }
}

// One group. Returns what is wrong; partial sums are written only if nothing is.
template <uint32_t kBatch, bool kStraight, class Ctx>
constexpr uint32_t MultiplyGroup(Ctx& ctx, const GemvParams& params, const GemvTask& task, Column<Ctx> column,
                                 uint32_t vectors) {
  using U32 = typename Ctx::U32;
  const GemvBlock block = ctx.GlobalLoadUniform(params.blocks + task.group / kBlockGroups);
  const uint32_t group = task.group % kBlockGroups;
  const RunDigits<Ctx> digits = LoadRunDigits(ctx, block, group);
  const uint32_t status = DecodeDeepLevels(ctx, block, task, digits.escapes, &column);
  if (status != kTierOk) return status;
  const GemvRun<Ctx> run = FindRun(ctx, params, task);
  constexpr uint32_t kPieceColumnBytes = kPieceSymbols * GemvVectorLayout(kBatch).column_bytes;
  const uint32_t vector_bytes = GemvVectorLayout(kBatch).vector_bytes(params.in_features);
  const U32 x = vectors + run.column / kRunWeights * GemvVectorLayout(kBatch).run_bytes();
  const auto* noise = reinterpret_cast<const simt::Quad<uint32_t>*>(block.noise);
  U32 position = column.begin;
  auto head = ZeroSums<kBatch, Ctx>();
  auto sums = ZeroSums<kBatch, Ctx>();
  simt::Unrolled<kRunPieces>([&](auto i) {
    const U32 at = (group * kRunPieces + i) * simt::kWarpLanes + ctx.LaneIndex();
    const GemvPiece<Ctx> weights =
        DecodePiece<i>(ctx, digits.words[i / 2], ctx.GlobalLoad(noise, at), column, block.tables[0], &position);
    if constexpr (kStraight) {
      AddProducts(ctx, weights, x + i * kPieceColumnBytes, vector_bytes, &sums);
    } else {
      AddProductsOfTwoRows(ctx, weights, run, i * kPieceSymbols, vectors, params.in_features, &head, &sums);
    }
  });
  const uint32_t left = block.elements - group * kGroupSymbols;
  StorePartials<kBatch, kStraight>(ctx, params, task, left < kGroupSymbols ? left : kGroupSymbols, run, head, sums);
  return kTierOk;
}

// Any grid of thread blocks with up to kGemvMaxWarps warps and GemvSharedBytes(); a warp takes every so-many-th task.
// kStraight: IsStraightRow(in_features).
template <uint32_t kBatch, bool kStraight, class Ctx>
constexpr void TierGemvBody(Ctx& ctx, const GemvParams& params) {
  using U32 = typename Ctx::U32;
  static_assert(kBatch >= 1 && kBatch <= kGemvMaxBatch);
  const uint32_t scratch = ctx.SharedBegin() + kSelectorBytes + ctx.Warp() * kGemvWarpBytes;
  const uint32_t vectors = ctx.SharedBegin() + kSelectorBytes + ctx.NumWarps() * kGemvWarpBytes;
  const U32 base = scratch + ctx.LaneIndex() * kWordBytes;
  BuildSelectors(ctx);
  CopyVectors<kBatch, kStraight>(ctx, params, vectors);
  PLAIT_ROLLED for (uint32_t i = 0; i < kColumnWords; ++i) { ctx.SharedStore32(base + i * kColumnRowBytes, U32(0)); }
  ctx.BlockBarrier();
  const U32 end(kColumnSymbols * kByteBits);
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps();
  PLAIT_ROLLED for (uint32_t t = ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp(); t < params.num_tasks; t += step) {
    const GemvTask task = ctx.GlobalLoadUniform(params.tasks + t);
    const uint32_t status = MultiplyGroup<kBatch, kStraight>(ctx, params, task, Column<Ctx>{base, end, end}, vectors);
    if (status != kTierOk) ctx.GlobalOr(params.status + task.group / kBlockGroups, status);
  }
}

// The second kernel, any grid: a lane adds up a row of a vector.
template <uint32_t kBatch, class Ctx>
constexpr void GemvRowsBody(Ctx& ctx, const GemvRowsParams& params) {
  using U32 = typename Ctx::U32;
  const uint32_t num_results = params.rows * kBatch;
  const uint32_t step = ctx.NumThreadBlocks() * ctx.NumWarps() * simt::kWarpLanes;
  const uint32_t most_groups = params.in_features / kGroupSymbols + 2;
  for (uint32_t first = (ctx.ThreadBlock() * ctx.NumWarps() + ctx.Warp()) * simt::kWarpLanes; first < num_results;
       first += step) {
    const U32 result = first + ctx.LaneIndex();
    const U32 row = result / kBatch;
    const U32 vector = result - row * kBatch;
    const U32 group = row * params.in_features / kGroupSymbols;
    const U32 last_group = (row * params.in_features + (params.in_features - 1)) / kGroupSymbols;
    typename Ctx::F32 sum(0);
    PLAIT_ROLLED for (uint32_t i = 0; i < most_groups; ++i) {
      const auto exists = (result < num_results) & (group + i <= last_group);
      const auto partial = ctx.GlobalLoadIf(exists, params.partials, (group + i + row) * kBatch + vector);
      sum = ctx.Select(exists, sum + partial, sum);
    }
    ctx.GlobalStoreIf(result < num_results, params.y, vector * params.rows + row, sum);
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_GEMV_H_
