// Decodes DFloat11 streams (codec/huffman/FORMAT.md) to bf16 elements in global memory, as DFloat11's kernel does it: a
// thread block takes a block of the stream, a lane the codes that start in 8 bytes. Each counts its codes
// (huffman_codes.h), sums of the counts say where its symbols go, and it moves them there, in shared memory. From there
// they are joined with signs and mantissas and written, 16 elements a lane, in order.
//
// On the way everything is checked that the CPU decoder checks: every lane but those behind the last symbol must end
// where the next one begins.
#ifndef PLAIT_GPU_KERNELS_HUFFMAN_DECODE_H_
#define PLAIT_GPU_KERNELS_HUFFMAN_DECODE_H_

#include <cstdint>

#include "gpu/kernels/huffman_codes.h"
#include "gpu/kernels/huffman_task.h"
#include "gpu/kernels/join.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// A block on the way through its stages.
struct HuffmanJob {
  HuffmanSource source;
  HuffmanTask task;
  HuffmanCapacity capacity;
  uint32_t shared;  // where shared memory begins

  constexpr uint32_t end_symbol() const { return task.first_symbol + task.num_symbols; }
  // No symbol of the stream starts behind the block.
  constexpr bool is_last() const { return end_symbol() == source.num_symbols; }
  constexpr uint32_t first_byte() const { return task.block * uint32_t{kHuffmanBlockBytes}; }
  // All that its threads look at is there.
  constexpr bool is_whole() const {
    constexpr uint32_t kBytes = kHuffmanBlockBytes + kHuffmanLookAheadBytes;
    return source.code_bytes >= kBytes && first_byte() <= source.code_bytes - kBytes;
  }
  // Where a symbol of the stream is staged, or would be: pieces stand at multiples of 16.
  constexpr uint32_t staged(uint32_t symbol) const {
    return shared + capacity.staged_at() + (symbol - task.first_symbol / kHuffmanPieceSymbols * kHuffmanPieceSymbols);
  }
};

// Where the lanes' codes begin, and where those of the threads behind them do: bits of their bytes.
template <class Ctx>
struct HuffmanGaps {
  typename Ctx::U32 own, next;
};

// Gaps of a warp: five words, and the next warp's first gap is at the top of a sixth.
template <class Ctx>
constexpr HuffmanGaps<Ctx> LoadHuffmanGaps(Ctx& ctx, const HuffmanJob& job) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kWarpGapWords = simt::kWarpLanes * kHuffmanGapBits / kHuffmanWordBits;
  constexpr uint32_t kTopGap = kHuffmanWordBits - kHuffmanGapBits;
  constexpr uint32_t kBlockWords = kHuffmanBlockGapBytes / kHuffmanWordBytes;
  const U32 lane = ctx.LaneIndex();
  const U32 word = job.task.block * kBlockWords + ctx.Warp() * kWarpGapWords + lane;
  const auto is_there = (lane <= kWarpGapWords) & (word < job.source.num_blocks() * kBlockWords);
  const U32 bits =
      HuffmanBits(ctx, ctx.GlobalLoadIf(is_there, reinterpret_cast<const uint32_t*>(job.source.gaps()), word));
  const U32 at = lane * kHuffmanGapBits;
  const U32 high = ctx.ShuffleIdx(bits, U32(at / kHuffmanWordBits));
  const U32 low = ctx.ShuffleIdx(bits, U32(at / kHuffmanWordBits + 1));
  const U32 own = ctx.FunnelShiftRightClamped(low, high, kHuffmanWordBits - (at & (kHuffmanWordBits - 1))) >> kTopGap;
  const U32 above = ctx.ShuffleDown(own, 1);
  const uint32_t next_warp = ctx.Broadcast(bits, kWarpGapWords) >> kTopGap;
  return {own, ctx.Select(lane == simt::kWarpLanes - 1, U32(next_warp), above)};
}

// Symbols of the block before each lane's, and in all.
template <class Ctx>
struct HuffmanSums {
  typename Ctx::U32 before;
  uint32_t all;
};

template <class Ctx>
constexpr HuffmanSums<Ctx> AddHuffmanCounts(Ctx& ctx, const HuffmanJob& job, const typename Ctx::U32& count) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kLastLane = simt::kWarpLanes - 1;
  const uint32_t totals = job.shared + job.capacity.totals_at();
  const U32 lane = ctx.LaneIndex();
  const U32 upto = ctx.InclusiveScan(count);
  ctx.SharedStore32If(lane == kLastLane, U32(totals + ctx.Warp() * kHuffmanWordBytes), upto);
  ctx.BlockBarrier();
  const U32 of_warp = ctx.SharedLoad32If(lane < kHuffmanWarps, totals + lane * kHuffmanWordBytes, U32(0));
  const U32 upto_warp = ctx.InclusiveScan(of_warp);
  return {upto - count + ctx.Broadcast(upto_warp - of_warp, ctx.Warp()), ctx.Broadcast(upto_warp, kLastLane)};
}

// Whether the codes of a stream do not end in its last byte. `last` is the lane with the last of them, which is its
// code number `kept`; what it has decoded behind it is taken back.
template <class Ctx>
constexpr bool EndsElsewhere(Ctx& ctx, const HuffmanJob& job, const HuffmanRun<Ctx>& run, uint32_t thread_slots,
                             const typename Ctx::Pred& last, const typename Ctx::U32& kept) {
  using U32 = typename Ctx::U32;
  const uint8_t* const lengths = job.source.luts() + job.source.num_tables * kHuffmanRowBytes;
  const U32 thread = ctx.Warp() * simt::kWarpLanes + ctx.LaneIndex();
  U32 end = run.end & (kHuffmanStopped - 1);
  PLAIT_ROLLED for (U32 code = kept; ctx.Any(last & (code < run.count)); code += 1) {
    const auto is_behind = last & (code < run.count);
    const U32 slot = code / kHuffmanSlotSymbols * kHuffmanSlotRowBytes + (code & (kHuffmanSlotSymbols - 1));
    const U32 symbol = ctx.SharedLoad8If(is_behind, thread_slots + ctx.LaneIndex() * kHuffmanWordBytes + slot, U32(0));
    end -= ctx.GlobalLoadIf(is_behind, lengths, symbol);
  }
  const U32 used =
      job.first_byte() + thread * uint32_t{kHuffmanThreadBytes} + (end + (kHuffmanByteBits - 1)) / kHuffmanByteBits;
  return ctx.Any(last & (used != job.source.code_bytes));
}

// What is wrong with the codes of the warp. `warp_slots` is where those of its first lane are.
template <class Ctx>
constexpr uint32_t CheckHuffmanRun(Ctx& ctx, const HuffmanJob& job, const HuffmanRun<Ctx>& run,
                                   const typename Ctx::U32& next_gap, const HuffmanSums<Ctx>& sums,
                                   uint32_t warp_slots) {
  using U32 = typename Ctx::U32;
  using Pred = typename Ctx::Pred;
  const uint32_t n = job.task.num_symbols;
  const Pred goes_on = Pred(!job.is_last()) | (sums.before + run.count < n);  // the block's codes, behind the lane's
  const Pred stopped = run.end >= kHuffmanStopped;
  const Pred fits = run.end - uint32_t{kHuffmanThreadBits} == next_gap;
  const Pred has_last = (sums.before < n) & Pred(!goes_on);
  uint32_t status = kHuffmanOk;
  if (ctx.Any(goes_on & stopped)) status |= kHuffmanNoCode;
  if (ctx.Any(goes_on & Pred(!(stopped | fits)))) status |= kHuffmanWrongGap;
  if (job.is_last() ? sums.all < n : sums.all != n) status |= kHuffmanWrongCount;
  if (job.is_last() && EndsElsewhere(ctx, job, run, warp_slots, has_last, U32(n - sums.before))) {
    status |= kHuffmanWrongEnd;
  }
  return status;
}

// Moves the first `count` symbols of each lane from its slots to address `to`: whole words where it can, bytes in front
// of them and behind.
template <class Ctx>
constexpr void StageHuffmanSymbols(Ctx& ctx, const typename Ctx::U32& slots, const typename Ctx::U32& to,
                                   const typename Ctx::U32& count) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kInWord = kHuffmanWordBytes - 1;
  const auto store_bytes = [&](const U32& address, const U32& number, const U32& bytes) {
    simt::Unrolled<kInWord>(
        [&](auto i) { ctx.SharedStore8If(i < number, address + i, bytes >> (i * kHuffmanByteBits)); });
  };
  const U32 head = ctx.Min((U32(0) - to) & kInWord, count);
  const U32 shift = head * kHuffmanByteBits;
  const U32 words_end = count - ((count - head) & kInWord);
  U32 low = ctx.SharedLoad32If(count > 0, slots, U32(0));
  store_bytes(to, head, low);
  U32 done = head;  // a multiple of 4 above it
  U32 slot = slots;
  PLAIT_ROLLED for (uint32_t taken = kHuffmanSlotSymbols; ctx.Any(done < words_end); taken += kHuffmanSlotSymbols) {
    slot += kHuffmanSlotRowBytes;
    const U32 high = ctx.SharedLoad32If(taken < count, slot, U32(0));
    ctx.SharedStore32If(done < words_end, to + done, ctx.FunnelShiftRight(low, high, shift));
    done += kHuffmanSlotSymbols;
    low = high;
  }
  const U32 whole = words_end - head;
  const U32 rest = count - words_end;
  slot = slots + whole * (kHuffmanSlotRowBytes / kHuffmanSlotSymbols);
  low = ctx.SharedLoad32If(rest > 0, slot, U32(0));
  const auto has_high = (rest > 0) & (whole + kHuffmanSlotSymbols < count);
  const U32 high = ctx.SharedLoad32If(has_high, slot + kHuffmanSlotRowBytes, U32(0));
  store_bytes(to + words_end, rest, ctx.FunnelShiftRight(low, high, shift));
}

// Elements of a block that are in no whole piece of it: fewer than 16 at its begin, in lanes 0 to 15, and at its end.
template <class Ctx>
constexpr void StoreHuffmanEdges(Ctx& ctx, const HuffmanJob& job, uint32_t pieces_begin, uint32_t pieces_end) {
  using U32 = typename Ctx::U32;
  const uint32_t end = job.end_symbol();
  const uint32_t head_end = pieces_begin < end ? pieces_begin : end;
  const uint32_t tail_begin = pieces_end < head_end ? head_end : pieces_end;
  const U32 lane = ctx.LaneIndex();
  const auto in_head = lane < kHuffmanPieceSymbols;
  const U32 element =
      ctx.Select(in_head, job.task.first_symbol + lane, tail_begin + (lane & (kHuffmanPieceSymbols - 1)));
  const auto exists = element < ctx.Select(in_head, U32(head_end), U32(end));
  const U32 exponent = RotateBytes(ctx.SharedLoad8If(exists, element + job.staged(0), U32(0)));
  const U32 rest = ctx.GlobalLoadIf(exists, job.source.sign_mantissas, element);
  ctx.GlobalStoreIf(exists, job.source.out, element, JoinBf16(ctx, exponent, rest).x);
}

// Joins the staged symbols with signs and mantissas and writes them.
template <class Ctx>
constexpr void StoreHuffmanElements(Ctx& ctx, const HuffmanJob& job) {
  using U32 = typename Ctx::U32;
  using Join = PieceJoin<PlaneKind::kBf16>;
  const uint32_t pieces_begin = (job.task.first_symbol + (kHuffmanPieceSymbols - 1)) / kHuffmanPieceSymbols;
  const uint32_t pieces_end = job.end_symbol() / kHuffmanPieceSymbols;
  const uint32_t step = ctx.NumWarps() * simt::kWarpLanes;
  auto* const out = reinterpret_cast<simt::Quad<uint32_t>*>(job.source.out);
  PLAIT_ROLLED for (uint32_t first = pieces_begin + ctx.Warp() * simt::kWarpLanes; first < pieces_end; first += step) {
    const U32 piece = first + ctx.LaneIndex();
    const auto exists = piece < pieces_end;
    const auto noise = Join::template Load<Ctx>(ctx, exists, job.source.sign_mantissas, job.source.num_symbols, piece);
    const U32 at = piece * kHuffmanPieceSymbols + job.staged(0);
    const auto staged = ctx.SharedLoad128If(exists, at, simt::Quad<U32>{U32(0), U32(0), U32(0), U32(0)});
    const auto elements = Join::template Join<Ctx>(
        ctx, {Join::Prepare(staged.x), Join::Prepare(staged.y), Join::Prepare(staged.z), Join::Prepare(staged.w)},
        noise);
    simt::Unrolled<Join::kElementBytes>(
        [&](auto i) { ctx.GlobalStoreIf(exists, out, piece * Join::kElementBytes + i, elements.quads[i]); });
  }
  // The last warp has the fewest pieces.
  if (ctx.Warp() + 1 == ctx.NumWarps()) {
    StoreHuffmanEdges(ctx, job, pieces_begin * kHuffmanPieceSymbols, pieces_end * kHuffmanPieceSymbols);
  }
}

// One block, whose tables are in shared memory. Returns what is wrong with the codes of this warp; elements are written
// only if nothing is with any of the block.
template <class Ctx>
constexpr uint32_t DecodeHuffmanTask(Ctx& ctx, const HuffmanJob& job) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kWarpSlotBytes = simt::kWarpLanes * kHuffmanWordBytes;
  constexpr uint32_t kWarpBytes = simt::kWarpLanes * uint32_t{kHuffmanThreadBytes};
  const uint32_t warp_slots = job.shared + job.capacity.slots_at() + ctx.Warp() * kWarpSlotBytes;
  const U32 slots = warp_slots + ctx.LaneIndex() * kHuffmanWordBytes;
  const HuffmanGaps<Ctx> gaps = LoadHuffmanGaps(ctx, job);
  const uint32_t warp_at = job.first_byte() + ctx.Warp() * kWarpBytes;
  const HuffmanWindow<Ctx> window = job.is_whole() ? LoadHuffmanWindow(ctx, job.source.codes, warp_at)
                                                   : LoadLastHuffmanWindow(ctx, job.source, warp_at);
  const HuffmanRun<Ctx> run = DecodeHuffmanCodes(ctx, job.shared, window, gaps.own, slots);
  const HuffmanSums<Ctx> sums = AddHuffmanCounts(ctx, job, run.count);
  const uint32_t status = CheckHuffmanRun(ctx, job, run, gaps.next, sums, warp_slots);
  const uint32_t statuses = job.shared + job.capacity.status_at();
  ctx.SharedStore32If(ctx.LaneIndex() == 0, U32(statuses + ctx.Warp() * kHuffmanWordBytes), U32(status));
  // Whatever the codes are, no more than the block's symbols are staged.
  const U32 left = job.task.num_symbols - ctx.Min(sums.before, U32(job.task.num_symbols));
  StageHuffmanSymbols(ctx, slots, sums.before + job.staged(job.task.first_symbol), ctx.Min(run.count, left));
  ctx.BlockBarrier();
  const auto is_warp = ctx.LaneIndex() < kHuffmanWarps;
  const U32 found = ctx.SharedLoad32If(is_warp, statuses + ctx.LaneIndex() * kHuffmanWordBytes, U32(0));
  if (!ctx.Any(found != 0)) StoreHuffmanElements(ctx, job);
  return status;
}

// Any grid with kHuffmanWarps warps a thread block and capacity.shared_bytes() of shared memory; a thread block takes
// every so-many-th task, and builds tables where the source is another one than before. What a block's warps read last
// is not written again before the next block's first barrier, but for tables: all have left those before its second.
template <class Ctx>
constexpr void HuffmanDecodeBody(Ctx& ctx, const HuffmanDecodeParams& params) {
  constexpr uint32_t kNoSource = ~uint32_t{0};
  uint32_t tables_of = kNoSource;
  PLAIT_ROLLED for (uint32_t t = ctx.ThreadBlock(); t < params.num_tasks; t += ctx.NumThreadBlocks()) {
    const HuffmanTask task = ctx.GlobalLoadUniform(params.tasks + t);
    const HuffmanJob job{.source = ctx.GlobalLoadUniform(params.sources + task.source),
                         .task = task,
                         .capacity = params.capacity,
                         .shared = ctx.SharedBegin()};
    if (tables_of != task.source) {
      LoadHuffmanTables(ctx, job.source, job.shared);
      ctx.BlockBarrier();
      tables_of = task.source;
    }
    const uint32_t status = DecodeHuffmanTask(ctx, job);
    if (status != kHuffmanOk) ctx.GlobalOr(params.status + task.source, status);
  }
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_HUFFMAN_DECODE_H_
