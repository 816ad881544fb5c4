// Loops of kv_symbols.h over one row of validated memory, an array of kernels per SIMD variant, indexed by element
// type; the scalar ones are the definition. Arrays have n elements and are written exactly. Packed mantissas have
// KvMantissaBytes.
#ifndef PLAIT_CODEC_KV_KV_SYMBOLS_KERNEL_H_
#define PLAIT_CODEC_KV_KV_SYMBOLS_KERNEL_H_

#include <cstddef>
#include <cstdint>

#include "codec/base/bits.h"
#include "codec/kv/kv_bits.h"
#include "codec/kv/kv_element.h"
#include "codec/kv/kv_layout.h"

namespace plait {

// Of a row of n elements.
constexpr size_t KvMantissaBytes(KvElementInfo info, size_t n) { return CeilDiv(n * info.mantissa_bits, size_t{8}); }

// KvIndexChannel of a row, member by member.
struct KvIndexColumns {
  const int16_t* center;
  const uint16_t* shift;
  unsigned max_shift;  // of all, at most kKvMaxShift
};

struct KvSymbolKernels {
  // Always succeed.
  void (*head_symbols)(const int16_t* offset, const uint16_t* x, size_t n, uint8_t* symbols);
  void (*mantissas)(const uint16_t* x, size_t n, uint8_t* packed);
  // Returns: whether symbols, escapes and filling are as KvJoinHeads wants them.
  // Requires: *escapes has 2 bytes for each kKvEscape; it is moved behind them. Always succeeds.
  bool (*join_heads)(const int16_t* offset, const uint8_t* symbols, const uint8_t* packed, size_t n,
                     const uint8_t** escapes, uint16_t* x);

  // Always succeeds.
  void (*index_symbols)(const KvIndexColumns& columns, const int16_t* indices, size_t n, uint8_t* symbols);
  // Requires: room for n * kKvMaxShift bits. Always succeeds.
  void (*index_low_bits)(const KvIndexColumns& columns, const uint8_t* symbols, const int16_t* indices, size_t n,
                         KvBitSink& sink);
  // Takes zeros where the source ends. Returns: whether symbols and indices are as KvJoinIndices wants them.
  // Requires: *escapes has 2 bytes for each kKvEscape; it is moved behind them. Always succeeds.
  bool (*join_indices)(const KvIndexColumns& columns, const uint8_t* symbols, size_t n, KvBitSource& source,
                       const uint8_t** escapes, int16_t* indices);

  // How many symbols are kKvEscape. Always succeeds.
  size_t (*count_escapes)(const uint8_t* symbols, size_t n);
  // Appends what stands beside a kKvEscape, or of x the bits from M on. Returns: the end.
  // Requires: room for 2 n bytes. Always succeed.
  uint8_t* (*index_escapes)(const uint8_t* symbols, const int16_t* indices, size_t n, uint8_t* escapes);
  uint8_t* (*head_escapes)(const uint8_t* symbols, const uint16_t* x, size_t n, uint8_t* escapes);
};

extern const KvSymbolKernels kKvSymbolsScalar[kNumKvElements];
#if defined(__x86_64__)
extern const KvSymbolKernels kKvSymbolsAvx512[kNumKvElements];
#endif

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_SYMBOLS_KERNEL_H_
