#include "codec/huffman/huffman_kernel.h"

#include <bit>

#include "codec/base/endian.h"

namespace plait {
namespace {

constexpr unsigned kWordBits = 32;
static_assert(kHuffmanMaxCodeBits <= kWordBits);
static_assert(kHuffmanThreadBits == 2 * kWordBits);

void StoreWord(uint64_t word, uint8_t* bytes) { StoreLe(__builtin_bswap32(static_cast<uint32_t>(word)), bytes); }

// What stands at a bit of `codes`, in the top kWindowBits bits and below.
constexpr size_t kWindowBits = 57;
static_assert(kWindowBits >= kHuffmanMaxCodeBits);
uint64_t WindowAt(const uint8_t* codes, size_t bit) {
  return __builtin_bswap64(LoadLe<uint64_t>(codes + bit / 8)) << bit % 8;
}

// length << 8 | symbol; the length is 0 if the bits are no symbol's code.
unsigned LookUp(const HuffmanDecodeTable& table, uint64_t window) {
  uint8_t entry = table.rows[0][window >> 56];
  for (unsigned depth = 1; depth < kHuffmanMaxDepth && IsHuffmanPointer(entry); ++depth) {
    window <<= kHuffmanLookupBits;
    entry = table.rows[HuffmanRowOf(entry)][window >> 56];
  }
  return table.length[entry] << 8 | entry;
}

}  // namespace

size_t EncodeHuffmanSymbols(const HuffmanEncodeTable& table, const uint8_t* symbols, size_t n, uint64_t begin_bit,
                            const HuffmanEncodeTarget& target) {
  // pending: the low `pending_bits` bits are codes that are not written yet, fewer than 32 of them between two symbols;
  // those above have been written.
  uint64_t pending = 0;
  unsigned pending_bits = begin_bit % kWordBits;
  bool is_second_word = begin_bit / kWordBits % 2 != 0;  // of a thread's two
  uint8_t* words = target.words;
  size_t num_gaps = 0;
  for (size_t i = 0; i < n; ++i) {
    const unsigned length = table.length[symbols[i]];
    pending = pending << length | table.bits[symbols[i]];
    pending_bits += length;
    if (pending_bits < kWordBits) continue;
    pending_bits -= kWordBits;
    StoreWord(pending >> pending_bits, words);
    words += kWordBits / 8;
    if (is_second_word) {
      target.gaps[num_gaps] = static_cast<uint8_t>(pending_bits);
      target.symbols_before[num_gaps] = static_cast<uint32_t>(i + 1);
      ++num_gaps;
    }
    is_second_word = !is_second_word;
  }
  StoreWord(pending_bits == 0 ? 0 : pending << (kWordBits - pending_bits), words);
  return num_gaps;
}

size_t DecodeHuffmanBlock(const HuffmanDecodeTable& table, const uint8_t* codes, size_t most,
                          HuffmanBlockCursor* cursor, uint8_t* symbols, uint8_t* next_gaps) {
  size_t bit = cursor->bit;
  size_t done = cursor->symbols;
  size_t thread = 0;
  for (bool is_stuck = false; thread < kHuffmanBlockThreads; ++thread) {
    const size_t end = (thread + 1) * kHuffmanThreadBits;
    while (bit < end && done < most && !is_stuck) {
      // Codes are short: several are in one window.
      uint64_t window = WindowAt(codes, bit);
      const size_t last_in_window = bit + kWindowBits - kHuffmanMaxCodeBits;
      do {
        unsigned found = table.root[window >> 56];
        if (found == 0) found = LookUp(table, window);
        const unsigned length = found >> 8;
        is_stuck = length == 0;
        if (is_stuck) break;
        symbols[done++] = static_cast<uint8_t>(found);
        bit += length;
        window <<= length;
      } while (bit < end && done < most && bit <= last_in_window);
    }
    if (bit < end) break;
    next_gaps[thread] = static_cast<uint8_t>(bit - end);
  }
  cursor->bit = bit;
  cursor->symbols = done;
  return thread;
}

}  // namespace plait
