#include "codec/huffman/huffman_kernel.h"

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

// Where a block's decoding stands: the next code's bit, symbols decoded, threads gone through.
struct State {
  size_t bit;
  size_t done;
  size_t thread;

  size_t thread_end() const { return (thread + 1) * kHuffmanThreadBits; }
};

// Decodes two codes at a time, in all threads but the last, until the next bits are not two short codes or there is no
// room for two symbols more.
void DecodePairs(const HuffmanDecodeTable& table, const uint8_t* codes, size_t most, State* state, uint8_t* symbols,
                 uint8_t* next_gaps) {
  State at = *state;
  size_t thread_end = at.thread_end();
  bool is_pair = true;
  while (is_pair && at.thread + 1 < kHuffmanBlockThreads && at.done + 2 <= most) {
    uint64_t window = WindowAt(codes, at.bit);
    const size_t last_in_window = at.bit + kWindowBits - kHuffmanPairBits;
    do {
      const HuffmanPair pair = table.pairs[window >> (64 - kHuffmanPairBits)];
      is_pair = pair != 0;
      if (!is_pair) break;
      StoreLe(static_cast<uint16_t>(pair), symbols + at.done);
      at.done += 2;
      at.bit += TotalLength(pair);
      window <<= TotalLength(pair);
      if (at.bit < thread_end) continue;
      // Either code is the first one behind the end: the second if it starts there.
      const size_t behind = at.bit - thread_end;
      next_gaps[at.thread] = static_cast<uint8_t>(behind < SecondLength(pair) ? behind : behind - SecondLength(pair));
      ++at.thread;
      thread_end += kHuffmanThreadBits;
      if (at.thread + 1 == kHuffmanBlockThreads) break;
    } while (at.done + 2 <= most && at.bit <= last_in_window);
  }
  *state = at;
}
static_assert(2 * kHuffmanPairBits < kHuffmanThreadBits, "a pair ends at most one thread");

// Decodes one code. False if there is none left to decode, or none that can be.
bool DecodeOne(const HuffmanDecodeTable& table, const uint8_t* codes, size_t most, State* state, uint8_t* symbols,
               uint8_t* next_gaps) {
  if (state->thread == kHuffmanBlockThreads || state->done == most) return false;
  const uint64_t window = WindowAt(codes, state->bit);
  unsigned found = table.root[window >> 56];
  if (found == 0) found = LookUp(table, window);
  const unsigned length = found >> 8;
  if (length == 0) return false;
  symbols[state->done++] = static_cast<uint8_t>(found);
  state->bit += length;
  if (state->bit < state->thread_end()) return true;
  next_gaps[state->thread] = static_cast<uint8_t>(state->bit - state->thread_end());
  ++state->thread;
  return true;
}

// Whether the next `known` bits, the top ones of a byte, say which entry of the root row is meant, and it is a
// symbol's.
bool IsKnown(const HuffmanDecodeTable& table, unsigned byte, unsigned known) {
  const uint16_t found = table.root[byte];
  if (found == 0 || found >> 8 > known) return false;
  const unsigned others = known >= kHuffmanLookupBits ? 1 : 1u << (kHuffmanLookupBits - known);
  for (unsigned other = byte + 1; other < byte + others; ++other) {
    if (table.root[other] != found) return false;
  }
  return true;
}

// The pair that stands in the low kHuffmanPairBits of `bits`.
HuffmanPair PairAt(const HuffmanDecodeTable& table, unsigned bits) {
  constexpr unsigned kMask = (1u << kHuffmanPairBits) - 1;
  const uint16_t first = table.root[bits >> (kHuffmanPairBits - kHuffmanLookupBits)];
  const unsigned first_length = first >> 8;
  if (first == 0 || first_length >= kHuffmanPairBits) return 0;
  const unsigned byte = (bits << first_length & kMask) >> (kHuffmanPairBits - kHuffmanLookupBits);
  if (!IsKnown(table, byte, kHuffmanPairBits - first_length)) return 0;
  const uint16_t second = table.root[byte];
  return MakeHuffmanPair(static_cast<uint8_t>(first), static_cast<uint8_t>(second), second >> 8,
                         first_length + (second >> 8));
}

}  // namespace

void DeriveHuffmanLookups(HuffmanDecodeTable* table) {
  for (size_t slot = 0; slot < kHuffmanRowBytes; ++slot) {
    const uint8_t entry = table->rows[0][slot];
    const unsigned length = table->length[entry];
    table->root[slot] = length == 0 ? 0 : static_cast<uint16_t>(length << 8 | entry);
  }
  for (unsigned bits = 0; bits < table->pairs.size(); ++bits) table->pairs[bits] = PairAt(*table, bits);
}

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
  State state = {.bit = cursor->bit, .done = cursor->symbols, .thread = 0};
  bool is_over = false;
  while (!is_over) {
    DecodePairs(table, codes, most, &state, symbols, next_gaps);
    is_over = !DecodeOne(table, codes, most, &state, symbols, next_gaps);
  }
  cursor->bit = state.bit;
  cursor->symbols = state.done;
  return state.thread;
}

}  // namespace plait
