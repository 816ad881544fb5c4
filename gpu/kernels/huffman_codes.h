// The first phase of decoding a block of a DFloat11 stream: each lane decodes the codes that start in its 8 bytes.
//
// Tables stand in shared memory, with the length of a code beside its symbol, so that a code of up to 8 bits takes one
// lookup, and longer ones, which few warps meet, one more for each 8 bits. The decoded symbols are kept: the second
// phase moves them, four at a time, and decodes nothing again.
#ifndef PLAIT_GPU_KERNELS_HUFFMAN_CODES_H_
#define PLAIT_GPU_KERNELS_HUFFMAN_CODES_H_

#include <cstdint>

#include "gpu/kernels/huffman_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

inline constexpr uint32_t kHuffmanByteBits = 8;
inline constexpr uint32_t kHuffmanWordBits = 32;
inline constexpr uint32_t kHuffmanWordBytes = 4;
inline constexpr uint32_t kHuffmanByte = 0xff;

// An entry of a table in shared memory:
//   0 .. 0x1fff  bits 0-7 a symbol, bits 8-12 32 minus the bits of its code
//   0x4000 ..    bits 0-7 the table to look up by the next 8 bits
//   0x8000       no code
inline constexpr uint32_t kHuffmanLink = 0x4000;
inline constexpr uint32_t kHuffmanNoEntry = 0x8000;
static_assert((kHuffmanWordBits - 1) << kHuffmanByteBits < kHuffmanLink);
static_assert(kHuffmanMaxCodeBits == kHuffmanWordBits);

// Added to the bit at which a lane met no code. Above all bits at which codes of a thread can end.
inline constexpr uint32_t kHuffmanStopped = 0x80;
static_assert(kHuffmanThreadBits + kHuffmanMaxCodeBits <= kHuffmanStopped);

// 96 bits of codes, the next one at the top of `first`.
template <class Ctx>
struct HuffmanWindow {
  typename Ctx::U32 first, second, third;
};

// What a lane has decoded.
template <class Ctx>
struct HuffmanRun {
  typename Ctx::U32 count;  // codes
  typename Ctx::U32 end;    // of the last, as a bit of the lane's bytes; kHuffmanStopped is set if no code follows it
};

// The entry that a byte of a row becomes.
template <class Ctx>
constexpr typename Ctx::U32 MakeHuffmanEntry(Ctx& ctx, const HuffmanSource& source, const typename Ctx::U32& byte) {
  using U32 = typename Ctx::U32;
  const U32 none(kHuffmanNoEntry);
  const U32 row = uint32_t{kHuffmanRowBytes} - byte;
  const U32 length = ctx.GlobalLoad(source.luts() + source.num_tables * kHuffmanRowBytes, byte);
  const auto is_code = (length >= source.min_code_bits) & (length <= kHuffmanMaxCodeBits);
  const U32 code = ctx.Select(is_code, (kHuffmanWordBits - length) << kHuffmanByteBits | byte, none);
  const U32 link = ctx.Select(row < source.num_tables, row | kHuffmanLink, none);
  return ctx.Select(byte < kHuffmanFirstPointer, code, link);
}

// Tables of a stream, from its luts to shared memory, by all warps.
template <class Ctx>
constexpr void LoadHuffmanTables(Ctx& ctx, const HuffmanSource& source, uint32_t tables) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kHalfBits = 16;
  constexpr uint32_t kRowWords = kHuffmanRowBytes / kHuffmanWordBytes;
  static_assert(kRowWords % simt::kWarpLanes == 0);
  const auto* const words = reinterpret_cast<const uint32_t*>(source.luts());
  const uint32_t num_words = source.num_tables * kRowWords;
  const uint32_t step = ctx.NumWarps() * simt::kWarpLanes;
  PLAIT_ROLLED for (uint32_t first = ctx.Warp() * simt::kWarpLanes; first < num_words; first += step) {
    const U32 word = first + ctx.LaneIndex();
    const U32 bytes = ctx.GlobalLoad(words, word);
    U32 entries[kHuffmanWordBytes];
    simt::Unrolled<kHuffmanWordBytes>([&](auto i) {
      entries[i] = MakeHuffmanEntry(ctx, source, U32(bytes >> (i * kHuffmanByteBits) & kHuffmanByte));
    });
    ctx.SharedStore64(tables + word * (2 * kHuffmanWordBytes),
                      simt::Pair<U32>{entries[0] | entries[1] << kHalfBits, entries[2] | entries[3] << kHalfBits});
  }
}

// A word of memory as the next 32 bits of codes.
template <class Ctx>
constexpr typename Ctx::U32 HuffmanBits(Ctx& ctx, const typename Ctx::U32& word) {
  constexpr uint32_t kReversed = 0x0123;
  return ctx.BytePermute(word, typename Ctx::U32(0), typename Ctx::U32(kReversed));
}

// A lane's bytes, from byte `at` on, and the four behind them, where all are there: each lane loads its own, and has
// the others from the lane above.
template <class Ctx>
constexpr HuffmanWindow<Ctx> LoadHuffmanWindow(Ctx& ctx, const uint8_t* codes, uint32_t warp_at) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kLastLane = simt::kWarpLanes - 1;
  constexpr uint32_t kWarpWords = simt::kWarpLanes * kHuffmanThreadBytes / kHuffmanWordBytes;
  const U32 lane = ctx.LaneIndex();
  const auto own = ctx.GlobalLoad(reinterpret_cast<const simt::Pair<uint32_t>*>(codes),
                                  warp_at / uint32_t{kHuffmanThreadBytes} + lane);
  const U32 behind = ctx.GlobalLoadIf(lane == kLastLane, reinterpret_cast<const uint32_t*>(codes),
                                      U32(warp_at / kHuffmanWordBytes + kWarpWords));
  const U32 above = ctx.ShuffleDown(own.x, 1);
  return {HuffmanBits(ctx, own.x), HuffmanBits(ctx, own.y),
          HuffmanBits(ctx, ctx.Select(lane == kLastLane, behind, above))};
}

// The same where codes end: zeros behind them.
template <class Ctx>
constexpr HuffmanWindow<Ctx> LoadLastHuffmanWindow(Ctx& ctx, const HuffmanSource& source, uint32_t warp_at) {
  using U32 = typename Ctx::U32;
  const U32 at = warp_at + ctx.LaneIndex() * uint32_t{kHuffmanThreadBytes};
  const auto word_at = [&](const U32& begin) {
    U32 word(0);
    simt::Unrolled<kHuffmanWordBytes>([&](auto i) {
      const U32 byte = begin + i;
      word = word << kHuffmanByteBits | ctx.GlobalLoadIf(byte < source.code_bytes, source.codes, byte);
    });
    return word;
  };
  return {word_at(at), word_at(at + kHuffmanWordBytes), word_at(at + 2 * kHuffmanWordBytes)};
}

// Leaves out the next 32 - `kept` bits.
template <class Ctx>
constexpr void AdvanceHuffmanWindow(Ctx& ctx, const typename Ctx::U32& kept, HuffmanWindow<Ctx>* window) {
  window->first = ctx.FunnelShiftRightClamped(window->second, window->first, kept);
  window->second = ctx.FunnelShiftRightClamped(window->third, window->second, kept);
  window->third = ctx.FunnelShiftRightClamped(typename Ctx::U32(0), window->third, kept);
}

// Goes on from an entry that is no code's to the one that the code's further bits lead to, which may be none again.
template <class Ctx>
constexpr typename Ctx::U32 FollowHuffmanLinks(Ctx& ctx, uint32_t tables, const typename Ctx::U32& bits,
                                               typename Ctx::U32 entry) {
  using U32 = typename Ctx::U32;
  simt::Unrolled<kHuffmanMaxDepth - 1>([&](auto i) {
    constexpr uint32_t kFirstShift = kHuffmanWordBits - 2 * kHuffmanLookupBits;
    const auto is_link = (entry >= kHuffmanLink) & (entry < kHuffmanNoEntry);
    const U32 slot = bits >> (kFirstShift - i * kHuffmanLookupBits) & kHuffmanByte;
    entry = ctx.SharedLoad16If(is_link, tables + (entry & kHuffmanByte) * kHuffmanTableBytes + slot * 2, entry);
  });
  return entry;
}

// Decodes the codes that start in the lanes' bytes, the first one at bit `gap`. Symbols go to the lanes' slots from
// `slots` on. A step takes at least one bit or ends a lane, so that at most 64 are taken.
template <class Ctx>
constexpr HuffmanRun<Ctx> DecodeHuffmanCodes(Ctx& ctx, uint32_t tables, HuffmanWindow<Ctx> window,
                                             const typename Ctx::U32& gap, typename Ctx::U32 slots) {
  using U32 = typename Ctx::U32;
  constexpr uint32_t kThreadBits = kHuffmanThreadBits;
  constexpr uint32_t kTopByte = kHuffmanWordBits - kHuffmanLookupBits;
  constexpr uint32_t kDropFirstAppend = 0x4321;  // the lowest byte goes, another one comes on top
  AdvanceHuffmanWindow(ctx, U32(kHuffmanWordBits - gap), &window);
  // The bit at which the next code begins, above the number of codes so far: one sum counts both.
  constexpr uint32_t kEnd = kThreadBits << kHuffmanByteBits;
  constexpr uint32_t kCode = kHuffmanWordBits << kHuffmanByteBits | 1;  // and the bits that are kept are taken off
  U32 state = gap << kHuffmanByteBits;
  PLAIT_ROLLED for (; ctx.Any(state < kEnd); slots += kHuffmanSlotRowBytes) {
    const auto has_slot = state < kEnd;
    U32 four(0);
    simt::Unrolled<kHuffmanSlotSymbols>([&](auto) {
      U32 entry = ctx.SharedLoad16(tables + (window.first >> kTopByte) * 2);
      if (ctx.Any(entry >= kHuffmanLink)) {
        entry = FollowHuffmanLinks(ctx, tables, window.first, entry);
        const auto stops = (entry >= kHuffmanLink) & (state < kEnd);
        state |= ctx.Select(stops, U32(kHuffmanStopped << kHuffmanByteBits), U32(0));
      }
      const U32 next = state + kCode - (entry & ~kHuffmanByte);
      state = ctx.Select(state < kEnd, next, state);
      AdvanceHuffmanWindow(ctx, U32(entry >> kHuffmanByteBits), &window);
      four = ctx.BytePermute(four, entry, U32(kDropFirstAppend));
    });
    ctx.SharedStore32If(has_slot, slots, four);
  }
  return {state & kHuffmanByte, state >> kHuffmanByteBits};
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_HUFFMAN_CODES_H_
