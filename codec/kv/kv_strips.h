// What the kernels are told of a strip, for encoding and decoding alike.
#ifndef PLAIT_CODEC_KV_KV_STRIPS_H_
#define PLAIT_CODEC_KV_KV_STRIPS_H_

#include <algorithm>
#include <span>

#include "codec/kv/kv_rans.h"
#include "codec/kv/kv_rans_kernel.h"

namespace plait {

// Of a plane of either kind: the strip that begins at `position`.
template <class Plane>
KvStrip KvStripAt(const Plane& plane, size_t position, size_t num_lanes) {
  return {.lanes = num_lanes,
          .count = std::min(num_lanes, plane.channels() - position),
          .rows = plane.rows(),
          .stride = plane.channels()};
}

// Tables for the first row of a strip, whose positions have these classes. States stay.
inline void BeginKvStrip(size_t class_entries, std::span<const uint8_t> classes, KvLanes* lanes) {
  for (size_t lane = 0; lane < classes.size(); ++lane) {
    lanes->class_table[lane] = static_cast<uint32_t>(classes[lane] * class_entries);
    lanes->table[lane] = lanes->class_table[lane];
  }
}

inline void BeginKvBitStrip(const KvBitTables& tables, std::span<const uint8_t> classes, KvBitLanes* lanes) {
  for (size_t lane = 0; lane < classes.size(); ++lane) {
    for (size_t c = 0; c < kKvBitContexts; ++c) lanes->zeros[c][lane] = tables[classes[lane]][c];
    lanes->negative[lane] = 0;
  }
}

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_STRIPS_H_
