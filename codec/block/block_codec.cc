#include "codec/block/block_codec.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "codec/base/bits.h"
#include "codec/base/hash.h"
#include "codec/base/status.h"
#include "codec/block/choose.h"
#include "codec/block/zstd_codec.h"
#include "codec/histogram/histogram.h"
#include "codec/tier/tier.h"
#include "codec/transform/bf16_planes.h"

namespace plait {
namespace {

uint64_t BlockHash(const uint8_t* header, std::span<const uint8_t> payload, uint64_t seed) {
  return Hash64(payload, Hash64({header, kBlockHashedHeaderBytes}, seed));
}

// sign-mantissa plane, zeros to kPlaneAlignment, tier stream of the exponent plane. The workspace holds the planes.
void EncodeTierPayload(const TierPlan& plan, size_t n, BlockWorkspace& workspace, std::vector<uint8_t>* coded) {
  const size_t plane_bytes = AlignUp(n, kPlaneAlignment);
  const size_t begin = coded->size();
  coded->resize(begin + plane_bytes + TierMaxBytes(n));
  const auto payload = std::span(*coded).subspan(begin);
  std::ranges::copy(workspace.SignMantissas(n), payload.begin());
  std::fill(payload.begin() + n, payload.begin() + plane_bytes, uint8_t{0});
  const size_t stream_bytes = TierEncode(workspace.Exponents(n), plan, payload.subspan(plane_bytes));
  coded->resize(begin + plane_bytes + stream_bytes);
}

absl::Status DecodeTierPayload(std::span<const uint8_t> payload, BlockWorkspace& workspace, std::span<uint8_t> raw) {
  const size_t n = raw.size() / 2;
  const size_t plane_bytes = AlignUp(n, kPlaneAlignment);
  if (payload.size() < plane_bytes) {
    return absl::OutOfRangeError(
        FoundExpected("payload bytes", payload.size(), absl::StrCat("at least ", plane_bytes)));
  }
  const auto padding = payload.subspan(n, plane_bytes - n);
  if (std::ranges::any_of(padding, [](uint8_t byte) { return byte != 0; })) {
    return absl::DataLossError("padding of the sign-mantissa plane: found ones, expected zeros");
  }
  const auto exponents = workspace.Exponents(n);
  PLAIT_RETURN_IF_ERROR(TierDecode(payload.subspan(plane_bytes), exponents));
  JoinBf16(exponents, payload.first(n), raw);
  return absl::OkStatus();
}

void AppendPayload(const BlockChoice& choice, std::span<const uint8_t> raw, BlockWorkspace& workspace,
                   std::vector<uint8_t>* coded) {
  switch (choice.codec) {
    case CodecId::kStore: coded->insert(coded->end(), raw.begin(), raw.end()); return;
    case CodecId::kZstd: ZstdEncode(raw, workspace, coded); return;
    case CodecId::kTier: EncodeTierPayload(choice.tier_plan, raw.size() / 2, workspace, coded); return;
  }
}

// Replaces `coded` with the whole block coded as `choice` says.
void EncodeChoice(const BlockChoice& choice, const BlockSpec& spec, std::span<const uint8_t> raw,
                  BlockWorkspace& workspace, std::vector<uint8_t>* coded) {
  coded->assign(kBlockHeaderBytes, 0);
  AppendPayload(choice, raw, workspace, coded);
  const auto payload = std::span<const uint8_t>(*coded).subspan(kBlockHeaderBytes);
  BlockHeader header{.codec = static_cast<uint8_t>(choice.codec),
                     .plane = static_cast<uint8_t>(choice.plane),
                     .elements = spec.elements,
                     .payload_bytes = static_cast<uint32_t>(payload.size())};
  PackBlockHeader(header, coded->data());
  header.hash = BlockHash(coded->data(), payload, spec.seed);
  PackBlockHeader(header, coded->data());
}

bool CombinationIsKnown(const BlockHeader& header) {
  const bool bf16 = header.plane == static_cast<uint8_t>(PlaneKind::kBf16);
  return bf16 == (header.codec == static_cast<uint8_t>(CodecId::kTier));
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
  if (!CombinationIsKnown(header)) {
    return absl::DataLossError(FoundExpected("plane kind", header.plane, absl::StrCat("one for codec ", header.codec)));
  }
  return absl::OkStatus();
}

}  // namespace

size_t BlockRawBytes(const BlockSpec& spec) {
  return static_cast<size_t>(uint64_t{spec.elements} * GetDtypeInfo(spec.dtype).bits / 8);
}

void EncodeBlock(const BlockSpec& spec, std::span<const uint8_t> raw, BlockWorkspace& workspace,
                 std::vector<uint8_t>* coded) {
  assert(raw.size() == BlockRawBytes(spec) && raw.size() <= kMaxBlockBytes);
  const std::vector<BlockChoice> choices = RankChoices(spec.dtype, raw, workspace);
  for (size_t i = 0; i < choices.size(); ++i) {
    EncodeChoice(choices[i], spec, raw, workspace, coded);
    // An estimate can be wrong: go on while the next candidate promises less than what came out.
    const size_t payload_bytes = coded->size() - kBlockHeaderBytes;
    if (i + 1 == choices.size() || payload_bytes <= choices[i + 1].estimated_bytes) return;
  }
}

absl::Status EncodeBlockWith(CodecId codec, const BlockSpec& spec, std::span<const uint8_t> raw,
                             BlockWorkspace& workspace, std::vector<uint8_t>* coded) {
  if (raw.size() != BlockRawBytes(spec)) {
    return absl::InvalidArgumentError(FoundExpected("raw bytes", raw.size(), BlockRawBytes(spec)));
  }
  BlockChoice choice{.codec = codec};
  if (codec == CodecId::kTier) {
    if (raw.size() % 2 != 0)
      return absl::InvalidArgumentError(FoundExpected("raw bytes", raw.size(), "an even number"));
    const size_t n = raw.size() / 2;
    SplitBf16(raw, workspace.Exponents(n), workspace.SignMantissas(n));
    choice.plane = PlaneKind::kBf16;
    choice.tier_plan = PlanTier(CountBytes(workspace.Exponents(n)));
  }
  EncodeChoice(choice, spec, raw, workspace, coded);
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
  if (header.codec >= kNumCodecIds) {
    return absl::UnimplementedError(
        FoundExpected("codec id", header.codec, absl::StrCat("at most ", kNumCodecIds - 1)));
  }
  if (header.plane >= kNumPlaneKinds) {
    return absl::UnimplementedError(
        FoundExpected("plane kind", header.plane, absl::StrCat("at most ", kNumPlaneKinds - 1)));
  }
  return header;
}

absl::Status DecodeBlock(const BlockSpec& spec, std::span<const uint8_t> coded, BlockWorkspace& workspace,
                         std::span<uint8_t> raw) {
  if (raw.size() != BlockRawBytes(spec)) {
    return absl::InvalidArgumentError(FoundExpected("output bytes", raw.size(), BlockRawBytes(spec)));
  }
  PLAIT_ASSIGN_OR_RETURN(const BlockHeader header, ParseBlockHeader(coded));
  PLAIT_RETURN_IF_ERROR(CheckHeader(header, spec, coded.size()));
  const auto payload = coded.subspan(kBlockHeaderBytes);
  const uint64_t hash = BlockHash(coded.data(), payload, spec.seed);
  if (hash != header.hash) {
    return absl::DataLossError(FoundExpected("coded hash", HexDigits(hash), HexDigits(header.hash)));
  }
  switch (static_cast<CodecId>(header.codec)) {
    case CodecId::kStore:
      if (payload.size() != raw.size()) {
        return absl::DataLossError(FoundExpected("stored bytes", payload.size(), raw.size()));
      }
      std::ranges::copy(payload, raw.begin());
      return absl::OkStatus();
    case CodecId::kZstd: return ZstdDecode(payload, workspace, raw);
    case CodecId::kTier:
      if (raw.size() % 2 != 0) return absl::DataLossError(FoundExpected("decoded bytes", raw.size(), "an even number"));
      return DecodeTierPayload(payload, workspace, raw);
  }
  return absl::InternalError("codec id passed ParseBlockHeader but has no decoder");
}

}  // namespace plait
