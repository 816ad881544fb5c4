#include <algorithm>
#include <memory>

#include "codec/base/endian.h"
#include "codec/kv/kv_rans.h"
#include "codec/kv/kv_rans_kernel.h"
#include "codec/kv/kv_rans_select.h"
#include "codec/kv/kv_strips.h"

namespace plait {
namespace {

constexpr size_t kStateBytes = 4;
constexpr size_t kUnitBytes = kKvUnitBits / 8;
constexpr size_t kRowsAtOnce = 64;  // their pushes stay in the first cache

// A stream that is being encoded, from its end to its begin.
class Stream {
 public:
  Stream(size_t num_lanes, size_t num_symbols)
      : num_lanes_(num_lanes),
        room_(num_symbols * kUnitBytes + kKvUnitsSlack),
        buffer_(std::make_unique_for_overwrite<uint8_t[]>(room_)),
        units_(buffer_.get() + room_) {
    std::ranges::fill(states_, kKvLowState);
  }

  // For rows of a strip, the last ones first: find(row, part, pushes) gives those of a part that begins at `row`.
  template <class Find>
  void EncodeStrip(const uint16_t* slots, const KvStrip& strip, const Find& find) {
    KvStrip part = strip;
    for (size_t end = strip.rows; end > 0;) {
      const size_t row = (end - 1) / kRowsAtOnce * kRowsAtOnce;
      part.rows = end - row;
      find(row, part, pushes_);
      units_ = kernels_.encode(slots, pushes_, part.rows, num_lanes_, states_, units_);
      end = row;
    }
  }

  void AppendTo(std::vector<uint8_t>* stream) const {
    for (size_t lane = 0; lane < num_lanes_; ++lane) {
      stream->resize(stream->size() + kStateBytes);
      StoreLe(states_[lane], stream->data() + stream->size() - kStateBytes);
    }
    stream->insert(stream->end(), units_, buffer_.get() + room_);
  }

 private:
  const KvRansKernels& kernels_ = ActiveKvRansKernels();
  size_t num_lanes_;
  size_t room_;
  std::unique_ptr<uint8_t[]> buffer_;
  uint8_t* units_;
  alignas(64) uint32_t states_[kKvMaxLanes];
  alignas(64) uint32_t pushes_[kRowsAtOnce * kKvMaxLanes];
};

template <class Plane>
size_t NumSymbols(std::span<const Plane> planes) {
  size_t sum = 0;
  for (const Plane& plane : planes) sum += plane.rows() * plane.channels();
  return sum;
}

// Calls encode(plane, position, strip) for all strips, the last one first.
template <class Plane, class EncodeStrip>
void ForEachStripBackwards(std::span<const Plane> planes, size_t num_lanes, const EncodeStrip& encode) {
  for (size_t p = planes.size(); p-- > 0;) {
    const size_t num_strips = (planes[p].channels() + num_lanes - 1) / num_lanes;
    for (size_t s = num_strips; s-- > 0;) {
      encode(planes[p], s * num_lanes, KvStripAt(planes[p], s * num_lanes, num_lanes));
    }
  }
}

}  // namespace

void KvRansEncode(const KvEncodeTables& tables, unsigned lanes_log2,
                  std::span<const KvSymbolPlane<const uint8_t>> planes, std::vector<uint8_t>* stream) {
  const KvRansKernels& kernels = ActiveKvRansKernels();
  const size_t num_lanes = size_t{1} << lanes_log2;
  const uint32_t* const entries = tables.entries().data();
  Stream coded(num_lanes, NumSymbols(planes));
  KvLanes lanes{};
  ForEachStripBackwards(planes, num_lanes, [&](const auto& plane, size_t position, const KvStrip& strip) {
    coded.EncodeStrip(tables.slots().data(), strip, [&](size_t row, const KvStrip& part, uint32_t* pushes) {
      const uint8_t* const symbols = plane.symbols.data() + row * strip.stride + position;
      BeginKvStrip(tables.class_entries(), plane.class_of.subspan(position, strip.count), &lanes);
      for (size_t lane = 0; row > 0 && lane < strip.count; ++lane) {
        const uint8_t before = (symbols - strip.stride)[lane];
        lanes.table[lane] += KvEncodeTables::NextContext(entries[lanes.class_table[lane] + before]) * kKvSymbols;
      }
      kernels.find(entries, part, &lanes, symbols, pushes);
    });
  });
  coded.AppendTo(stream);
}

void KvEscapeUnknown(const KvEncodeTables& tables, const KvSymbolPlane<uint8_t>& plane) {
  const auto classes = plane.class_of;
  for (size_t begin = 0, end = 0; begin < classes.size(); begin = end) {
    while (end < classes.size() && classes[end] == classes[begin]) ++end;
    ActiveKvRansKernels().escape_unknown(tables.known()[classes[begin]], end - begin, plane.rows(), classes.size(),
                                         plane.symbols.data() + begin);
  }
}

void KvBitsEncode(const KvBitTables& tables, unsigned lanes_log2, std::span<const KvBitPlane<const uint8_t>> planes,
                  std::vector<uint8_t>* stream) {
  const KvRansKernels& kernels = ActiveKvRansKernels();
  const size_t num_lanes = size_t{1} << lanes_log2;
  Stream coded(num_lanes, NumSymbols(planes));
  KvBitLanes lanes{};
  ForEachStripBackwards(planes, num_lanes, [&](const auto& plane, size_t position, const KvStrip& strip) {
    coded.EncodeStrip(nullptr, strip, [&](size_t row, const KvStrip& part, uint32_t* pushes) {
      const size_t at = row * strip.stride + position;
      BeginKvBitStrip(tables, plane.class_of.subspan(position, strip.count), &lanes);
      for (size_t lane = 0; row > 0 && lane < strip.count; ++lane) {
        const size_t before = at - strip.stride + lane;
        lanes.negative[lane] = KvBitIsNegative(plane.states[before], plane.bits[before]);
      }
      kernels.find_bits(part, &lanes, plane.states.data() + at, plane.bits.data() + at, pushes);
    });
  });
  coded.AppendTo(stream);
}

}  // namespace plait
