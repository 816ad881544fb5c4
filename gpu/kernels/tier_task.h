// What the host tells a warp about a tier stream (codec/tier/FORMAT.md), and how a warp lays out its shared memory.
// Both sides include this; tier_plan.h makes it.
//
// One warp decodes one group of 4096 symbols. The stream says where a group's packet begins only to those who have
// decoded everything before; the host, which has counted digits anyway to validate them, writes it down.
//
// Levels count from 0 here, as in TierShape: level 0 has all symbols of a group.
#ifndef PLAIT_GPU_KERNELS_TIER_TASK_H_
#define PLAIT_GPU_KERNELS_TIER_TASK_H_

#include <cstdint>

#include "codec/tier/tier_layout.h"

namespace plait::gpu {

// Where a group's packet is and how many symbols each level below the first has.
struct alignas(16) TierGroup {
  uint32_t packet;                  // byte of the stream
  uint16_t counts[kTierMaxLevels];  // counts[k]: symbols of level k + 1; those of "level" num_levels are the raw ones
};

// A plane and where its elements go. Pointers are multiples of 16; what they point at can be read up to the next
// multiple of 16 behind its end.
struct alignas(16) TierBlock {
  const uint8_t* stream;
  const uint8_t* noise;  // plane 1: signs and mantissas (codec/transform/plane_kind.h); unused for symbols alone
  uint8_t* out;          // room for `elements`, of 1 or 2 bytes
  uint32_t stream_bytes;
  uint32_t elements;
  uint32_t shape;                   // TierShape's code
  uint32_t tables[kTierMaxLevels];  // of each level: what its digits mean, in bytes 0, 1, 2
};

// One warp's work: a group of a block.
struct alignas(8) TierTask {
  uint32_t block;
  uint32_t group;
};

// What went wrong in a block, ORed together. Zero: every element is what the CPU decoder gives.
enum TierStatus : uint32_t {
  kTierOk = 0,
  kTierBadIndex = 1,      // a packet is not inside the stream, or counts grow
  kTierWrongCounts = 2,   // the digits escape more or less often than the index says
  kTierPaddingOnes = 4,   // bits behind the last digit of a part
  kTierOverCapacity = 8,  // the group does not fit the kernel it was given to
  kTierTruncated = 16,    // found by the host: the stream ends early
  kTierCorrupt = 32,      // found by the host: what FORMAT.md rejects
};

struct TierDecodeParams {
  const TierTask* tasks;
  const TierGroup* groups;  // of each task
  const TierBlock* blocks;
  uint32_t* status;  // of each block, zero at first
  uint32_t num_tasks;
};

// A piece is 16 consecutive symbols: what a lane decodes in one step. A unit, four pieces, is what it prepares at once.
inline constexpr uint32_t kPieceSymbols = 16;
inline constexpr uint32_t kPiecesOfUnit = kTierUnitSymbols / kPieceSymbols;  // 4
inline constexpr uint32_t kUnitSymbols = kTierUnitSymbols;
inline constexpr uint32_t kGroupSymbols = kTierGroupSymbols;
inline constexpr uint32_t kGroupUnits = kGroupSymbols / kUnitSymbols;

// The table of selectors stands once for each lane, so that lookups never conflict: entry e of lane l is word
// 32 e + l of shared memory.
inline constexpr uint32_t kSelectorEntries = 256;
inline constexpr uint32_t kSelectorRowBytes = 128;
inline constexpr uint32_t kSelectorBytes = kSelectorEntries * kSelectorRowBytes;

// How much of a group a kernel has room for. Groups of trained weights fit the narrow one, which leaves room for three
// times as many warps; the wide one takes anything.
struct TierCapacity {
  uint32_t units;    // of all levels below the first; at least kGroupUnits
  uint32_t symbols;  // of level 1
  uint32_t warps;    // of a thread block

  // A warp's shared memory: digits of all units as indices (16 bytes each), numbers of escapes before their pieces (8
  // bytes each), symbols. In front of the symbols is what aligning each level's begin may take, behind them what is
  // read ahead.
  constexpr uint32_t prefixes_at() const { return units * 16; }
  constexpr uint32_t symbols_at() const { return units * 24; }
  constexpr uint32_t symbols_end() const { return symbols_at() + kPieceSymbols * kTierMaxLevels + symbols; }
  constexpr uint32_t warp_bytes() const { return symbols_end() + kPieceSymbols; }
  constexpr uint32_t shared_bytes() const { return kSelectorBytes + warps * warp_bytes(); }
};
inline constexpr TierCapacity kTierNarrow{.units = 64, .symbols = 2048, .warps = 8};
inline constexpr TierCapacity kTierWide{
    .units = (kTierMaxLevels - 1) * kGroupUnits, .symbols = kTierGroupSymbols, .warps = 4};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_TASK_H_
