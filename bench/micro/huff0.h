// huff0 of the installed libzstd: the fastest published entropy decoder for such planes. Four streams, as in zstd
// literals.
#ifndef PLAIT_BENCH_MICRO_HUFF0_H_
#define PLAIT_BENCH_MICRO_HUFF0_H_

#include <cstdint>
#include <span>
#include <vector>

namespace plait {

inline constexpr size_t kHuff0MaxBytes = size_t{128} << 10;  // of one call

class Huff0 {
 public:
  Huff0();

  // Codes `plane` to the front of `coded`, which has room for plane.size() + 1024, and returns the coded bytes; 0 or 1
  // if it does not shrink or has one symbol only.
  size_t Encode(std::span<const uint8_t> plane, std::span<uint8_t> coded);

  // The inverse, with the decoder that looks up two symbols at a time. False if it is corrupt.
  bool Decode(std::span<const uint8_t> coded, std::span<uint8_t> plane);

 private:
  std::vector<uint64_t> workspace_;
  std::vector<uint32_t> decode_table_;
};

}  // namespace plait

#endif  // PLAIT_BENCH_MICRO_HUFF0_H_
