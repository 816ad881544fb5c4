// The loops of the KV coder over validated memory, one struct per SIMD variant; the scalar one is the definition.
//
// They code a *strip*: up to as many neighbouring positions as there are lanes, one for each, row after row. Units of a
// row are in the order of the lanes, so the unit of a lane is at the number of lanes before it that take one.
#ifndef PLAIT_CODEC_KV_KV_RANS_KERNEL_H_
#define PLAIT_CODEC_KV_KV_RANS_KERNEL_H_

#include <cstddef>
#include <cstdint>

#include "codec/kv/kv_layout.h"
#include "codec/kv/kv_tables.h"

namespace plait {

// Of every lane.
struct alignas(64) KvLanes {
  uint32_t state[kKvMaxLanes];
  uint32_t class_table[kKvMaxLanes];  // where the tables of its class begin: an index of entries
  uint32_t table[kKvMaxLanes];        // where that of its context begins
};

// Of every lane, for the decisions.
struct alignas(64) KvBitLanes {
  uint32_t state[kKvMaxLanes];
  uint32_t zeros[kKvBitContexts][kKvMaxLanes];  // the share of decisions 0, in slots
  uint32_t negative[kKvMaxLanes];               // 1 if the element of the row before is negative
};

// Bytes of the planes at a strip: row r of lane l is at [r * stride + l].
struct KvStrip {
  size_t lanes;  // 16, 32 or 64
  size_t count;  // of them have a position: the first ones, at least one
  size_t rows;
  size_t stride;
};

// Where decoding stands. A row moves it by at most `lanes` units and reads no further than that.
struct KvUnitCursor {
  const uint8_t* at;
  const uint8_t* stop;  // no row begins behind this
};

struct KvRansKernels {
  // Decodes rows of a strip while the cursor is at most at its stop. Returns their number.
  // Requires: states in [kKvLowState, 2^kKvStateBits); `entries` are those of KvDecodeTables, and the lanes' tables are
  // inside; kKvMaxLanes units can be read from stop on. Always succeeds.
  size_t (*decode)(const uint64_t* entries, const KvStrip& strip, KvLanes* lanes, KvUnitCursor* units,
                   uint8_t* symbols);

  // Decodes decisions alike. Requires: states and units as above; zeros are 1 to kKvSlots - 1. Always succeeds.
  size_t (*decode_bits)(const KvStrip& strip, KvBitLanes* lanes, KvUnitCursor* units, const uint8_t* bit_states,
                        uint8_t* bits);

  // Turns the symbols of n neighbouring positions of one class that their context does not know into kKvEscape.
  // Requires: symbols are below kKvSymbols. Always succeeds.
  void (*escape_unknown)(const KvEncodeTables::Known& known, size_t n, size_t rows, size_t stride, uint8_t* symbols);

  // What `encode` is to push, for rows x lanes: KvPushes, 0 for lanes without a position and for what has nothing to
  // decide.
  // Require: the lanes' tables are inside those of KvEncodeTables; zeros as above. Always succeed.
  void (*find)(const uint32_t* entries, const KvStrip& strip, KvLanes* lanes, const uint8_t* symbols, uint32_t* pushes);
  void (*find_bits)(const KvStrip& strip, KvBitLanes* lanes, const uint8_t* bit_states, const uint8_t* bits,
                    uint32_t* pushes);

  // Encodes rows x lanes of KvPushes, the last row first, and puts units in front of `units_end`. Returns the first
  // unit. `slots` is that of KvEncodeTables; null for decisions, whose slots are in order.
  // Requires: states as above; rows x lanes units and kKvUnitsSlack bytes can be written before units_end. Always
  // succeeds.
  uint8_t* (*encode)(const uint16_t* slots, const uint32_t* pushes, size_t rows, size_t lanes, uint32_t* states,
                     uint8_t* units_end);

  // to[r * channels + p] = from[r * channels + source[p]].
  // Requires: sources are below `channels`; no byte of `to` is one of `from`. Always succeeds.
  void (*permute)(const uint16_t* source, size_t channels, size_t rows, const uint8_t* from, uint8_t* to);
};

// One symbol for `encode`: bits 0..9 its frequency, 10..19 the frequencies of smaller symbols together, 20..29 the
// number of the table. 0: the lane takes no part.
struct KvPushes {
  static constexpr unsigned kFirstShift = 10, kTableShift = 20;
  static constexpr uint32_t Frequency(uint32_t push) { return push % kKvSlots; }
  static constexpr uint32_t Place(uint32_t push) { return push >> kFirstShift; }  // of the first slot, in all tables
};
static_assert(kKvMaxClasses * kKvMaxContexts <= 1u << (32 - KvPushes::kTableShift));

// What `encode` may write in front of the first unit.
inline constexpr size_t kKvUnitsSlack = 64;

extern const KvRansKernels kKvRansScalar;
#if defined(__x86_64__)
extern const KvRansKernels kKvRansAvx512;
#endif

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_RANS_KERNEL_H_
