// Frozen numbers of the block header: how a block is coded and which planes its bytes were split into.
#ifndef PLAIT_CODEC_BLOCK_CODEC_ID_H_
#define PLAIT_CODEC_BLOCK_CODEC_ID_H_

#include <cstdint>
#include <string_view>

namespace plait {

// Numbers 3 huffman, 4 rans and 5 range are reserved for the coders of the same names.
enum class CodecId : uint8_t {
  kStore = 0,
  kZstd = 1,
  kTier = 2,
};
inline constexpr uint8_t kNumCodecIds = 3;

enum class PlaneKind : uint8_t {
  kBytes = 0,  // the block's bytes as they are
  kBf16 = 1,   // little-endian 16-bit words split into exponent and sign-mantissa (codec/transform/bf16_planes.h)
};
inline constexpr uint8_t kNumPlaneKinds = 2;

constexpr std::string_view CodecName(CodecId codec) {
  switch (codec) {
    case CodecId::kStore: return "store";
    case CodecId::kZstd: return "zstd";
    case CodecId::kTier: return "tier";
  }
  return "unknown";
}

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_CODEC_ID_H_
