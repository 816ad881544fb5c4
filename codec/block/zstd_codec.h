// Planes, blocks and headers as zstd frames (libzstd).
#ifndef PLAIT_CODEC_BLOCK_ZSTD_CODEC_H_
#define PLAIT_CODEC_BLOCK_ZSTD_CODEC_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/block/workspace.h"

namespace plait {

// In planes matches are chance and only the entropy coder helps: higher levels are slower and larger. Of text and codes
// they are a little smaller, but slow a checkpoint's encoding down even if it has few of them.
inline constexpr int kZstdLevel = 1;

// Appends one zstd frame of `raw` to `coded`.
void ZstdEncode(int level, std::span<const uint8_t> raw, BlockWorkspace& workspace, std::vector<uint8_t>* coded);

// What ZstdEncode would append, by doing it.
size_t ZstdCodedBytes(int level, std::span<const uint8_t> raw, BlockWorkspace& workspace);

// Decodes one zstd frame that must fill `raw` exactly and end where `coded` ends.
// Returns: kDataLoss otherwise; kOutOfRange if the frame ends early. On failure `raw` is unspecified.
absl::Status ZstdDecode(std::span<const uint8_t> coded, BlockWorkspace& workspace, std::span<uint8_t> raw);

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_ZSTD_CODEC_H_
