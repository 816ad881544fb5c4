#include "codec/block/plane_payload.h"

#include <algorithm>
#include <array>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/block/plane_codec.h"
#include "codec/rans/rans.h"
#include "codec/tier/tier.h"

namespace plait {
namespace {

// Signs and mantissas of trained weights take more than 0.98 of their bits. Planes beyond plane 0 that take less than
// this part of their bytes have structure: zeros, dequantized codes.
constexpr size_t kStructuredNoisePercent = 94;

void AlignPayload(size_t payload_begin, std::vector<uint8_t>* coded) {
  coded->resize(payload_begin + AlignUp(coded->size() - payload_begin, kPlaneAlignment));
}

absl::StatusOr<EncodedPlane> AppendPlane(size_t plane, const CodecId* forced, const EncodeSettings& settings,
                                         std::span<const uint8_t> bytes, BlockWorkspace& workspace,
                                         std::vector<uint8_t>* coded) {
  if (plane != 0 || forced == nullptr) {
    return EncodePlane(plane == 0 ? PlaneRole::kSymbols : PlaneRole::kNoise, bytes, settings, workspace, coded);
  }
  if (EncodePlaneWith(*forced, bytes, workspace, coded)) return EncodedPlane{.codec = *forced};
  return absl::InvalidArgumentError(absl::StrCat("codec ", Absl(CodecName(*forced)), " cannot carry this plane"));
}

struct PlaneEntry {
  CodecId codec = CodecId::kStore;
  uint8_t phase = 0;
  uint32_t coded_bytes = 0;
};

absl::StatusOr<PlaneEntry> ParseEntry(const uint8_t* bytes, size_t plane) {
  if (!IsCodecId(bytes[0])) return absl::UnimplementedError(FoundExpected("plane codec id", bytes[0], "a known one"));
  if (LoadLe<uint16_t>(bytes + 2) != 0 || (plane != 0 && bytes[1] != 0)) {
    return absl::DataLossError("plane directory: found ones, expected zeros");
  }
  return PlaneEntry{static_cast<CodecId>(bytes[0]), bytes[1], LoadLe<uint32_t>(bytes + 4)};
}

// Reads a payload from front to back.
class PayloadReader {
 public:
  explicit PayloadReader(std::span<const uint8_t> payload) : payload_(payload) {}

  absl::StatusOr<std::span<const uint8_t>> Take(size_t bytes) {
    if (bytes > payload_.size() - at_) {
      return absl::OutOfRangeError(FoundExpected("payload bytes left", payload_.size() - at_, bytes));
    }
    at_ += bytes;
    return payload_.subspan(at_ - bytes, bytes);
  }

  absl::Status SkipPadding() {
    PLAIT_ASSIGN_OR_RETURN(const auto padding, Take(AlignUp(at_, kPlaneAlignment) - at_));
    if (std::ranges::all_of(padding, [](uint8_t byte) { return byte == 0; })) return absl::OkStatus();
    return absl::DataLossError("plane padding: found ones, expected zeros");
  }

  size_t left() const { return payload_.size() - at_; }

 private:
  std::span<const uint8_t> payload_;
  size_t at_ = 0;
};

absl::Status CheckPhase(uint8_t phase, const PlaneLayout& layout, size_t raw_bytes) {
  if (phase < layout.element_bytes && phase <= raw_bytes) return absl::OkStatus();
  return absl::DataLossError(FoundExpected("phase", phase, absl::StrCat("less than ", layout.element_bytes)));
}

// Decodes plane `plane`; a stored plane is not copied but used where it stands.
absl::StatusOr<std::span<const uint8_t>> ReadPlane(PlaneKind kind, size_t plane, size_t n, const PlaneEntry& entry,
                                                   std::span<uint8_t> scratch, BlockWorkspace& workspace,
                                                   PayloadReader& reader) {
  PLAIT_RETURN_IF_ERROR(reader.SkipPadding());
  PLAIT_ASSIGN_OR_RETURN(std::span<const uint8_t> bytes, reader.Take(entry.coded_bytes));
  if (entry.codec != CodecId::kStore || bytes.size() != scratch.size()) {
    PLAIT_RETURN_IF_ERROR(DecodePlane(entry.codec, bytes, workspace, scratch));
    bytes = scratch;
  }
  if (!PlanePaddingIsZero(kind, plane, n, bytes)) {
    return absl::DataLossError("bits behind a packed plane: found ones, expected zeros");
  }
  return bytes;
}

// Symbols that are decoded before they are joined: they stay in the nearest cache. Fewer would be better for that, but
// loads that follow streaming stores closely wait for them.
constexpr size_t kJoinedSymbols = 4096;
static_assert(kJoinedSymbols % kRansMaxLanes == 0);
constexpr size_t kCacheLine = 64;
// Units that are read so soon that they need not be asked for, and how many are behind them: a symbol takes a third to
// half a unit.
constexpr size_t kNearUnits = kJoinedSymbols / 4;
constexpr size_t kPrefetchedUnits = kJoinedSymbols / 2;

// Inlined always: g++ drops calls of a function that does nothing but this.
#define PLAIT_INLINE __attribute__((always_inline)) inline

PLAIT_INLINE void Prefetch(std::span<const uint8_t> bytes) {
  for (size_t at = 0; at < bytes.size(); at += kCacheLine) __builtin_prefetch(bytes.data() + at);
}

// Asks memory for planes 1 and up of elements begin to begin + n, which are read once their symbols are decoded, and
// for the coded symbols behind those. Each of these streams is read in too short a run for the machine to see it
// coming.
PLAIT_INLINE void PrefetchPart(PlaneKind kind, const ConstPlaneSpans& planes, size_t begin, size_t n,
                               std::span<const uint8_t> units) {
  for (size_t p = 1; p < GetPlaneLayout(kind).num_planes; ++p) {
    Prefetch(planes[p].subspan(PlaneBytes(kind, p, begin), PlaneBytes(kind, p, n)));
  }
  const size_t near = std::min(units.size(), kNearUnits);
  Prefetch(units.subspan(near, std::min(units.size() - near, kPrefetchedUnits)));
}

// Decodes plane 0, which stands coded in `planes`, a part at a time and joins it with the other planes.
absl::Status DecodeRansAndJoin(PlaneKind kind, const ConstPlaneSpans& planes, BlockWorkspace& workspace,
                               std::span<uint8_t> elements, StoreMode mode) {
  const size_t element_bytes = GetPlaneLayout(kind).element_bytes;
  const size_t n = elements.size() / element_bytes;
  PLAIT_ASSIGN_OR_RETURN(RansReader reader, RansReader::Open(planes[0], n, workspace.Rans()));
  std::array<uint8_t, kJoinedSymbols> buffer;
  for (size_t begin = 0; begin < n; begin += kJoinedSymbols) {
    const auto symbols = std::span(buffer).first(std::min(kJoinedSymbols, n - begin));
    PrefetchPart(kind, planes, begin, symbols.size(), reader.unread_units());
    PLAIT_RETURN_IF_ERROR(reader.Read(symbols));
    PlanePointers part = NoisePointers(kind, planes, begin);
    part[0] = symbols.data();
    JoinPlanes(kind, part, elements.subspan(begin * element_bytes, symbols.size() * element_bytes), mode);
  }
  return reader.Finish();
}

}  // namespace

absl::StatusOr<EncodedPayload> AppendPlanePayload(const PlaneChoice& choice, const CodecId* forced,
                                                  const EncodeSettings& settings, std::span<const uint8_t> raw,
                                                  BlockWorkspace& workspace, std::vector<uint8_t>* coded) {
  const PlaneLayout& layout = GetPlaneLayout(choice.kind);
  const size_t n = (raw.size() - choice.phase) / layout.element_bytes;
  const auto elements = raw.subspan(choice.phase, n * layout.element_bytes);
  const PlaneSpans planes = workspace.Planes(choice.kind, n);
  SplitPlanes(choice.kind, elements, planes);

  const size_t begin = coded->size();
  coded->resize(begin + layout.num_planes * kPlaneEntryBytes);
  EncodedPayload payload;
  size_t noise_bytes = 0;
  size_t ideal_noise_bytes = 0;
  for (size_t p = 0; p < layout.num_planes; ++p) {
    AlignPayload(begin, coded);
    const size_t plane_begin = coded->size();
    PLAIT_ASSIGN_OR_RETURN(const EncodedPlane plane, AppendPlane(p, forced, settings, planes[p], workspace, coded));
    uint8_t* entry = coded->data() + begin + p * kPlaneEntryBytes;
    entry[0] = static_cast<uint8_t>(plane.codec);
    entry[1] = p == 0 ? choice.phase : 0;
    const size_t coded_bytes = coded->size() - plane_begin;
    StoreLe(static_cast<uint32_t>(coded_bytes), entry + 4);
    if (p == 0) {
      payload.codec = plane.codec;
    } else if (layout.planes[p].bits > 1) {  // an exponent's top bit, alone in a wide kind, is no noise
      noise_bytes += planes[p].size();
      ideal_noise_bytes += std::min(plane.ideal_bytes, coded_bytes);
    }
  }
  payload.is_structured = 100 * ideal_noise_bytes <= kStructuredNoisePercent * noise_bytes;
  const auto tail = raw.subspan(choice.phase + elements.size());
  coded->insert(coded->end(), raw.begin(), raw.begin() + choice.phase);
  coded->insert(coded->end(), tail.begin(), tail.end());
  return payload;
}

absl::StatusOr<BlockAnatomy> DescribeBlock(std::span<const uint8_t> coded) {
  BlockHeader header;
  if (coded.size() < kBlockHeaderBytes || !UnpackBlockHeader(coded.data(), &header) || header.plane >= kNumPlaneKinds ||
      !IsCodecId(header.codec)) {
    return absl::DataLossError("block header: found an invalid one");
  }
  BlockAnatomy anatomy{.kind = static_cast<PlaneKind>(header.plane), .phase = 0, .planes = {}};
  if (anatomy.kind == PlaneKind::kBytes) {
    anatomy.planes.push_back({static_cast<CodecId>(header.codec), header.payload_bytes});
    return anatomy;
  }
  PayloadReader reader(coded.subspan(kBlockHeaderBytes));
  const size_t num_planes = GetPlaneLayout(anatomy.kind).num_planes;
  PLAIT_ASSIGN_OR_RETURN(const auto directory, reader.Take(num_planes * kPlaneEntryBytes));
  for (size_t p = 0; p < num_planes; ++p) {
    PLAIT_ASSIGN_OR_RETURN(const PlaneEntry entry, ParseEntry(directory.data() + p * kPlaneEntryBytes, p));
    if (p == 0) anatomy.phase = entry.phase;
    anatomy.planes.push_back({entry.codec, entry.coded_bytes});
  }
  return anatomy;
}

absl::Status DecodePlanePayload(PlaneKind kind, CodecId codec, std::span<const uint8_t> payload,
                                BlockWorkspace& workspace, std::span<uint8_t> raw, const DecodeHints& hints) {
  const PlaneLayout& layout = GetPlaneLayout(kind);
  PayloadReader reader(payload);
  PLAIT_ASSIGN_OR_RETURN(const auto directory, reader.Take(layout.num_planes * kPlaneEntryBytes));
  PlaneEntry entries[kMaxPlanes];
  for (size_t p = 0; p < layout.num_planes; ++p) {
    PLAIT_ASSIGN_OR_RETURN(entries[p], ParseEntry(directory.data() + p * kPlaneEntryBytes, p));
  }
  if (entries[0].codec != codec) {
    return absl::DataLossError(
        FoundExpected("codec id of plane 0", static_cast<int>(entries[0].codec), static_cast<int>(codec)));
  }
  const size_t phase = entries[0].phase;
  PLAIT_RETURN_IF_ERROR(CheckPhase(entries[0].phase, layout, raw.size()));
  const size_t n = (raw.size() - phase) / layout.element_bytes;
  const PlaneSpans scratch = workspace.Planes(kind, n);
  ConstPlaneSpans planes;
  const bool fused = codec == CodecId::kTier || codec == CodecId::kRans;  // plane 0 then stays coded until the join
  for (size_t p = 0; p < layout.num_planes; ++p) {
    if (p == 0 && fused) {
      PLAIT_RETURN_IF_ERROR(reader.SkipPadding());
      PLAIT_ASSIGN_OR_RETURN(planes[0], reader.Take(entries[0].coded_bytes));
    } else {
      PLAIT_ASSIGN_OR_RETURN(planes[p], ReadPlane(kind, p, n, entries[p], scratch[p], workspace, reader));
    }
  }
  const size_t tail_bytes = raw.size() - phase - n * layout.element_bytes;
  PLAIT_ASSIGN_OR_RETURN(const auto edge, reader.Take(phase + tail_bytes));
  if (reader.left() != 0) return absl::DataLossError(FoundExpected("bytes behind the planes", reader.left(), 0));
  const auto elements = raw.subspan(phase, n * layout.element_bytes);
  if (codec == CodecId::kTier) {
    PLAIT_RETURN_IF_ERROR(TierDecodeAndJoin(planes[0], workspace.Tier(), kind, planes, elements, hints));
  } else if (codec == CodecId::kRans) {
    PLAIT_RETURN_IF_ERROR(DecodeRansAndJoin(kind, planes, workspace, elements, hints.store));
  } else {
    JoinPlanes(kind, planes, elements, hints.store);
  }
  std::ranges::copy(edge.first(phase), raw.begin());
  std::ranges::copy(edge.subspan(phase), raw.end() - static_cast<ptrdiff_t>(tail_bytes));
  return absl::OkStatus();
}

}  // namespace plait
