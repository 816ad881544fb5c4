// One block: the unit of independent decoding and of checksums. This is the one place that dispatches on a codec id.
#ifndef PLAIT_CODEC_BLOCK_BLOCK_CODEC_H_
#define PLAIT_CODEC_BLOCK_BLOCK_CODEC_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "codec/base/dtype.h"
#include "codec/block/block_layout.h"
#include "codec/block/codec_id.h"
#include "codec/block/encode_settings.h"
#include "codec/block/workspace.h"

namespace plait {

// What surrounds a block and is not in it.
struct BlockSpec {
  Dtype dtype = Dtype::kU8;
  uint32_t elements = 0;  // of dtype; elements * bits is a whole number of bytes
  uint64_t seed = 0;      // binds the block to its frame and place: a block moved elsewhere fails its hash
};

// Decoded bytes of such a block.
size_t BlockRawBytes(const BlockSpec& spec);

// Codes `raw` by the planes and coders that promise the smallest result and replaces `coded` with header and payload,
// never larger than kBlockHeaderBytes + raw.size(). Requires: raw.size() == BlockRawBytes(spec) <= kMaxBlockBytes.
// The bytes depend on spec, raw, settings and the version of libzstd alone.
void EncodeBlock(const BlockSpec& spec, std::span<const uint8_t> raw, BlockWorkspace& workspace,
                 std::vector<uint8_t>* coded, const EncodeSettings& settings = {});

// Codes with given planes and a given codec for plane 0, without asking whether it helps (tests, benchmarks).
// kInvalidArgument if the codec cannot carry this block at all.
absl::Status EncodeBlockWith(PlaneKind kind, CodecId codec, const BlockSpec& spec, std::span<const uint8_t> raw,
                             BlockWorkspace& workspace, std::vector<uint8_t>* coded);

// The header at the front of `coded`.
// Returns: kOutOfRange if there are fewer than kBlockHeaderBytes; kDataLoss for wrong sync or reserved bytes;
// kUnimplemented for an unknown codec or plane kind.
absl::StatusOr<BlockHeader> ParseBlockHeader(std::span<const uint8_t> coded);

// Checks header and hash, and decodes nothing: what whoever passes a block on does first. `coded` as for DecodeBlock.
// Returns: as DecodeBlock, but for what is wrong inside the payload.
absl::Status CheckBlock(const BlockSpec& spec, std::span<const uint8_t> coded);

// Checks the hash, then decodes into `raw`. `coded` is header and payload and nothing else.
// Requires: raw.size() == BlockRawBytes(spec), else kInvalidArgument.
// Returns: kOutOfRange if `coded` ends early; kDataLoss if a field, the hash or the payload is wrong; kUnimplemented
// for an unknown codec or plane kind. On failure `raw` is unspecified. Reads nothing outside `coded`.
absl::Status DecodeBlock(const BlockSpec& spec, std::span<const uint8_t> coded, BlockWorkspace& workspace,
                         std::span<uint8_t> raw, const DecodeHints& hints = {});

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_BLOCK_CODEC_H_
