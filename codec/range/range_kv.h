// Planes of a KV cache, without loss and as small as we can make them: the adaptive arithmetic coder of the small path.
// One plane is K or V of one model layer and a run of tokens, as [tokens][channels] floats.
//
// Each value is predicted from the values of the same token that are there already, in this plane and in others that
// the caller names (V from K, a model layer from the one before it), by least squares over the tokens before
// (range_predictor.h). Then sign, exponent and the upper bits of the mantissa are coded bit by bit with probabilities
// that depend on where the prediction lies, in units of how far predictions of this channel and this token were off.
// Rotated keys (RoPE) are rotated back for the prediction, not for the coding: the bits that come back are the bits
// that went in.
#ifndef PLAIT_CODEC_RANGE_RANGE_KV_H_
#define PLAIT_CODEC_RANGE_RANGE_KV_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/base/dtype.h"

namespace plait {

// What is known of a plane from outside.
struct RangePlane {
  Dtype dtype = Dtype::kBf16;  // kBf16, kF16, kF8E4m3 or kF8E5m2
  uint32_t tokens = 0;
  uint32_t channels = 0;
  // For keys behind their rotation by position: by how much channels i and i + n of each 2 n turn from one token to the
  // next, in 2^-32 of a whole turn, for i below n = rotation.size(). Empty: nothing turns. Other angles than the true
  // ones cost bits, no more.
  std::span<const uint32_t> rotation;
};

// What of a plane can predict others: its values in units of their channel, [tokens][channels].
struct RangeRows {
  uint32_t tokens = 0;
  uint32_t channels = 0;
  std::vector<int32_t> values;
};

// The probabilities that all planes share. One model coded plane by plane learns from each for the next; a decoder must
// have decoded the same planes with its own. After a failure it is of no more use. Not thread-safe.
class RangeModel {
 public:
  RangeModel();
  ~RangeModel();
  RangeModel(RangeModel&&) noexcept;
  RangeModel& operator=(RangeModel&&) noexcept;

  struct Shared;
  Shared& shared() { return *shared_; }

 private:
  std::unique_ptr<Shared> shared_;
};

// Appends the code of `elements`, the plane's values as little-endian words, to `coded`; puts its rows into `rows`
// unless that is null. `known` are the rows of other planes of the same tokens. A plane and what is known may have at
// most kRangeMaxRegressors - 1 channels together: cut wider ones by heads. Returns: kInvalidArgument for a dtype, a
// shape or sizes that are not so.
absl::Status EncodeRangePlane(const RangePlane& plane, std::span<const uint8_t> elements,
                              std::span<const RangeRows* const> known, RangeModel& model, RangeRows* rows,
                              std::vector<uint8_t>* coded);

// The reverse: fills `elements`. Reads nothing outside `coded` and takes memory for the plane's channels and rows
// alone. Returns: as EncodeRangePlane; kOutOfRange if `coded` ends early; kDataLoss if it is corrupt or too long.
// Nothing hashes a plane here, so a flipped bit may also decode to other values.
absl::Status DecodeRangePlane(const RangePlane& plane, std::span<const uint8_t> coded,
                              std::span<const RangeRows* const> known, RangeModel& model, RangeRows* rows,
                              std::span<uint8_t> elements);

}  // namespace plait

#endif  // PLAIT_CODEC_RANGE_RANGE_KV_H_
