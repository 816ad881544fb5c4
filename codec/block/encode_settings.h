// What an encoder may spend on a block.
#ifndef PLAIT_CODEC_BLOCK_ENCODE_SETTINGS_H_
#define PLAIT_CODEC_BLOCK_ENCODE_SETTINGS_H_

#include <optional>

#include "codec/rans/rans.h"

namespace plait {

// The fast setting: most lanes, frequencies from a sample.
inline constexpr RansSettings kFastRans = {.lanes_log2 = 8, .sample_stride = 11};

struct EncodeSettings {
  // Planes of exponents, and bytes, may go to rans, coded so, where it is smaller than tier; without, they never do.
  // Few-valued planes of signs and mantissas may at any time, as kFastRans if not as said here.
  std::optional<RansSettings> rans;
  // Exponents may take the first bit of the mantissa with them into plane 0, where that is smaller.
  bool wide_symbols = false;
  // A plane of a float type goes to zstd if that saves at least one in so many of its bytes: everything else decodes at
  // the speed of memory, zstd at a tenth of that.
  size_t least_zstd_saving = 16;
};

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_ENCODE_SETTINGS_H_
