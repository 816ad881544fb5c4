// A binary arithmetic coder: each bit takes about -log2 of the probability that it was given. Source: the
// carry-propagating range coder of G. N. N. Martin (1979), with a window of 64 bits, so that probabilities of 16 bits
// lose nothing.
//
// Between calls: the code of all that was coded so far is a number in [low, low + range), and range >= 2^32. Encoder
// and decoder hold the same range; the decoder holds the difference between the number it reads and low.
#ifndef PLAIT_CODEC_RANGE_RANGE_CODER_H_
#define PLAIT_CODEC_RANGE_RANGE_CODER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"

namespace plait {

constexpr uint32_t kRangeProbabilityLog2 = 16;
constexpr size_t kRangeWordBytes = 4;  // what is read or written at a time, big-endian
constexpr uint64_t kRangeFirstRange = ~uint64_t{0};
constexpr uint64_t kRangeLeast = uint64_t{1} << 32;

// Appends to a vector. Call Finish() once, at the end.
class RangeEncoder {
 public:
  explicit RangeEncoder(std::vector<uint8_t>* coded) : coded_(*coded), begin_(coded->size()) {}

  // `one`: the probability that the bit is set, 1 to 2^16 - 1. Returns `bit`.
  bool Bit(bool bit, uint32_t one) {
    const uint64_t split = (range_ >> kRangeProbabilityLog2) * one;
    if (bit) {
      range_ = split;
    } else {
      Raise(split);
      range_ -= split;
    }
    Renormalise();
    return bit;
  }

  // The lowest `bits` of `value`, all values alike; 1 to 16 bits. Returns `value`.
  uint32_t Raw(uint32_t value, uint32_t bits) {
    range_ >>= bits;
    Raise(range_ * value);
    Renormalise();
    return value;
  }

  // The least number in [low, low + range) that ends in 32 zeros, which are not written.
  void Finish() {
    Raise(kRangeLeast - 1);
    PutWord();
  }

 private:
  // A carry goes into what is written already, and no farther: all of low + range fits into the words from the first
  // on.
  void Raise(uint64_t by) {
    low_ += by;
    if (low_ >= by) return;
    for (size_t i = coded_.size(); i > begin_ && ++coded_[i - 1] == 0;) --i;
  }

  void Renormalise() {
    if (range_ >= kRangeLeast) return;
    PutWord();
    low_ <<= 32;
    range_ <<= 32;
  }

  void PutWord() {
    for (int shift = 56; shift >= 32; shift -= 8) coded_.push_back(static_cast<uint8_t>(low_ >> shift));
  }

  std::vector<uint8_t>& coded_;
  size_t begin_;
  uint64_t low_ = 0;
  uint64_t range_ = kRangeFirstRange;
};

// Reads what RangeEncoder wrote, and nothing outside `coded`: past its end there are zeros, and Finish() says so.
class RangeDecoder {
 public:
  explicit RangeDecoder(std::span<const uint8_t> coded) : coded_(coded) {
    code_ = uint64_t{NextWord()} << 32;
    code_ |= NextWord();
  }

  // As RangeEncoder; the first argument is not looked at.
  bool Bit(bool /*bit*/, uint32_t one) {
    const uint64_t split = (range_ >> kRangeProbabilityLog2) * one;
    const bool bit = code_ < split;
    if (bit) {
      range_ = split;
    } else {
      code_ -= split;
      range_ -= split;
    }
    Renormalise();
    return bit;
  }

  uint32_t Raw(uint32_t /*value*/, uint32_t bits) {
    range_ >>= bits;
    const uint64_t value = code_ / range_;
    // The encoder never uses what is left over when the range is divided.
    if (value >> bits != 0) corrupt_ = true;
    code_ -= value * range_;
    Renormalise();
    return static_cast<uint32_t>(value) & ((uint32_t{1} << bits) - 1);
  }

  void MarkCorrupt() { corrupt_ = true; }

  // Whether reading on can still give anything: false when the input is used up, or corrupt.
  bool good() const { return !corrupt_ && used_ <= coded_.size() + kRangeWordBytes; }

  // kOutOfRange: the input ends too early; kDataLoss: it is corrupt, or goes on behind its end.
  [[nodiscard]] absl::Status Finish() const {
    const size_t needed = used_ - kRangeWordBytes;
    if (needed > coded_.size()) {
      return absl::OutOfRangeError(
          FoundExpected("range stream bytes", coded_.size(), absl::StrCat("at least ", needed)));
    }
    if (corrupt_) return absl::DataLossError("range stream: found a value that no encoder writes, expected its own");
    if (needed < coded_.size()) return absl::DataLossError(FoundExpected("range stream bytes", coded_.size(), needed));
    if (code_ >= kRangeLeast) {
      return absl::DataLossError(FoundExpected("end of range stream", code_, "less than 2^32"));
    }
    return absl::OkStatus();
  }

 private:
  uint32_t NextWord() {
    uint32_t word = 0;
    for (size_t i = 0; i < kRangeWordBytes; ++i) {
      const size_t at = used_ + i;
      word = word << 8 | (at < coded_.size() ? coded_[at] : 0);
    }
    used_ += kRangeWordBytes;
    return word;
  }

  void Renormalise() {
    if (range_ >= kRangeLeast) return;
    code_ = code_ << 32 | NextWord();
    range_ <<= 32;
  }

  std::span<const uint8_t> coded_;
  size_t used_ = 0;
  uint64_t code_ = 0;
  uint64_t range_ = kRangeFirstRange;
  bool corrupt_ = false;
};

}  // namespace plait

#endif  // PLAIT_CODEC_RANGE_RANGE_CODER_H_
