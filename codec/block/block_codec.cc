#include "codec/block/block_codec.h"

#include <algorithm>
#include <cassert>

#include "codec/base/bits.h"
#include "codec/base/hash.h"
#include "codec/base/status.h"
#include "codec/block/choose.h"
#include "codec/block/plane_codec.h"
#include "codec/block/plane_payload.h"

namespace plait {
namespace {

// Estimates are of ideal coders, so another way to cut a block is tried only if it promises to save a good part of what
// the best one so far came to, and of the block.
bool IsClearlyLess(size_t estimated_bytes, size_t payload_bytes, size_t raw_bytes) {
  return estimated_bytes + std::max(payload_bytes / 64, raw_bytes / 512) < payload_bytes;
}

uint64_t PayloadSeed(const uint8_t* header, uint64_t seed) { return Hash64({header, kBlockHashedHeaderBytes}, seed); }

// Fills in the header in front of the payload that `coded` holds from kBlockHeaderBytes on.
void SealBlock(CodecId codec, PlaneKind plane, const BlockSpec& spec, std::vector<uint8_t>* coded) {
  const auto payload = std::span<const uint8_t>(*coded).subspan(kBlockHeaderBytes);
  BlockHeader header{.codec = static_cast<uint8_t>(codec),
                     .plane = static_cast<uint8_t>(plane),
                     .elements = spec.elements,
                     .payload_bytes = static_cast<uint32_t>(payload.size())};
  PackBlockHeader(header, coded->data());
  header.hash = Hash64(payload, PayloadSeed(coded->data(), spec.seed));
  PackBlockHeader(header, coded->data());
}

// Replaces `coded` with room for the header and the payload.
absl::StatusOr<EncodedPayload> EncodePayload(const PlaneChoice& choice, const CodecId* forced,
                                             const EncodeSettings& settings, std::span<const uint8_t> raw,
                                             BlockWorkspace& workspace, std::vector<uint8_t>* coded) {
  coded->assign(kBlockHeaderBytes, 0);
  if (choice.kind != PlaneKind::kBytes) return AppendPlanePayload(choice, forced, settings, raw, workspace, coded);
  if (forced == nullptr) {
    return EncodedPayload{.codec = EncodePlane(PlaneRole::kBytes, raw, settings, workspace, coded).codec};
  }
  if (EncodePlaneWith(*forced, raw, workspace, coded)) return EncodedPayload{.codec = *forced};
  return absl::InvalidArgumentError(absl::StrCat("codec ", Absl(CodecName(*forced)), " cannot carry this block"));
}

absl::Status CheckHeader(const BlockHeader& header, const BlockSpec& spec, size_t coded_bytes) {
  if (header.elements != spec.elements) {
    return absl::DataLossError(FoundExpected("block elements", header.elements, spec.elements));
  }
  if (coded_bytes - kBlockHeaderBytes < header.payload_bytes) {
    return absl::OutOfRangeError(
        FoundExpected("block payload bytes", coded_bytes - kBlockHeaderBytes, header.payload_bytes));
  }
  if (coded_bytes - kBlockHeaderBytes > header.payload_bytes) {
    return absl::DataLossError(
        FoundExpected("block payload bytes", coded_bytes - kBlockHeaderBytes, header.payload_bytes));
  }
  return absl::OkStatus();
}

}  // namespace

size_t BlockRawBytes(const BlockSpec& spec) {
  return static_cast<size_t>(uint64_t{spec.elements} * GetDtypeInfo(spec.dtype).bits / 8);
}

void EncodeBlock(const BlockSpec& spec, std::span<const uint8_t> raw, BlockWorkspace& workspace,
                 std::vector<uint8_t>* coded, const EncodeSettings& settings) {
  assert(raw.size() == BlockRawBytes(spec) && raw.size() <= kMaxBlockBytes);
  // Nothing is forced, so every plane finds a coder.
  const auto encode = [&](const PlaneChoice& narrow, std::vector<uint8_t>* to) {
    const PlaneChoice choice = ChooseSymbolWidth(narrow, settings, raw, workspace);
    const EncodedPayload payload = EncodePayload(choice, nullptr, settings, raw, workspace, to).value();
    SealBlock(payload.codec, choice.kind, spec, to);
    return payload;
  };
  const PlaneKind own = OwnPlanes(spec.dtype);
  const bool has_own = own != PlaneKind::kBytes;
  coded->clear();
  if (!has_own || encode({.kind = own}, coded).is_structured) {
    std::vector<uint8_t>& attempt = workspace.Attempt();
    const std::vector<PlaneChoice> choices = RankPlaneChoices(spec.dtype, raw, workspace);
    for (const PlaneChoice& choice : choices) {
      if (has_own && choice.kind == own) continue;
      const bool is_best = &choice == &choices.front();
      if (!is_best && !IsClearlyLess(choice.estimated_bytes, coded->size() - kBlockHeaderBytes, raw.size())) break;
      encode(choice, &attempt);
      if (coded->empty() || attempt.size() < coded->size()) std::swap(*coded, attempt);
    }
  }
  if (coded->size() - kBlockHeaderBytes <= raw.size()) return;
  coded->resize(kBlockHeaderBytes);
  coded->insert(coded->end(), raw.begin(), raw.end());
  SealBlock(CodecId::kStore, PlaneKind::kBytes, spec, coded);
}

absl::Status EncodeBlockWith(PlaneKind kind, CodecId codec, const BlockSpec& spec, std::span<const uint8_t> raw,
                             BlockWorkspace& workspace, std::vector<uint8_t>* coded) {
  if (raw.size() != BlockRawBytes(spec)) {
    return absl::InvalidArgumentError(FoundExpected("raw bytes", raw.size(), BlockRawBytes(spec)));
  }
  PLAIT_RETURN_IF_ERROR(EncodePayload({.kind = kind}, &codec, {}, raw, workspace, coded).status());
  SealBlock(codec, kind, spec, coded);
  return absl::OkStatus();
}

absl::StatusOr<BlockHeader> ParseBlockHeader(std::span<const uint8_t> coded) {
  if (coded.size() < kBlockHeaderBytes) {
    return absl::OutOfRangeError(FoundExpected("block header bytes", coded.size(), kBlockHeaderBytes));
  }
  BlockHeader header;
  if (!UnpackBlockHeader(coded.data(), &header)) {
    return absl::DataLossError("block header: found wrong sync or reserved bytes, expected \"PB\" and zeros");
  }
  if (!IsCodecId(header.codec)) {
    return absl::UnimplementedError(FoundExpected("codec id", header.codec, "a known one"));
  }
  if (header.plane >= kNumPlaneKinds) {
    return absl::UnimplementedError(
        FoundExpected("plane kind", header.plane, absl::StrCat("at most ", kNumPlaneKinds - 1)));
  }
  return header;
}

absl::Status CheckBlock(const BlockSpec& spec, std::span<const uint8_t> coded) {
  PLAIT_ASSIGN_OR_RETURN(const BlockHeader header, ParseBlockHeader(coded));
  PLAIT_RETURN_IF_ERROR(CheckHeader(header, spec, coded.size()));
  const uint64_t found = Hash64(coded.subspan(kBlockHeaderBytes), PayloadSeed(coded.data(), spec.seed));
  if (found == header.hash) return absl::OkStatus();
  return absl::DataLossError(FoundExpected("coded hash", HexDigits(found), HexDigits(header.hash)));
}

absl::Status DecodeBlock(const BlockSpec& spec, std::span<const uint8_t> coded, BlockWorkspace& workspace,
                         std::span<uint8_t> raw, const DecodeHints& hints) {
  if (raw.size() != BlockRawBytes(spec)) {
    return absl::InvalidArgumentError(FoundExpected("output bytes", raw.size(), BlockRawBytes(spec)));
  }
  PLAIT_ASSIGN_OR_RETURN(const BlockHeader header, ParseBlockHeader(coded));
  PLAIT_RETURN_IF_ERROR(CheckHeader(header, spec, coded.size()));
  const auto payload = coded.subspan(kBlockHeaderBytes);
  const auto kind = static_cast<PlaneKind>(header.plane);
  const auto codec = static_cast<CodecId>(header.codec);
  // Tier decodes anything without harm, so its blocks need not wait for the hash. It is faster once they are in cache;
  // reading them for its sake alone would be time without computing.
  const bool hash_last = kind != PlaneKind::kBytes && codec == CodecId::kTier;
  absl::Status status;
  if (hash_last) status = DecodePlanePayload(kind, codec, payload, workspace, raw, hints);
  if (const uint64_t found = Hash64(payload, PayloadSeed(coded.data(), spec.seed)); found != header.hash) {
    return absl::DataLossError(FoundExpected("coded hash", HexDigits(found), HexDigits(header.hash)));
  }
  if (hash_last) return status;
  if (kind == PlaneKind::kBytes) return DecodePlane(codec, payload, workspace, raw);
  return DecodePlanePayload(kind, codec, payload, workspace, raw, hints);
}

}  // namespace plait
