// What an encoder may spend on a block.
#ifndef PLAIT_CODEC_BLOCK_ENCODE_SETTINGS_H_
#define PLAIT_CODEC_BLOCK_ENCODE_SETTINGS_H_

#include <optional>

#include "codec/rans/rans.h"

namespace plait {

struct EncodeSettings {
  // Planes of symbols may go to rans, coded so, where it is smaller than tier; without, they never do.
  std::optional<RansSettings> rans;
};

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_ENCODE_SETTINGS_H_
