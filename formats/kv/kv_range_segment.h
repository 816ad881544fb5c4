// The segments of an object of the range form: planes of codec/range, cut by heads.
//   for each part of the heads, for each plane: turns of its rotation as a number n and n 32-bit words, the coded plane
//   as a run
// A part has the same heads of every plane, as many as kRangeFormChannels allow; a plane is predicted from those before
// it in its part. Every segment begins with a model of its own, so that any model layer decodes without the others.
#ifndef PLAIT_FORMATS_KV_KV_RANGE_SEGMENT_H_
#define PLAIT_FORMATS_KV_KV_RANGE_SEGMENT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "formats/kv/kv_geometry.h"

namespace plait {

// Of a plane in a part, unless a single head has more. Work for a value grows with them.
inline constexpr uint32_t kRangeFormChannels = 256;

// Appends the segment of the planes of `layer`, which all have `rows` rows.
// Returns: kInvalidArgument if the heads of its planes are so wide that codec/range refuses them.
absl::Status EncodeKvRangeSegment(const KvGeometry& geometry, const KvModelLayer& layer, size_t rows,
                                  std::span<const std::span<const uint16_t>> planes, std::vector<uint8_t>* segment);

// Returns: kOutOfRange if the segment ends early; kDataLoss if it is damaged. On failure elements are unspecified.
absl::Status DecodeKvRangeSegment(const KvGeometry& geometry, const KvModelLayer& layer, size_t rows,
                                  std::span<const uint8_t> segment, std::span<const std::span<uint16_t>> planes);

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_RANGE_SEGMENT_H_
