// Between the elements of a KV plane, or their base indices, and the symbols of kv_rans.h. All functions take rows x
// channels elements in the order of the file; 8-bit elements are widened to 16.
#ifndef PLAIT_CODEC_KV_KV_SYMBOLS_H_
#define PLAIT_CODEC_KV_KV_SYMBOLS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_element.h"
#include "codec/kv/kv_layout.h"

namespace plait {

// --- the lossless-only form: sign and exponent together, mantissas raw ---

// With k = offset[c] - e, symbol 2 k + s where 0 <= k <= kKvMaxHead, else kKvEscape. `offset` is of each channel.
void KvHeadSymbols(KvElement element, std::span<const int16_t> offset, std::span<const uint16_t> x,
                   std::span<uint8_t> symbols);
// Appends s << E | e of every element whose symbol is kKvEscape, 2 bytes each.
void KvHeadEscapes(KvElement element, std::span<const uint8_t> symbols, std::span<const uint16_t> x,
                   std::vector<uint8_t>* escapes);
// Appends the M bits of every mantissa, packed element by element, least significant bit first; every row begins with a
// byte, and its last byte is filled with zeros.
void KvMantissas(KvElement element, size_t channels, std::span<const uint16_t> x, std::vector<uint8_t>* out);
// Elements of symbols, escapes and mantissas.
// Returns: kOutOfRange if escapes or mantissas are too short; kDataLoss if they are too long, an escape or a filling
// has bits that it should not have, or a symbol stands for no exponent. On failure x is unspecified.
absl::Status KvJoinHeads(KvElement element, std::span<const int16_t> offset, std::span<const uint8_t> symbols,
                         std::span<const uint8_t> escapes, std::span<const uint8_t> mantissas, std::span<uint16_t> x);

// --- base indices ---

// How a channel's base indices become symbols: u = (i - center) >> shift (towards minus infinity), symbol
// u + kKvSymbolZero where that is 0 .. 30, else kKvEscape. The low `shift` bits of i - center stand raw.
struct KvIndexChannel {
  int16_t center = 0;
  uint8_t shift = 0;  // at most kKvMaxShift
};
void KvIndexSymbols(std::span<const KvIndexChannel> channels, std::span<const int16_t> indices,
                    std::span<uint8_t> symbols);
// Appends the index of every element whose symbol is kKvEscape, 2 bytes each.
void KvIndexEscapes(std::span<const uint8_t> symbols, std::span<const int16_t> indices, std::vector<uint8_t>* escapes);
// Appends the low bits of every element that has some and is not escaped, least significant bit of each byte first, the
// last byte filled with zeros. For every group of kKvGroup neighbouring channels of a row (the last group of a row may
// be shorter): for b = kKvMaxShift - 1 .. 0, bit b of each that has it (shift > b), in the order of channels.
void KvIndexLowBits(std::span<const KvIndexChannel> channels, std::span<const uint8_t> symbols,
                    std::span<const int16_t> indices, std::vector<uint8_t>* out);
// Returns: kOutOfRange if escapes or low bits are too short; kDataLoss if they are too long, the filling has bits, a
// symbol is above kKvEscape, or an index is not in -32767 .. 32767. On failure the indices are unspecified.
absl::Status KvJoinIndices(std::span<const KvIndexChannel> channels, std::span<const uint8_t> symbols,
                           std::span<const uint8_t> escapes, std::span<const uint8_t> low_bits,
                           std::span<int16_t> indices);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_SYMBOLS_H_
