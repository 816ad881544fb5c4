// Streams of bits, least significant bit of each byte first: the ends that the loops hold, and what owns them.
#ifndef PLAIT_CODEC_KV_KV_BITS_H_
#define PLAIT_CODEC_KV_KV_BITS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/base/endian.h"

namespace plait {

inline constexpr size_t kKvWordBits = 64;

// Where bits go. `pending_bits` < 64 of them, in the low end of `pending`, are not in memory yet.
struct KvBitSink {
  uint8_t* at = nullptr;
  uint64_t pending = 0;
  unsigned pending_bits = 0;

  // Requires: count <= 64, value < 2^count, 8 bytes of room at `at`.
  void Put(uint64_t value, unsigned count) {
    pending |= value << pending_bits;
    StoreLe(pending, at);
    const unsigned bits = pending_bits + count;
    // In two shifts: 64 - pending_bits may be 64.
    if (bits >= kKvWordBits) {
      pending = value >> 1 >> (kKvWordBits - 1 - pending_bits);
      at += sizeof(uint64_t);
    }
    pending_bits = bits % kKvWordBits;
  }
};

// A sink that appends to a vector.
class KvBitWriter {
 public:
  // `out` must outlive this and be left alone until Finish().
  explicit KvBitWriter(std::vector<uint8_t>* out) : out_(out), used_(out->size()) {}

  // A sink with room for `bits` more; the one before is not to be used any longer.
  KvBitSink& Reserve(size_t bits);
  // Fills the last byte with zeros.
  void Finish();

 private:
  std::vector<uint8_t>* out_;
  size_t used_;  // bytes in front of the sink's beginning
  KvBitSink sink_;
};

// Where bits come from. Behind the end there are zeros; whoever owns the source asks in the end whether it went there.
struct KvBitSource {
  std::span<const uint8_t> bytes;
  uint64_t position = 0;  // in bits

  // The next `count` <= 16 bits.
  unsigned Take(unsigned count) {
    unsigned value = 0;
    for (unsigned i = 0; i < count; ++i, ++position) {
      const size_t byte = position / 8;
      if (byte < bytes.size()) value |= (bytes[byte] >> (position % 8) & 1u) << i;
    }
    return value;
  }

  bool RanOut() const { return position > 8 * static_cast<uint64_t>(bytes.size()); }
};

// The next `kBits` bits of a source and some behind them, for loops that load words.
template <size_t kBits>
class KvBitWindow {
 public:
  explicit KvBitWindow(const KvBitSource& source) : shift_(source.position % 8) {
    const size_t begin = std::min<uint64_t>(source.position / 8, source.bytes.size());
    const size_t left = source.bytes.size() - begin;
    at_ = source.bytes.data() + begin;
    if (left >= kBytes) return;
    tail_.fill(0);
    std::copy_n(at_, left, tail_.begin());
    at_ = tail_.data();
  }
  KvBitWindow(const KvBitWindow&) = delete;
  KvBitWindow& operator=(const KvBitWindow&) = delete;

  // 64 bits from bit `offset` <= kBits of the window on.
  uint64_t Load(size_t offset) const {
    const size_t bit = offset + shift_;
    const uint8_t* word = at_ + bit / 8;
    const unsigned shift = bit % 8;
    return LoadLe<uint64_t>(word) >> shift | uint64_t{word[8]} << 1 << (kKvWordBits - 1 - shift);
  }

 private:
  static constexpr size_t kBytes = kBits / 8 + 1 + sizeof(uint64_t) + 1;  // the shift, and what the last load reads

  const uint8_t* at_;
  size_t shift_;
  std::array<uint8_t, kBytes> tail_;
};

// After the last bit was taken. kOutOfRange if there were not enough; kDataLoss if bytes are left over or the filling
// of the last one is not zero. `field` is for the message.
absl::Status FinishKvBits(const KvBitSource& source, std::string_view field);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_BITS_H_
