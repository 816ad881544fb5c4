// Frozen numbers of the block header: which planes a block's bytes were split into, and how a plane is coded.
#ifndef PLAIT_CODEC_BLOCK_CODEC_ID_H_
#define PLAIT_CODEC_BLOCK_CODEC_ID_H_

#include <cstdint>
#include <string_view>

namespace plait {

// How one plane is coded; the block header names the coder of plane 0.
// Numbers 3 huffman and 5 range are reserved for the coders of the same names.
enum class CodecId : uint8_t {
  kStore = 0,
  kZstd = 1,
  kTier = 2,
  kRans = 4,
  kConstant = 6,
};
inline constexpr CodecId kCodecIds[] = {CodecId::kStore, CodecId::kZstd, CodecId::kTier, CodecId::kRans,
                                        CodecId::kConstant};
inline constexpr uint8_t kMaxCodecId = 6;

constexpr bool IsCodecId(uint8_t id) {
  for (CodecId codec : kCodecIds) {
    if (static_cast<uint8_t>(codec) == id) return true;
  }
  return false;
}

constexpr std::string_view CodecName(CodecId codec) {
  switch (codec) {
    case CodecId::kStore: return "store";
    case CodecId::kZstd: return "zstd";
    case CodecId::kTier: return "tier";
    case CodecId::kRans: return "rans";
    case CodecId::kConstant: return "constant";
  }
  return "unknown";
}

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_CODEC_ID_H_
