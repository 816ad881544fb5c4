#include "gpu/loader/dfloat11_loader.h"

#include "codec/base/bits.h"
#include "codec/base/status.h"

namespace plait::gpu {
namespace {

constexpr uint64_t kAlignment = 16;
constexpr uint64_t kMostBlockBytes = uint64_t{1} << 32;

// Whether a status is of a stream, and not of the sink or of what kernels have room for.
bool IsDamage(const absl::Status& status) {
  return status.code() == absl::StatusCode::kDataLoss || status.code() == absl::StatusCode::kOutOfRange;
}

}  // namespace

uint64_t MaxDFloat11ImageBytes(std::span<const DFloat11Weights> modules) {
  uint64_t bytes = (2 * kNumKernels + 1) * kAlignment;  // what aligning the tables takes
  for (const DFloat11Weights& module : modules) {
    const HuffmanParts& parts = module.parts;
    for (const auto& part : {parts.codes, parts.sign_mantissas, parts.luts, parts.gaps}) {
      bytes += AlignUp<uint64_t>(part.size(), kAlignment);
    }
    bytes += sizeof(HuffmanSource) + sizeof(uint32_t);
    bytes += CeilDiv<uint64_t>(parts.codes.size(), kHuffmanBlockBytes) * sizeof(HuffmanTask);
  }
  return bytes;
}

absl::StatusOr<DecodePlan> LoadDFloat11Image(std::span<const DFloat11Weights> modules,
                                             const DFloat11LoadOptions& options, const ImageSink& sink) {
  absl::Status sink_status;
  ImageBuilder builder([&](uint64_t offset, std::span<const uint8_t> piece) {
    sink_status = sink(offset, piece);
    return sink_status;
  });
  for (const DFloat11Weights& module : modules) {
    builder.BeginTensor(module.name);
    absl::Status added = builder.AddHuffman(module.parts);
    const uint64_t bytes = module.parts.sign_mantissas.size() * sizeof(uint16_t);
    if (options.keep_damaged && IsDamage(added) && sink_status.ok() && bytes < kMostBlockBytes) {
      const TierStatus damage = added.code() == absl::StatusCode::kOutOfRange ? kTierTruncated : kTierCorrupt;
      added = builder.AddDamaged(damage, static_cast<uint32_t>(bytes));
    }
    PLAIT_RETURN_IF_ERROR(Annotate(added, absl::StrCat("module ", module.name)));
  }
  return builder.Finish();
}

}  // namespace plait::gpu
