#include "gpu/loader/image_loader.h"

#include <algorithm>
#include <optional>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "codec/block/plane_payload.h"
#include "codec/tier/tier.h"
#include "codec/transform/planes.h"

namespace plait::gpu {
namespace {

constexpr uint64_t kAlignment = 16;

// The planes of a block that kernels decode as they are.
struct DevicePlanes {
  PlaneKind kind;
  std::span<const uint8_t> stream, noise;
  uint32_t elements;
};

// nullopt if kernels do not decode the block as it is, or its parts are not where they should be.
std::optional<DevicePlanes> FindPlanes(const CodedBlock& block) {
  const absl::StatusOr<BlockHeader> header = ParseBlockHeader(block.bytes);
  if (!header.ok() || header->codec != static_cast<uint8_t>(CodecId::kTier)) return std::nullopt;
  const absl::StatusOr<BlockAnatomy> anatomy = DescribeBlock(block.bytes);
  if (!anatomy.ok() || !HasTierKernels(anatomy->kind) || anatomy->phase != 0) return std::nullopt;
  if (anatomy->planes[0].codec != CodecId::kTier) return std::nullopt;
  const size_t raw_bytes = BlockRawBytes(block.spec);
  const size_t element_bytes = GetPlaneLayout(anatomy->kind).element_bytes;
  if (raw_bytes % element_bytes != 0) return std::nullopt;
  const auto elements = static_cast<uint32_t>(raw_bytes / element_bytes);
  const auto payload = block.bytes.subspan(kBlockHeaderBytes);
  if (anatomy->kind == PlaneKind::kBytes) return DevicePlanes{anatomy->kind, payload, {}, elements};
  const CodedPlane& noise = anatomy->planes[1];
  const size_t stream_at = 2 * kPlaneEntryBytes;
  const size_t stream_end = stream_at + anatomy->planes[0].coded_bytes;
  const size_t noise_at = AlignUp(stream_end, kPlaneAlignment);
  if (noise.codec != CodecId::kStore || noise.coded_bytes != PlaneBytes(anatomy->kind, 1, elements) ||
      noise_at + noise.coded_bytes != payload.size()) {
    return std::nullopt;
  }
  const auto padding = payload.subspan(stream_end, noise_at - stream_end);
  if (!std::ranges::all_of(padding, [](uint8_t byte) { return byte == 0; })) return std::nullopt;
  return DevicePlanes{anatomy->kind, payload.subspan(stream_at, stream_end - stream_at), payload.subspan(noise_at),
                      elements};
}

// How tensors of a type are cut for kernels, or kBytes.
PlaneKind KindOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBf16: return PlaneKind::kBf16;
    case Dtype::kF8E4m3: return PlaneKind::kE4m3;
    case Dtype::kF8E5m2: return PlaneKind::kE5m2;
    default: return PlaneKind::kBytes;
  }
}

TierStatus DamageOf(const absl::Status& status) {
  return status.code() == absl::StatusCode::kOutOfRange ? kTierTruncated : kTierCorrupt;
}

class Loader {
 public:
  Loader(const LoadOptions& options, const ImageSink& sink)
      : options_(options), builder_([this, &sink](uint64_t offset, std::span<const uint8_t> piece) {
          sink_status_ = sink(offset, piece);
          return sink_status_;
        }) {}

  absl::Status Add(const CodedTensor& tensor) {
    builder_.BeginTensor(tensor.name);
    for (size_t b = 0; b < tensor.blocks.size(); ++b) {
      const absl::Status added = AddOrKeepDamaged(tensor.blocks[b]);
      PLAIT_RETURN_IF_ERROR(Annotate(added, absl::StrCat("tensor ", tensor.name, ": block ", b)));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<LoadedImage> Finish() {
    PLAIT_ASSIGN_OR_RETURN(DecodePlan plan, builder_.Finish());
    return LoadedImage{std::move(plan), counts_};
  }

 private:
  absl::Status AddOrKeepDamaged(const CodedBlock& block) {
    absl::Status added = AddBlock(block);
    const bool is_damage = added.code() == absl::StatusCode::kDataLoss || added.code() == absl::StatusCode::kOutOfRange;
    if (!is_damage || !sink_status_.ok() || !options_.keep_damaged) return added;
    ++counts_.damaged;
    return builder_.AddDamaged(DamageOf(added), static_cast<uint32_t>(BlockRawBytes(block.spec)));
  }

  absl::Status AddBlock(const CodedBlock& block) {
    PLAIT_RETURN_IF_ERROR(CheckBlock(block.spec, block.bytes));
    if (const std::optional<DevicePlanes> planes = FindPlanes(block); planes.has_value()) {
      return AddAsCoded(*planes);
    }
    raw_.resize(BlockRawBytes(block.spec));
    PLAIT_RETURN_IF_ERROR(plait::DecodeBlock(block.spec, block.bytes, workspace_, raw_));
    if (!options_.recode) {
      return absl::UnimplementedError(FoundExpected(
          "planes", "others", "a tier stream and a stored plane of bf16, e4m3 or e5m2, which kernels decode"));
    }
    return AddRecoded(KindOf(block.spec.dtype));
  }

  absl::Status AddAsCoded(const DevicePlanes& planes) {
    if (planes.kind != PlaneKind::kBytes && !PlanePaddingIsZero(planes.kind, 1, planes.elements, planes.noise)) {
      return absl::DataLossError("bits behind a packed plane: found ones, expected zeros");
    }
    PLAIT_RETURN_IF_ERROR(builder_.AddTier(planes.kind, planes.stream, planes.noise, planes.elements));
    ++counts_.as_coded;
    return absl::OkStatus();
  }

  // Adds the elements of raw_, by tier if that is smaller.
  absl::Status AddRecoded(PlaneKind kind) {
    if (kind != PlaneKind::kBytes) {
      const size_t n = raw_.size() / GetPlaneLayout(kind).element_bytes;
      const PlaneSpans planes = workspace_.Planes(kind, n);
      SplitPlanes(kind, raw_, planes);
      stream_.resize(TierMaxBytes(n));
      const size_t stream_bytes = TierEncode(planes[0], PlanTier(CountBytes(planes[0]), n), stream_);
      if (AlignUp(stream_bytes, kAlignment) + planes[1].size() < raw_.size()) {
        ++counts_.recoded;
        return builder_.AddTier(kind, std::span(stream_).first(stream_bytes), planes[1], static_cast<uint32_t>(n));
      }
    }
    ++counts_.plain;
    return builder_.AddPlain(raw_);
  }

  const LoadOptions& options_;
  absl::Status sink_status_;
  ImageBuilder builder_;
  LoadCounts counts_;
  BlockWorkspace workspace_;
  std::vector<uint8_t> raw_, stream_;
};

}  // namespace

bool DecodesAsCoded(const CodedBlock& block) { return FindPlanes(block).has_value(); }

uint64_t MaxImageBytes(std::span<const CodedTensor> tensors) {
  uint64_t bytes = (2 * kNumKernels + 1) * kAlignment;  // what aligning the tables takes
  for (const CodedTensor& tensor : tensors) {
    for (const CodedBlock& block : tensor.blocks) {
      // Others become plain or smaller, and a copy has fewer tasks than groups of bytes.
      const std::optional<DevicePlanes> planes = FindPlanes(block);
      const uint64_t raw_bytes = BlockRawBytes(block.spec);
      const uint64_t plane_bytes = planes.has_value() ? planes->stream.size() + planes->noise.size() : raw_bytes;
      const uint64_t symbols = planes.has_value() ? planes->elements : raw_bytes;
      bytes += plane_bytes + 2 * kAlignment + sizeof(TierBlock) + sizeof(uint32_t);
      bytes += CeilDiv<uint64_t>(symbols, kGroupSymbols) * (sizeof(TierTask) + sizeof(TierGroup));
    }
  }
  return bytes;
}

absl::StatusOr<LoadedImage> LoadImage(std::span<const CodedTensor> tensors, const LoadOptions& options,
                                      const ImageSink& sink) {
  Loader loader(options, sink);
  for (size_t t = 0; t < tensors.size(); ++t) {
    PLAIT_RETURN_IF_ERROR(loader.Add(tensors[t]));
    if (options.progress) options.progress({tensors[t].name, t + 1, tensors.size()});
  }
  return loader.Finish();
}

ImageSink SinkTo(std::span<uint8_t> image) {
  return [image](uint64_t offset, std::span<const uint8_t> piece) {
    if (offset > image.size() || piece.size() > image.size() - offset) {
      return absl::ResourceExhaustedError(
          FoundExpected("image bytes", image.size(), absl::StrCat("at least ", offset + piece.size())));
    }
    std::ranges::copy(piece, image.begin() + static_cast<ptrdiff_t>(offset));
    return absl::OkStatus();
  };
}

}  // namespace plait::gpu
