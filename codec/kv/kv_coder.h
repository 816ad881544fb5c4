// Codes the planes of one model layer of a token chunk with a profile: segment by segment, from the base to the exact
// layer, or at once without loss. FORMAT.md beside this file has the bytes.
#ifndef PLAIT_CODEC_KV_KV_CODER_H_
#define PLAIT_CODEC_KV_KV_CODER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "codec/kv/kv_profile.h"

namespace plait {

// A profile with its tables expanded. Immutable: any number of threads may code with one.
class KvCoder {
 public:
  // Returns: as CheckKvProfile.
  static absl::StatusOr<std::shared_ptr<const KvCoder>> Create(KvProfile profile);

  const KvProfile& profile() const { return profile_; }
  // A segment for each: the base, the refinements, the exact layer.
  unsigned num_qualities() const { return profile_.refinements + 2; }

 private:
  friend class KvLayerEncoder;
  friend class KvLayerDecoder;
  // (expanded tables, coded orders of each plane)
  explicit KvCoder(KvProfile profile);
  KvProfile profile_;
};

// Planes number [first_plane, first_plane + num_planes) of the profile: those of one model layer, all with the same
// rows.
struct KvLayerShape {
  size_t first_plane = 0;
  size_t num_planes = 2;
  size_t rows = 0;         // tokens, at most kKvMaxRows
  size_t exact_first = 0;  // so many rows at the begin (attention sinks) are exact at every quality
  size_t exact_last = 0;   // and at the end
};
inline constexpr size_t kKvMaxRows = 1 << 16;

// Elements of a plane, rows x channels; 8-bit types in the low byte.
using KvElements = std::span<const uint16_t>;

class KvLayerEncoder {
 public:
  // `planes` (one of each of shape.num_planes) and `coder` must outlive this.
  // Returns: kInvalidArgument if sizes do not fit the profile.
  static absl::StatusOr<KvLayerEncoder> Create(std::shared_ptr<const KvCoder> coder, const KvLayerShape& shape,
                                               std::vector<KvElements> planes);

  // Appends the segment of `quality`, 0 (base) to num_qualities() - 1 (exact). Ascending order, each once.
  // Requires: the profile's planes have quality layers.
  void EncodeQuality(unsigned quality, std::vector<uint8_t>* segment);
  // After EncodeQuality(quality): the mean square of the error of plane number `plane` at that quality; elements that
  // are not finite do not count. 0 at the exact layer.
  double MeanSquaredError(unsigned quality, size_t plane) const;

  // Appends the one segment of the lossless-only form.
  void EncodeLossless(std::vector<uint8_t>* segment);
};

// Any prefix of an encoder's segments.
class KvLayerDecoder {
 public:
  // Returns: kInvalidArgument if the shape does not fit the profile.
  static absl::StatusOr<KvLayerDecoder> Create(std::shared_ptr<const KvCoder> coder, const KvLayerShape& shape);

  // Takes the segment of the next quality. Returns: kOutOfRange or kDataLoss if it is damaged; then the decoder stays at
  // the quality that it had.
  absl::Status Add(std::span<const uint8_t> segment);
  // How many segments have been taken.
  unsigned qualities() const;
  // The values of plane number `plane` (rows x channels) as far as they are known: may be called after every Add().
  // Requires: at least one segment has been taken.
  void Values(size_t plane, std::span<uint16_t> x) const;

  // The lossless-only form: the one segment to elements of all planes.
  // Returns: kOutOfRange or kDataLoss if it is damaged; elements are unspecified then.
  static absl::Status DecodeLossless(const KvCoder& coder, const KvLayerShape& shape, std::span<const uint8_t> segment,
                                     std::span<const std::span<uint16_t>> planes);
};

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_CODER_H_
