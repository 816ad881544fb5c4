// What the host tells a thread block about a DFloat11 stream (codec/huffman/FORMAT.md), and how a thread block lays out
// its shared memory. Both sides include this; huffman_plan.h makes it.
//
// The plan is trusted as pointers are: sizes, positions and capacities. What the pointers lead to is not: whatever
// luts, codes and gaps hold, a kernel ends, stays inside its buffers and says what is wrong.
#ifndef PLAIT_GPU_KERNELS_HUFFMAN_TASK_H_
#define PLAIT_GPU_KERNELS_HUFFMAN_TASK_H_

#include <cstddef>
#include <cstdint>

#include "codec/huffman/huffman_layout.h"
#include "gpu/kernels/tier_task.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// A stream and where its elements go. Pointers are multiples of 16. Nothing behind the last byte of a part is read.
struct alignas(16) HuffmanSource {
  const uint8_t* codes;           // code_bytes
  const uint8_t* sign_mantissas;  // num_symbols
  uint16_t* out;                  // room for num_symbols bf16 elements
  uint32_t code_bytes;
  uint32_t num_symbols;
  uint64_t luts_at;  // of the first byte, what its address is more than that of the codes
  uint64_t gaps_at;  // the same
  uint32_t num_tables;
  uint32_t min_code_bits;  // codes that are shorter are none

  constexpr const uint8_t* luts() const { return codes + luts_at; }  // num_tables rows and the one of lengths
  constexpr const uint8_t* gaps() const { return codes + gaps_at; }  // kHuffmanBlockGapBytes for each block
  constexpr uint32_t num_blocks() const {
    return static_cast<uint32_t>((code_bytes + (kHuffmanBlockBytes - 1)) / kHuffmanBlockBytes);
  }
};
// In an image a source stands where a tier plane has its block, and the same kernel makes addresses of it.
static_assert(sizeof(HuffmanSource) == sizeof(TierBlock));
static_assert(offsetof(HuffmanSource, codes) == offsetof(TierBlock, stream) &&
              offsetof(HuffmanSource, sign_mantissas) == offsetof(TierBlock, noise) &&
              offsetof(HuffmanSource, out) == offsetof(TierBlock, out));

// A thread block's work: a block of a stream, and which symbols start in it.
struct alignas(16) HuffmanTask {
  uint32_t source;
  uint32_t block;
  uint32_t first_symbol;
  uint32_t num_symbols;
};

// What is wrong with blocks of a stream, ORed together; none of such a block's elements is written. Zero: each is what
// the CPU decoder gives. The bits are none of TierStatus's.
enum HuffmanStatus : uint32_t {
  kHuffmanOk = 0,
  kHuffmanNoCode = 8,       // bits lead to no symbol with a length
  kHuffmanWrongGap = 16,    // a thread does not begin where the code before ended
  kHuffmanWrongCount = 32,  // another number of codes starts in the block
  kHuffmanWrongEnd = 64,    // the last code does not end in the last byte
};

inline constexpr uint32_t kHuffmanWarps = kHuffmanBlockThreads / simt::kWarpLanes;

// A table in shared memory has a 16-bit entry for each value of the next 8 bits.
inline constexpr uint32_t kHuffmanTableBytes = 2 * kHuffmanRowBytes;
// While it counts, a thread leaves its symbols in words of its own, four in each. Word i of all threads is a row.
inline constexpr uint32_t kHuffmanSlotSymbols = 4;
inline constexpr uint32_t kHuffmanSlotRowBytes = kHuffmanSlotSymbols * kHuffmanBlockThreads;
// Elements are written in pieces of 16 that begin at multiples of 16.
inline constexpr uint32_t kHuffmanPieceSymbols = 16;

// How much of a stream the thread blocks of a launch have room for.
struct HuffmanCapacity {
  uint32_t num_tables = 0;
  uint32_t slot_words = 0;  // of a thread
  uint32_t symbols = 0;     // of a block

  // In shared memory: tables; of each warp, how many symbols it has and what is wrong with them; slots; the symbols of
  // the block in order, behind those that stand before them in their piece.
  constexpr uint32_t totals_at() const { return num_tables * kHuffmanTableBytes; }
  constexpr uint32_t status_at() const { return totals_at() + kHuffmanWarps * uint32_t{sizeof(uint32_t)}; }
  constexpr uint32_t slots_at() const { return status_at() + kHuffmanWarps * uint32_t{sizeof(uint32_t)}; }
  constexpr uint32_t staged_at() const { return slots_at() + slot_words * kHuffmanSlotRowBytes; }
  constexpr uint32_t shared_bytes() const {
    const uint32_t most_pieces = (symbols + 2 * (kHuffmanPieceSymbols - 1)) / kHuffmanPieceSymbols;
    return staged_at() + most_pieces * kHuffmanPieceSymbols;
  }
};

struct HuffmanDecodeParams {
  const HuffmanTask* tasks;
  const HuffmanSource* sources;
  uint32_t* status;  // of each source, zero at first
  uint32_t num_tasks;
  HuffmanCapacity capacity;
};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_HUFFMAN_TASK_H_
