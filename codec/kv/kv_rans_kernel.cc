#include "codec/kv/kv_rans_kernel.h"

#include "codec/base/endian.h"
#include "codec/kv/kv_rans.h"
#include "codec/kv/kv_tables.h"

namespace plait {
namespace {

constexpr size_t kUnitBytes = kKvUnitBits / 8;

// The state behind a symbol. Whether it takes a unit is a coin toss: no branch.
uint32_t Advance(uint32_t state, uint32_t frequency, uint32_t offset, const uint8_t*& units) {
  const uint32_t next = frequency * (state >> kKvSlotBits) + offset;
  const uint32_t takes = next < kKvLowState;
  const uint32_t unit = LoadLe<uint16_t>(units) & (0 - takes);
  units += takes * kUnitBytes;
  return next << takes * kKvUnitBits | unit;
}

size_t Decode(const uint64_t* entries, const KvStrip& strip, KvLanes* lanes, KvUnitCursor* units, uint8_t* symbols) {
  using Tables = KvDecodeTables;
  const uint8_t* at = units->at;
  size_t row = 0;
  for (; row < strip.rows && at <= units->stop; ++row) {
    uint8_t* const to = symbols + row * strip.stride;
    for (size_t lane = 0; lane < strip.count; ++lane) {
      const uint32_t state = lanes->state[lane];
      const uint64_t entry = entries[lanes->table[lane] + state % kKvSlots / kKvBucketSlots];
      const uint32_t in_bucket = state % kKvBucketSlots;
      const uint32_t others_slots = Tables::Offset(static_cast<uint32_t>(entry));
      const uint32_t other = in_bucket < others_slots;  // chance again
      const auto half = static_cast<uint32_t>(entry >> other * 32);
      const uint32_t offset = in_bucket + (Tables::Offset(half) & (0 - other)) - (others_slots & (other - 1));
      lanes->state[lane] = Advance(state, Tables::Frequency(half), offset, at);
      lanes->table[lane] = lanes->class_table[lane] + Tables::NextContext(half) * kKvSymbols;
      to[lane] = Tables::Symbol(half);
    }
  }
  units->at = at;
  return row;
}

// The context of a decision (KvBitTables).
size_t BitContext(uint8_t bit_state, uint32_t negative_before) {
  const unsigned kind = bit_state & kKvBitNone;
  return kind == kKvBitZero ? negative_before : kind + 1;
}

size_t DecodeBits(const KvStrip& strip, KvBitLanes* lanes, KvUnitCursor* units, const uint8_t* bit_states,
                  uint8_t* bits) {
  const uint8_t* at = units->at;
  size_t row = 0;
  for (; row < strip.rows && at <= units->stop; ++row) {
    for (size_t lane = 0; lane < strip.count; ++lane) {
      const size_t i = row * strip.stride + lane;
      uint32_t bit = 0;
      if ((bit_states[i] & kKvBitNone) <= kKvBitMore) {
        const uint32_t zeros = lanes->zeros[BitContext(bit_states[i], lanes->negative[lane])][lane];
        const uint32_t slot = lanes->state[lane] % kKvSlots;
        bit = slot >= zeros;
        const uint32_t all_if_one = 0 - bit;
        const uint32_t frequency = (zeros ^ all_if_one) + bit + (kKvSlots & all_if_one);  // zeros or kKvSlots - zeros
        lanes->state[lane] = Advance(lanes->state[lane], frequency, slot - (zeros & all_if_one), at);
      }
      lanes->negative[lane] = KvBitIsNegative(bit_states[i], static_cast<uint8_t>(bit));
      bits[i] = static_cast<uint8_t>(bit);
    }
  }
  units->at = at;
  return row;
}

void EscapeUnknown(const KvEncodeTables::Known& known, size_t n, size_t rows, size_t stride, uint8_t* symbols) {
  for (size_t i = 0; i < n; ++i) {
    unsigned context = 1;  // its bit
    for (size_t row = 0; row < rows; ++row) {
      uint8_t& symbol = symbols[row * stride + i];
      if ((known.in_contexts[symbol] & context) == 0) symbol = kKvEscape;
      context = known.as_context[symbol];
    }
  }
}

void Find(const uint32_t* entries, const KvStrip& strip, KvLanes* lanes, const uint8_t* symbols, uint32_t* pushes) {
  for (size_t row = 0; row < strip.rows; ++row, pushes += strip.lanes) {
    for (size_t lane = 0; lane < strip.lanes; ++lane) {
      pushes[lane] = 0;
      if (lane >= strip.count) continue;
      const uint32_t entry = entries[lanes->table[lane] + symbols[row * strip.stride + lane]];
      const uint32_t table = lanes->table[lane] / kKvSymbols;
      pushes[lane] = (entry & ((1u << KvPushes::kTableShift) - 1)) | table << KvPushes::kTableShift;
      lanes->table[lane] = lanes->class_table[lane] + KvEncodeTables::NextContext(entry) * kKvSymbols;
    }
  }
}

void FindBits(const KvStrip& strip, KvBitLanes* lanes, const uint8_t* bit_states, const uint8_t* bits,
              uint32_t* pushes) {
  for (size_t row = 0; row < strip.rows; ++row, pushes += strip.lanes) {
    for (size_t lane = 0; lane < strip.lanes; ++lane) {
      pushes[lane] = 0;
      if (lane >= strip.count) continue;
      const size_t i = row * strip.stride + lane;
      if ((bit_states[i] & kKvBitNone) <= kKvBitMore) {
        const uint32_t zeros = lanes->zeros[BitContext(bit_states[i], lanes->negative[lane])][lane];
        pushes[lane] = bits[i] != 0 ? (kKvSlots - zeros) | zeros << KvPushes::kFirstShift : zeros;
      }
      lanes->negative[lane] = KvBitIsNegative(bit_states[i], bits[i]);
    }
  }
}

uint8_t* Encode(const uint16_t* slots, const uint32_t* pushes, size_t rows, size_t lanes, uint32_t* states,
                uint8_t* units_end) {
  uint8_t* units = units_end;
  for (size_t i = rows * lanes; i-- > 0;) {
    if (pushes[i] == 0) continue;
    const uint32_t frequency = KvPushes::Frequency(pushes[i]);
    uint32_t state = states[i % lanes];
    // One that stays is overwritten by the next.
    const uint32_t gives = state >> (kKvStateBits - kKvSlotBits) >= frequency;
    StoreLe(static_cast<uint16_t>(state), units - kUnitBytes);
    units -= gives * kUnitBytes;
    state >>= gives * kKvUnitBits;
    const uint32_t place = KvPushes::Place(pushes[i]) + state % frequency;
    states[i % lanes] = (state / frequency << kKvSlotBits) + (slots != nullptr ? slots[place] : place);
  }
  return units;
}

void Permute(const uint16_t* source, size_t channels, size_t rows, const uint8_t* from, uint8_t* to) {
  for (size_t row = 0; row < rows; ++row, from += channels, to += channels) {
    for (size_t p = 0; p < channels; ++p) to[p] = from[source[p]];
  }
}

}  // namespace

const KvRansKernels kKvRansScalar = {Decode, DecodeBits, EscapeUnknown, Find, FindBits, Encode, Permute};

}  // namespace plait
