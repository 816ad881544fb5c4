#include "codec/huffman/huffman_code.h"

#include <algorithm>
#include <optional>
#include <queue>
#include <utility>

#include "codec/base/status.h"

namespace plait {
namespace {

// The end symbol stands before all others where counts are equal.
constexpr int kEnd = -1;
constexpr int kNone = -2;

// ---- The tree of dahuffman ----

// A node of the tree, in the order in which dahuffman's heap gives them out: by count, then by the first symbol of the
// list that a node is there.
struct Node {
  uint64_t count = 0;
  int first_symbol = kNone;
  int left = kNone;  // index of a node; kNone in a leaf
  int right = kNone;
};

class Tree {
 public:
  explicit Tree(const ByteHistogram& counts) {
    Add({.count = 1, .first_symbol = kEnd});
    for (int symbol = 0; symbol < 256; ++symbol) {
      if (counts[symbol] != 0) Add({.count = counts[symbol], .first_symbol = symbol});
    }
    while (heap_.size() > 1) {
      const int left = Take();
      const int right = Take();
      const Node& a = nodes_[left];
      Add({a.count + nodes_[right].count, a.first_symbol, left, right});
    }
  }

  // False if a code is longer than 32 bits.
  bool ToCode(HuffmanCode* code) const { return Walk(static_cast<int>(nodes_.size()) - 1, 0, 0, code); }

 private:
  struct Later {
    const std::vector<Node>* nodes;
    bool operator()(int a, int b) const {
      const auto key = [&](int i) { return std::pair((*nodes)[i].count, (*nodes)[i].first_symbol); };
      return key(a) > key(b);
    }
  };

  void Add(const Node& node) {
    nodes_.push_back(node);
    heap_.push(static_cast<int>(nodes_.size()) - 1);
  }

  int Take() {
    const int top = heap_.top();
    heap_.pop();
    return top;
  }

  // At most 33 deep.
  bool Walk(int index, uint32_t bits, unsigned length, HuffmanCode* code) const {
    if (length > kHuffmanMaxCodeBits) return false;
    const Node& node = nodes_[index];
    if (node.left != kNone) {
      return Walk(node.left, bits << 1, length + 1, code) && Walk(node.right, bits << 1 | 1, length + 1, code);
    }
    const bool is_end = node.first_symbol == kEnd;
    (is_end ? code->end_bits : code->bits[node.first_symbol]) = bits;
    (is_end ? code->end_length : code->length[node.first_symbol]) = static_cast<uint8_t>(length);
    return true;
  }

  std::vector<Node> nodes_;
  std::priority_queue<int, std::vector<int>, Later> heap_{Later{&nodes_}};
};

// ---- Codes of limited length ----

// Symbols that occur, the rarest first.
std::vector<int> SymbolsByCount(const ByteHistogram& counts) {
  std::vector<int> symbols;
  for (int symbol = 0; symbol < 256; ++symbol) {
    if (counts[symbol] != 0) symbols.push_back(symbol);
  }
  std::ranges::stable_sort(symbols, {}, [&](int symbol) { return counts[symbol]; });
  return symbols;
}

// A row of package-merge: what each symbol weighs, the rarest first, and pairs of the row before, in the order of their
// weights.
struct Row {
  std::vector<uint64_t> weights;
  std::vector<bool> is_symbol;  // and no pair
};

Row MergedRow(const std::vector<uint64_t>& symbols, const std::vector<uint64_t>& before) {
  Row row;
  size_t symbol = 0;
  for (size_t pair = 0; pair + 1 < before.size() || symbol < symbols.size();) {
    const bool has_pair = pair + 1 < before.size();
    const uint64_t pair_weight = has_pair ? before[pair] + before[pair + 1] : 0;
    const bool is_symbol = symbol < symbols.size() && (!has_pair || symbols[symbol] <= pair_weight);
    row.weights.push_back(is_symbol ? symbols[symbol++] : pair_weight);
    row.is_symbol.push_back(is_symbol);
    if (!is_symbol) pair += 2;
  }
  return row;
}

// Package-merge: the lengths of an optimal code with none above max_bits.
// Requires: 2 to 2^max_bits symbols occur.
std::array<uint8_t, 256> LimitedLengths(const ByteHistogram& counts, unsigned max_bits) {
  const std::vector<int> symbols = SymbolsByCount(counts);
  std::vector<uint64_t> symbol_weights(symbols.size());
  std::ranges::transform(symbols, symbol_weights.begin(), [&](int symbol) { return counts[symbol]; });
  std::vector<Row> rows = {MergedRow(symbol_weights, {})};
  while (rows.size() < max_bits) rows.push_back(MergedRow(symbol_weights, rows.back().weights));
  // The lightest 2 n - 2 of the last row, and of each row before it what their pairs are made of, say how often each
  // symbol is taken: that is its length. Of every row it is the rarest symbols.
  std::array<uint8_t, 256> lengths{};
  size_t taken = 2 * symbols.size() - 2;
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    const auto num_symbols =
        std::count(row->is_symbol.begin(), row->is_symbol.begin() + static_cast<ptrdiff_t>(taken), true);
    for (ptrdiff_t i = 0; i < num_symbols; ++i) ++lengths[symbols[i]];
    taken = 2 * (taken - static_cast<size_t>(num_symbols));
  }
  return lengths;
}

// Codes in the order of their lengths, ties to the smaller symbol, the first all zeros.
HuffmanCode CanonicalCode(const std::array<uint8_t, 256>& lengths) {
  HuffmanCode code{.length = lengths};
  uint64_t next = 0;
  for (unsigned length = 1; length <= kHuffmanMaxCodeBits; ++length) {
    next <<= 1;
    for (int symbol = 0; symbol < 256; ++symbol) {
      if (lengths[symbol] == length) code.bits[symbol] = static_cast<uint32_t>(next++);
    }
  }
  return code;
}

HuffmanCode LimitedCode(const ByteHistogram& counts, unsigned max_bits) {
  std::array<uint8_t, 256> lengths{};
  const std::vector<int> symbols = SymbolsByCount(counts);
  if (symbols.size() == 1) {
    lengths[symbols[0]] = 1;
  } else {
    lengths = LimitedLengths(counts, max_bits);
  }
  for (uint8_t& length : lengths) {
    if (length != 0) length = std::max<uint8_t>(length, kHuffmanMinCodeBits);
  }
  return CanonicalCode(lengths);
}

// ---- Lookup tables ----

// The first bits of codes that lead to a row: `bytes` of them.
struct Prefix {
  unsigned bytes = 0;
  uint32_t bits = 0;
  friend bool operator==(const Prefix&, const Prefix&) = default;
};

Prefix PrefixOf(uint32_t bits, unsigned length, unsigned bytes) {
  return {bytes, bytes == 0 ? 0 : static_cast<uint32_t>(bits >> (length - kHuffmanLookupBits * bytes))};
}

// Of all rows but that of the lengths, the shortest first, then in the order of the codes.
std::vector<Prefix> Prefixes(const HuffmanCode& code) {
  std::vector<Prefix> prefixes = {{}};
  for (int symbol = 0; symbol < 256; ++symbol) {
    for (unsigned bytes = 1; kHuffmanLookupBits * bytes < code.length[symbol]; ++bytes) {
      const Prefix prefix = PrefixOf(code.bits[symbol], code.length[symbol], bytes);
      if (std::ranges::find(prefixes, prefix) == prefixes.end()) prefixes.push_back(prefix);
    }
  }
  std::ranges::sort(prefixes, {}, [](const Prefix& prefix) { return std::pair(prefix.bytes, prefix.bits); });
  return prefixes;
}

// Writes the entries that codes define and, in between, the entry before, from row to row. False if a slot without a
// code would be a pointer of another row, which need not end anywhere, or nothing at all.
class RowFiller {
 public:
  RowFiller(const HuffmanCode& code, const std::vector<Prefix>& prefixes) : code_(code), prefixes_(prefixes) {}

  bool Fill(size_t row, uint8_t* entries) {
    std::array<int, kHuffmanRowBytes> defined;
    defined.fill(kNone);
    for (int symbol = 0; symbol < 256; ++symbol) Define(prefixes_[row], symbol, &defined);
    if (defined[0] == kNone && (last_ == kNone || last_ >= static_cast<int>(kHuffmanFirstPointer))) return false;
    for (size_t slot = 0; slot < kHuffmanRowBytes; ++slot) {
      if (defined[slot] != kNone) last_ = defined[slot];
      entries[slot] = static_cast<uint8_t>(last_);
    }
    return true;
  }

 private:
  void Define(const Prefix& prefix, int symbol, std::array<int, kHuffmanRowBytes>* defined) const {
    const unsigned length = code_.length[symbol];
    const uint32_t bits = code_.bits[symbol];
    const unsigned before = kHuffmanLookupBits * prefix.bytes;
    if (length <= before || PrefixOf(bits, length, prefix.bytes) != prefix) return;
    if (length > before + kHuffmanLookupBits) {
      const Prefix next = PrefixOf(bits, length, prefix.bytes + 1);
      const auto row = std::ranges::find(prefixes_, next) - prefixes_.begin();
      (*defined)[next.bits & 0xff] = HuffmanPointerTo(static_cast<size_t>(row));
      return;
    }
    (*defined)[bits << (before + kHuffmanLookupBits - length) & 0xff] = symbol;
  }

  const HuffmanCode& code_;
  const std::vector<Prefix>& prefixes_;
  int last_ = kNone;
};

// nullopt if DFloat11's kernel could not decode by them.
std::optional<std::vector<uint8_t>> MakeLuts(const HuffmanCode& code) {
  const std::vector<Prefix> prefixes = Prefixes(code);
  if (prefixes.size() > 1 + kHuffmanMaxSubTables) return std::nullopt;
  std::vector<uint8_t> luts((prefixes.size() + 1) * kHuffmanRowBytes);
  RowFiller filler(code, prefixes);
  for (size_t row = 0; row < prefixes.size(); ++row) {
    if (!filler.Fill(row, luts.data() + row * kHuffmanRowBytes)) return std::nullopt;
  }
  std::ranges::copy(code.length, luts.end() - kHuffmanRowBytes);
  return luts;
}

std::optional<HuffmanPlan> PlanOf(const HuffmanCode& code) {
  const auto is_too_short = [](uint8_t length) { return length != 0 && length < kHuffmanMinCodeBits; };
  if (std::ranges::any_of(code.length, is_too_short)) return std::nullopt;
  std::optional<std::vector<uint8_t>> luts = MakeLuts(code);
  if (!luts) return std::nullopt;
  return HuffmanPlan{code, *std::move(luts)};
}

}  // namespace

absl::StatusOr<HuffmanPlan> PlanHuffman(const ByteHistogram& counts) {
  const auto occurs = [](uint32_t count) { return count != 0; };
  if (std::ranges::none_of(counts, occurs)) {
    return absl::InvalidArgumentError("symbols: found none, expected at least one");
  }
  const auto first_pointer = counts.begin() + kHuffmanFirstPointer;
  const auto uncodable = std::find_if(first_pointer, counts.end(), occurs);
  if (uncodable != counts.end()) {
    return absl::UnimplementedError(
        FoundExpected("exponent", uncodable - counts.begin(), "below 240, as DFloat11 takes the others for pointers"));
  }
  HuffmanCode code;
  if (Tree(counts).ToCode(&code)) {
    if (auto plan = PlanOf(code)) return *std::move(plan);
  }
  // Shorter codes need fewer sub-tables; those of one lookup need none, so the last limit always serves.
  for (unsigned max_bits = kHuffmanMaxCodeBits; max_bits > kHuffmanLookupBits; --max_bits) {
    if (auto plan = PlanOf(LimitedCode(counts, max_bits))) return *std::move(plan);
  }
  return PlanOf(LimitedCode(counts, kHuffmanLookupBits)).value();
}

uint64_t HuffmanCodedBits(const HuffmanCode& code, const ByteHistogram& counts) {
  uint64_t bits = 0;
  for (size_t symbol = 0; symbol < counts.size(); ++symbol) bits += uint64_t{counts[symbol]} * code.length[symbol];
  return bits;
}

}  // namespace plait
