// What the host tells a warp about a tier stream (codec/tier/FORMAT.md), and how a warp lays out its shared memory.
// Both sides include this; tier_plan.h makes it.
//
// The plan is trusted as pointers are. The stream is not: should it differ from what the host has seen, a kernel finds
// counts that do not fit the plan, or decodes other symbols, and stays inside its buffers.
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

inline constexpr uint32_t kTierDeepLevels = kTierMaxLevels - 1;

// Where a group's packet is and how many symbols its parts have.
struct alignas(16) TierGroup {
  uint32_t packet;                   // byte of the stream
  uint16_t counts[kTierDeepLevels];  // of levels 1 and up; zero for those that the shape does not have
  uint16_t raw;                      // symbols behind the last level

  // Escapes of level k + 1. A level without any has nothing below it, so that no count is taken for another.
  constexpr uint32_t escapes(uint32_t k) const {
    const bool last = k + 1 >= kTierDeepLevels || counts[k + 1] == 0;
    return last ? raw : counts[k + 1];
  }
  // Symbols of level 1, or the raw ones if there is no such level: the escapes of level 0.
  constexpr uint32_t first_escapes() const { return counts[0] != 0 ? counts[0] : raw; }
};

// A plane and where its elements go. Pointers are multiples of 16. Behind the stream's last byte 16 more can be read,
// and the noise up to the next multiple of 16; what they hold does not matter.
struct alignas(16) TierBlock {
  const uint8_t* stream;
  const uint8_t* noise;  // plane 1: signs and mantissas (codec/transform/plane_kind.h); unused for symbols alone
  uint8_t* out;          // room for `elements`, of 1 or 2 bytes
  uint32_t stream_bytes;
  uint32_t elements;
  uint16_t shape;                   // TierShape's code
  uint16_t num_levels;              // of it
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
  kTierWrongCounts = 1,  // found by a kernel: digits escape more or less often than the index says
  kTierTruncated = 2,    // found by the host: the stream ends early
  kTierCorrupt = 4,      // found by the host: what FORMAT.md rejects
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

inline constexpr uint32_t kUnitIndexBytes = kUnitSymbols / 4;     // a byte for four symbols
inline constexpr uint32_t kUnitPositionBytes = kUnitSymbols / 4;  // 16 bits for eight

// How much of a group a kernel has room for. Groups of trained weights fit the narrow one, which leaves room for three
// times as many warps; the wide one takes anything.
struct TierCapacity {
  uint32_t units;    // of all levels below the first; at least kGroupUnits
  uint32_t symbols;  // of level 1
  uint32_t warps;    // of a thread block

  // A warp's shared memory: for each unit 16 bytes of indices, then for each unit 16 bytes that say how many escapes
  // stand before its eighths; the elements of a piece; symbols. In front of the symbols is what aligning each level's
  // begin may take, behind them what is read ahead.
  constexpr uint32_t positions_at() const { return units * kUnitIndexBytes; }
  constexpr uint32_t elements_at() const { return units * (kUnitIndexBytes + kUnitPositionBytes); }
  constexpr uint32_t symbols_at() const { return elements_at() + 2 * kPieceSymbols; }
  constexpr uint32_t symbols_end() const { return symbols_at() + kPieceSymbols * kTierMaxLevels + symbols; }
  constexpr uint32_t warp_bytes() const { return symbols_end() + kPieceSymbols; }
  constexpr uint32_t shared_bytes() const { return kSelectorBytes + warps * warp_bytes(); }
};
inline constexpr TierCapacity kTierNarrow{.units = 64, .symbols = 2048, .warps = 8};
inline constexpr TierCapacity kTierWide{
    .units = (kTierMaxLevels - 1) * kGroupUnits, .symbols = kTierGroupSymbols, .warps = 4};

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_TIER_TASK_H_
