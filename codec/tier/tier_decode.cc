#include <algorithm>
#include <bit>
#include <iterator>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "codec/tier/tier.h"
#include "codec/tier/tier_checks.h"
#include "codec/tier/tier_prefetch.h"
#include "codec/tier/tier_select.h"

namespace plait {
namespace {

// One part of a group: n digits of a width.
struct Part {
  const uint8_t* digits = nullptr;
  size_t n = 0;
  unsigned bits = 1;

  size_t bytes() const { return TierDigitBytes(n, bits); }
  // Without a branch, which would be taken at random. Looks at the byte before the digits if there are none.
  bool padding_is_zero() const {
    const auto unused_bits = static_cast<uint8_t>(0xff00u >> (-n % 8));
    const uint8_t* const end = digits + bytes();
    const uint8_t* const low_end = end - (bits == 2 ? TierBitPlaneBytes(n % kTierUnitSymbols) : 0);
    return ((low_end[-1] | end[-1]) & unused_bits) == 0;
  }
};

absl::Status PaddingError(size_t level) {
  return absl::DataLossError(absl::StrCat("padding of tier level ", level + 1, ": found ones, expected zeros"));
}

// The parts of one group.
struct Group {
  Part levels[kTierMaxLevels];
  const uint8_t* raw = nullptr;  // symbols, kTierEscapeSlack readable bytes behind them
};

// Digits and packets are read in pieces, each from page to page of their own, which hardware prefetchers do not follow.
template <size_t kBytes>
[[gnu::always_inline]] inline void PrefetchBytes(const uint8_t* from) {
  for (size_t i = 0; i < kBytes; i += kCacheLineBytes) __builtin_prefetch(from + i, 0, kToFirstCache);
}
constexpr size_t kMostDigitBytes = TierDigitBytes(kTierGroupSymbols, 2);
constexpr size_t kUsualPacketBytes = 512;  // of trained weights; nothing depends on it but speed

// Reads a stream group after group, on the way to places where kernels need no checks.
class GroupReader {
 public:
  // Requires: the stream's header has been checked, level-1 digits of all symbols are there.
  GroupReader(std::span<const uint8_t> stream, size_t level1_bytes, TierScratch& scratch)
      : kernels_(ActiveTierKernels()),
        shape_(stream[0]),
        level1_digits_(stream.data() + kTierHeaderBytes),
        packets_(stream.subspan(kTierHeaderBytes + level1_bytes)),
        scratch_(scratch) {
    PrefetchBytes<2 * kUsualPacketBytes>(packets_.data());
  }

  // Finds and checks every part of the next group, of n symbols: from here on its kernels cannot fail.
  absl::Status Next(size_t n, Group& group) {
    auto& escapes = scratch_.escapes.emplace_back();
    for (size_t k = 0; k < shape_.num_levels(); ++k) {
      Part& part = group.levels[k];
      part = {level1_digits_, n, shape_.digit_bits(k)};
      if (k != 0) PLAIT_RETURN_IF_ERROR(Take(part.bytes(), &part.digits));
      if (!part.padding_is_zero()) return PaddingError(k);
      n = kernels_.count_escapes[part.bits - 1](part.digits, n);
      escapes[k] = static_cast<uint16_t>(n);
    }
    level1_digits_ += group.levels[0].bytes();
    PLAIT_RETURN_IF_ERROR(Take(n, &group.raw));
    if (packets_.size() < kTierEscapeSlack) {
      std::vector<uint8_t>& copy = scratch_.raw[next_raw_++ % scratch_.raw.size()];
      copy.resize(kTierGroupSymbols + kTierEscapeSlack);
      std::copy_n(group.raw, n, copy.data());
      group.raw = copy.data();
    }
    PrefetchBytes<kMostDigitBytes>(level1_digits_ + kMostDigitBytes);
    PrefetchBytes<2 * kUsualPacketBytes>(packets_.data() + kUsualPacketBytes);
    return absl::OkStatus();
  }

  absl::Status Finish() const {
    if (packets_.empty()) return absl::OkStatus();
    return absl::DataLossError(FoundExpected("tier stream bytes after the last group", packets_.size(), 0));
  }

 private:
  // Takes `bytes` from the front of the packets, or says that the stream ends early.
  absl::Status Take(size_t bytes, const uint8_t** taken) {
    if (bytes > packets_.size()) {
      return absl::OutOfRangeError(FoundExpected("tier packet bytes left", packets_.size(), bytes));
    }
    *taken = packets_.data();
    packets_ = packets_.subspan(bytes);
    return absl::OkStatus();
  }

  const TierKernels& kernels_;
  TierShape shape_;
  const uint8_t* level1_digits_;
  std::span<const uint8_t> packets_;
  TierScratch& scratch_;
  size_t next_raw_ = 0;
};

// Decodes n symbols: all levels but the first by itself, the first by level1(begin, level-1 part, escapes) for every
// group.
//
// Levels run as a pipeline: in the same step, the deepest one of group g, the one above it of group g - 1, and so on up
// to level 1, which comes last. Its streaming stores leave the store queue slowly, and what is written behind them
// cannot be read back before, but for exact repeats of a store. So between a level and what it reads there are the
// streaming stores of one group, more than the queue holds, and none of those before has to be waited for.
template <class Level1>
absl::Status DecodeGroups(std::span<const uint8_t> stream, size_t n, TierScratch& scratch, const Level1& level1) {
  PLAIT_RETURN_IF_ERROR(CheckTierStart(stream, n));
  const TierKernels& kernels = ActiveTierKernels();
  const TierShape shape(stream[0]);
  const size_t depth = shape.num_levels() - 1;
  const size_t num_groups = CeilDiv(n, kTierGroupSymbols);
  scratch.escapes.clear();
  scratch.escapes.reserve(num_groups);
  GroupReader reader(stream, TierDigitBytes(n, shape.digit_bits(0)), scratch);
  Group groups[std::bit_ceil(kTierMaxLevels + 1)];
  const auto group_of = [&](size_t g) -> Group& { return groups[g % std::size(groups)]; };
  // Step s: level 1 + k of group s - depth - 1 + k, level 1 of group s - depth - 1, parts of group s.
  for (size_t step = 0; step <= num_groups + depth; ++step) {
    for (size_t k = 1; k <= depth; ++k) {
      const size_t g = step - depth - 1 + k;
      if (step + k <= depth || g >= num_groups) continue;
      const Part& part = group_of(g).levels[k];
      const uint8_t* deeper = k == depth ? group_of(g).raw : scratch.symbols[k + 1][g % 2].data();
      kernels.decode_level[part.bits - 1](part.digits, part.n, stream.data() + 1 + shape.table_begin(k), deeper,
                                          scratch.symbols[k][g % 2].data());
    }
    if (const size_t g = step - depth - 1; step > depth) {
      const uint8_t* escapes = depth == 0 ? group_of(g).raw : scratch.symbols[1][g % 2].data();
      level1(g * kTierGroupSymbols, group_of(g).levels[0], escapes);
    }
    if (step < num_groups) {
      const size_t count = std::min(kTierGroupSymbols, n - step * kTierGroupSymbols);
      PLAIT_RETURN_IF_ERROR(reader.Next(count, group_of(step)));
    }
  }
  return reader.Finish();
}

}  // namespace

absl::Status TierDecode(std::span<const uint8_t> stream, TierScratch& scratch, std::span<uint8_t> symbols) {
  const TierKernels& kernels = ActiveTierKernels();
  return DecodeGroups(stream, symbols.size(), scratch, [&](size_t begin, const Part& part, const uint8_t* escapes) {
    kernels.decode_level[part.bits - 1](part.digits, part.n, stream.data() + 1, escapes, symbols.data() + begin);
  });
}

absl::Status TierDecodeAndJoin(std::span<const uint8_t> stream, TierScratch& scratch, PlaneKind kind,
                               const ConstPlaneSpans& planes, std::span<uint8_t> raw, const DecodeHints& hints) {
  const TierKernels& kernels = ActiveTierKernels();
  const auto& joins = kernels.join_level[CanStream(hints.store, raw)];
  const size_t element_bytes = GetPlaneLayout(kind).element_bytes;
  const size_t n = raw.size() / element_bytes;
  const size_t num_units = std::max<size_t>(CeilDiv(n, kTierUnitSymbols), 1);
  const size_t stride = std::min(CeilDiv(hints.next.size(), num_units), kTierUnitSymbols * element_bytes);
  const uint8_t* const next = hints.next.empty() ? stream.data() : hints.next.data();
  const auto decode_and_join = [&](size_t begin, const Part& part, const uint8_t* escapes) {
    const auto elements = raw.subspan(begin * element_bytes, part.n * element_bytes);
    PlanePointers group_planes = NoisePointers(kind, planes, begin);
    if (const TierJoinLoop join = joins[part.bits - 1][static_cast<size_t>(kind)]; join != nullptr) {
      const Ahead ahead = {.from = next + begin / kTierUnitSymbols * stride, .stride = stride};
      join(part.digits, part.n, stream.data() + 1, escapes, group_planes.data(), elements.data(), ahead);
    } else {
      alignas(64) uint8_t symbols[kTierGroupSymbols];
      kernels.decode_level[part.bits - 1](part.digits, part.n, stream.data() + 1, escapes, symbols);
      group_planes[0] = symbols;
      JoinPlanes(kind, group_planes, elements, hints.store);
    }
  };
  return DecodeGroups(stream, n, scratch, decode_and_join);
}

}  // namespace plait
