#include "codec/block/plane_codec.h"

#include <algorithm>

#include "codec/base/status.h"
#include "codec/block/zstd_codec.h"
#include "codec/histogram/histogram.h"
#include "codec/rans/rans.h"
#include "codec/tier/tier.h"

namespace plait {
namespace {

// Bytes between the samples of a plane (SampleBytes). Odd multiples of 8: rows of weights are powers of two.
constexpr size_t kSymbolSampleStride = 184;
constexpr size_t kNoiseSampleStride = 632;
// Small planes are sampled more closely, to have about so many samples; those up to this size are counted whole.
constexpr size_t kLeastSamples = 100;
constexpr size_t kMostCountedBytes = size_t{8} << 10;

// A coder that decodes more slowly than what it replaces must save at least this part of the plane.
constexpr size_t kWorthwhile = 128;

bool IsConstant(std::span<const uint8_t> plane) {
  return std::ranges::all_of(plane, [&](uint8_t byte) { return byte == plane[0]; });
}

void AppendStored(std::span<const uint8_t> plane, std::vector<uint8_t>* coded) {
  coded->insert(coded->end(), plane.begin(), plane.end());
}

ByteHistogram Sample(std::span<const uint8_t> plane, size_t stride) {
  if (plane.size() <= kMostCountedBytes) return CountBytes(plane);
  return SampleBytes(plane, std::min(stride, plane.size() / kLeastSamples / 16 * 16 + 8));
}

ByteHistogram SymbolCounts(std::span<const uint8_t> plane) { return Sample(plane, kSymbolSampleStride); }

void AppendTier(const TierPlan& plan, std::span<const uint8_t> plane, BlockWorkspace& workspace,
                std::vector<uint8_t>* coded) {
  const std::span<uint8_t> stream = workspace.TierStream(TierMaxBytes(plane.size()));
  AppendStored(stream.first(TierEncode(plane, plan, stream)), coded);
}

// Appends the plane as zstd if that takes at most `most` bytes.
bool TryZstd(int level, std::span<const uint8_t> plane, size_t most, BlockWorkspace& workspace,
             std::vector<uint8_t>* coded) {
  const size_t begin = coded->size();
  ZstdEncode(level, plane, workspace, coded);
  if (coded->size() - begin <= most) return true;
  coded->resize(begin);
  return false;
}

// The coder of symbols that promises the least, and how it will go about it.
class SymbolPlan {
 public:
  SymbolPlan(std::span<const uint8_t> plane, const EncodeSettings& settings)
      : plane_(plane),
        counts_(settings.rans ? CountForRans(plane, *settings.rans) : SymbolCounts(plane)),
        tier_(PlanTier(counts_, plane.size())),
        estimated_bytes_(tier_.estimated_bytes),
        ideal_bytes_(EstimatedOrderZeroBits(counts_, plane.size()) / 8) {
    if (!settings.rans) return;
    rans_ = PlanRans(counts_, plane.size(), *settings.rans);
    if (rans_.estimated_bytes >= estimated_bytes_) return;
    codec_ = CodecId::kRans;
    estimated_bytes_ = rans_.estimated_bytes;
  }

  size_t estimated_bytes() const { return std::min(estimated_bytes_, plane_.size()); }
  // What an ideal coder of single symbols would take.
  size_t ideal_bytes() const { return ideal_bytes_; }

  // Appends the plane, coded; if that is not smaller, the plane as it is.
  CodecId Append(BlockWorkspace& workspace, std::vector<uint8_t>* coded) const {
    const size_t begin = coded->size();
    if (codec_ == CodecId::kRans) {
      RansEncode(plane_, rans_, workspace.Rans(), coded);
    } else {
      AppendTier(tier_, plane_, workspace, coded);
    }
    if (coded->size() - begin < plane_.size()) return codec_;
    coded->resize(begin);
    AppendStored(plane_, coded);
    return CodecId::kStore;
  }

 private:
  std::span<const uint8_t> plane_;
  ByteHistogram counts_;
  TierPlan tier_;
  size_t estimated_bytes_;
  size_t ideal_bytes_;
  RansPlan rans_;
  CodecId codec_ = CodecId::kTier;
};

EncodedPlane EncodeSymbols(std::span<const uint8_t> plane, const EncodeSettings& settings, BlockWorkspace& workspace,
                           std::vector<uint8_t>* coded) {
  const SymbolPlan plan(plane, settings);
  // Tier takes a bit a symbol at least; below a bit, where repeats are likely, zstd may beat even an ideal coder of
  // single symbols, which rans nearly is.
  const size_t bytes = plan.estimated_bytes();
  const size_t least_saving = plane.size() / settings.least_zstd_saving;
  const bool zstd_may_help =
      plan.ideal_bytes() + least_saving < bytes || (settings.rans && plan.ideal_bytes() < plane.size() / 8);
  const size_t most = bytes - std::min(bytes, least_saving);
  if (zstd_may_help && TryZstd(kZstdLevel, plane, most, workspace, coded)) return {CodecId::kZstd, plan.ideal_bytes()};
  return {plan.Append(workspace, coded), plan.ideal_bytes()};
}

// Signs and mantissas that save enough have few values (the widened values of a narrower type, zeros): any symbol coder
// then decodes faster than zstd.
EncodedPlane EncodeNoise(std::span<const uint8_t> plane, const EncodeSettings& settings, BlockWorkspace& workspace,
                         std::vector<uint8_t>* coded) {
  const size_t least_saving = plane.size() / settings.least_zstd_saving;
  const size_t most = plane.size() - least_saving;
  const size_t ideal_bytes = EstimatedOrderZeroBits(Sample(plane, kNoiseSampleStride), plane.size()) / 8;
  if (ideal_bytes > most) {
    AppendStored(plane, coded);
    return {CodecId::kStore, ideal_bytes};
  }
  const SymbolPlan plan(plane, {.rans = settings.rans.value_or(kFastRans)});
  const size_t bytes = std::min(plan.estimated_bytes(), most);
  const bool zstd_may_help = settings.rans || ideal_bytes < plane.size() / 4 || plan.estimated_bytes() > most;
  const size_t most_zstd = bytes - std::min(bytes, plan.estimated_bytes() > most ? 0 : least_saving);
  if (zstd_may_help && TryZstd(kZstdLevel, plane, most_zstd, workspace, coded)) return {CodecId::kZstd, ideal_bytes};
  return {plan.Append(workspace, coded), ideal_bytes};
}

// Bytes of unknown meaning may be symbols too: exponents of their own (e8m0), small codes.
EncodedPlane EncodeBytes(std::span<const uint8_t> plane, const EncodeSettings& settings, BlockWorkspace& workspace,
                         std::vector<uint8_t>* coded) {
  const SymbolPlan plan(plane, settings);
  const size_t bytes = plan.estimated_bytes();
  const size_t most_zstd = bytes - bytes / kWorthwhile;
  if (TryZstd(kZstdLevel, plane, most_zstd, workspace, coded)) return {CodecId::kZstd, plan.ideal_bytes()};
  if (bytes < plane.size() - plane.size() / kWorthwhile) return {plan.Append(workspace, coded), plan.ideal_bytes()};
  AppendStored(plane, coded);
  return {CodecId::kStore, plan.ideal_bytes()};
}

}  // namespace

EncodedPlane EncodePlane(PlaneRole role, std::span<const uint8_t> plane, const EncodeSettings& settings,
                         BlockWorkspace& workspace, std::vector<uint8_t>* coded) {
  if (!plane.empty() && IsConstant(plane)) {
    coded->push_back(plane[0]);
    return {CodecId::kConstant, 0};
  }
  switch (role) {
    case PlaneRole::kSymbols: return EncodeSymbols(plane, settings, workspace, coded);
    case PlaneRole::kNoise: return EncodeNoise(plane, settings, workspace, coded);
    case PlaneRole::kBytes: return EncodeBytes(plane, settings, workspace, coded);
  }
  AppendStored(plane, coded);
  return {CodecId::kStore, plane.size()};
}

bool EncodePlaneWith(CodecId codec, std::span<const uint8_t> plane, BlockWorkspace& workspace,
                     std::vector<uint8_t>* coded) {
  switch (codec) {
    case CodecId::kStore: AppendStored(plane, coded); return true;
    case CodecId::kZstd: ZstdEncode(kZstdLevel, plane, workspace, coded); return true;
    case CodecId::kTier: AppendTier(PlanTier(SymbolCounts(plane), plane.size()), plane, workspace, coded); return true;
    case CodecId::kRans:
      RansEncode(plane, PlanRans(CountBytes(plane), plane.size(), {}), workspace.Rans(), coded);
      return true;
    case CodecId::kConstant:
      if (plane.empty() || !IsConstant(plane)) return false;
      coded->push_back(plane[0]);
      return true;
  }
  return false;
}

absl::Status DecodePlane(CodecId codec, std::span<const uint8_t> coded, BlockWorkspace& workspace,
                         std::span<uint8_t> plane) {
  switch (codec) {
    case CodecId::kStore:
      if (coded.size() != plane.size())
        return absl::DataLossError(FoundExpected("stored bytes", coded.size(), plane.size()));
      std::ranges::copy(coded, plane.begin());
      return absl::OkStatus();
    case CodecId::kZstd: return ZstdDecode(coded, workspace, plane);
    case CodecId::kTier: return TierDecode(coded, workspace.Tier(), plane);
    case CodecId::kRans: return RansDecode(coded, workspace.Rans(), plane);
    case CodecId::kConstant:
      if (coded.size() != 1) return absl::DataLossError(FoundExpected("bytes of a constant plane", coded.size(), 1));
      std::ranges::fill(plane, coded[0]);
      return absl::OkStatus();
  }
  return absl::InternalError("a codec id without a decoder");
}

}  // namespace plait
