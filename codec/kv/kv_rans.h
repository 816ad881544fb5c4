// Interleaved rANS with static tables chosen by the channel's class and by the symbol of the row before.
//
// Lanes of 32-bit states, one stream of 16-bit units in lane order (Fabian Giesen, "Interleaved entropy coders",
// arXiv:1402.3392). A lane takes one channel of a strip of as many channels as there are lanes, row after row, so that
// the context is what the lane has just decoded.
//
//   decoding   slot = x mod 2^10, which is number `offset` of a symbol's slots (kv_tables.h)
//              x = frequency * (x >> 10) + offset; if x < 2^15: x = x << 16 | the next unit
//   encoding   if x >= frequency << 21: the unit x mod 2^16 goes in front, x >>= 16
//              x = (x / frequency << 10) + slot number x mod frequency of the symbol
//
// Order: for each plane, for each strip of W positions, for each row, lanes in ascending order; lanes without a channel
// in the last strip take no part. The states go on from plane to plane.
//   stream   states, 4 bytes a lane | units, 2 bytes each, to the end
// The encoder starts every lane at kKvLowState; the decoder must end there, with no units left.
#ifndef PLAIT_CODEC_KV_KV_RANS_H_
#define PLAIT_CODEC_KV_KV_RANS_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_layout.h"
#include "codec/kv/kv_tables.h"

namespace plait {

// Symbols of a plane, rows one behind the other, positions in coded order. `class_of` has one for each position.
template <class Byte>
struct KvSymbolPlane {
  std::span<Byte> symbols;            // rows x channels
  std::span<const uint8_t> class_of;  // channels
  size_t channels() const { return class_of.size(); }
  size_t rows() const { return class_of.empty() ? 0 : symbols.size() / class_of.size(); }
};

// Appends the stream of `planes`. Symbols whose frequency is 0 must have been turned into kKvEscape before
// (KvEscapeUnknown). The bytes do not depend on the CPU variant.
// Requires: classes < the tables' number of classes; lanes_log2 in range.
void KvRansEncode(const KvEncodeTables& tables, unsigned lanes_log2,
                  std::span<const KvSymbolPlane<const uint8_t>> planes, std::vector<uint8_t>* stream);

// Turns symbols that their table (which depends on the symbol before) does not know into kKvEscape, in place.
void KvEscapeUnknown(const KvEncodeTables& tables, const KvSymbolPlane<uint8_t>& plane);

// Decodes `planes`, which say how many rows and channels there are, from `stream`, which must hold one stream and
// nothing else. Reads nothing outside it, whatever it holds.
// Returns: kOutOfRange if the stream ends early; kDataLoss if a state, the end or the length is wrong. On failure the
// symbols are unspecified.
absl::Status KvRansDecode(const KvDecodeTables& tables, unsigned lanes_log2, std::span<const uint8_t> stream,
                          std::span<const KvSymbolPlane<uint8_t>> planes);

// --- the first refinement: binary decisions with five contexts a class ---

// What the coder is told of an element, in coded order: bits 0..2 say what its base index is, bit 7 its sign where the
// index is not zero (1: negative).
enum KvBitState : uint8_t {
  kKvBitZero = 0,  // index 0: the decision is the sign
  kKvBitOne = 1,   // |index| 1, 2, 3 and more: the decision is whether |x| >= |index| * step
  kKvBitTwo = 2,
  kKvBitMore = 3,
  kKvBitNone = 7,  // nothing to decide: no symbol is coded
  kKvBitNegative = 0x80,
};

// Whether an element is negative: as its index says, or where that is zero, as the decision does.
constexpr bool KvBitIsNegative(uint8_t bit_state, uint8_t decision) {
  return (bit_state & kKvBitNone) == kKvBitZero ? decision != 0 : (bit_state & kKvBitNegative) != 0;
}

// Of every class: the share of decisions 0 in each context, in 1/1024ths, 1 to 1023. Context 0: zero, and the element
// of the row before is positive (or there is none); 1: zero, it is negative; 2, 3, 4: index 1, 2, 3 and more.
using KvBitTables = std::vector<std::array<uint16_t, kKvBitContexts>>;

// The decisions of a plane, or room for them: 0 or 1 an element, 0 where there is nothing to decide.
template <class Byte>
struct KvBitPlane {
  std::span<const uint8_t> states;    // KvBitState, rows x channels
  std::span<Byte> bits;               // rows x channels
  std::span<const uint8_t> class_of;  // channels
  size_t channels() const { return class_of.size(); }
  size_t rows() const { return class_of.empty() ? 0 : bits.size() / class_of.size(); }
};

// The same order, states and stream as above; elements with kKvBitNone take no part.
void KvBitsEncode(const KvBitTables& tables, unsigned lanes_log2, std::span<const KvBitPlane<const uint8_t>> planes,
                  std::vector<uint8_t>* stream);
// Returns: as KvRansDecode.
absl::Status KvBitsDecode(const KvBitTables& tables, unsigned lanes_log2, std::span<const uint8_t> stream,
                          std::span<const KvBitPlane<uint8_t>> planes);

// --- between the order of the file and the coded order ---

// to[r][p] = from[r][order[p]] for every row: into coded order. And back: to[r][order[p]] = from[r][p].
// Requires: `order` is a permutation of the channels; spans are rows x channels.
void KvToCodedOrder(std::span<const uint16_t> order, std::span<const uint8_t> from, std::span<uint8_t> to);
void KvFromCodedOrder(std::span<const uint16_t> order, std::span<const uint8_t> from, std::span<uint8_t> to);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_RANS_H_
