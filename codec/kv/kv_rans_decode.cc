#include <algorithm>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/base/step_units.h"
#include "codec/kv/kv_rans.h"
#include "codec/kv/kv_rans_kernel.h"
#include "codec/kv/kv_rans_select.h"
#include "codec/kv/kv_strips.h"

namespace plait {
namespace {

constexpr size_t kStateBytes = 4;
constexpr size_t kMaxRowBytes = kKvMaxLanes * kKvUnitBits / 8;
static_assert(kMaxRowBytes <= kMaxStepBytes);

// A stream that is being decoded: what comes first and last is checked here.
class Stream {
 public:
  explicit Stream(size_t lanes) : lanes_(lanes) {}

  absl::Status Begin(std::span<const uint8_t> stream, uint32_t* states) {
    const size_t bytes = lanes_ * kStateBytes;
    if (stream.size() < bytes) return absl::OutOfRangeError(FoundExpected("KV stream bytes", stream.size(), bytes));
    for (size_t lane = 0; lane < lanes_; ++lane) {
      states[lane] = LoadLe<uint32_t>(stream.data() + lane * kStateBytes);
      if (states[lane] < kKvLowState || states[lane] >> kKvStateBits != 0) {
        return absl::DataLossError(
            FoundExpected("KV rans state", states[lane], absl::StrCat(kKvLowState, " to 2^", kKvStateBits)));
      }
    }
    units_ = StepUnits(stream.subspan(bytes), kMaxRowBytes);
    return absl::OkStatus();
  }

  // Calls decode(row, cursor), which returns how many rows it has done, until all rows are there.
  template <class DecodeRows>
  absl::Status DecodeStrip(size_t rows, const DecodeRows& decode) {
    size_t row = 0;
    do {
      KvUnitCursor cursor = {units_.at(), units_.stop()};
      row += decode(row, &cursor);
      units_.MoveTo(cursor.at);
    } while (row < rows && units_.GoOn());
    if (row == rows && !units_.RanOut()) return absl::OkStatus();
    return absl::OutOfRangeError("KV rans units: found the end of the stream, expected more");
  }

  absl::Status Finish(const uint32_t* states) const {
    if (!units_.AllUsed()) return absl::DataLossError("KV rans units: found more than the symbols take");
    const auto odd = std::find_if(states, states + lanes_, [](uint32_t state) { return state != kKvLowState; });
    if (odd == states + lanes_) return absl::OkStatus();
    return absl::DataLossError(FoundExpected("last KV rans state", *odd, kKvLowState));
  }

 private:
  size_t lanes_;
  StepUnits units_;
};

// Decodes a plane of either kind: begin(position, strip) in front of a strip, then decode(at, strip, cursor) for its
// rows from byte `at` of the plane on, which returns how many of them it has done.
template <class Plane, class Begin, class Decode>
absl::Status DecodePlane(const Plane& plane, size_t num_lanes, Stream& stream, const Begin& begin,
                         const Decode& decode) {
  if (plane.rows() == 0) return absl::OkStatus();  // there is no memory whose places could be named
  for (size_t position = 0; position < plane.channels(); position += num_lanes) {
    const KvStrip strip = KvStripAt(plane, position, num_lanes);
    begin(position, strip);
    PLAIT_RETURN_IF_ERROR(stream.DecodeStrip(strip.rows, [&](size_t row, KvUnitCursor* cursor) {
      KvStrip left = strip;
      left.rows -= row;
      return decode(row * strip.stride + position, left, cursor);
    }));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status KvRansDecode(const KvDecodeTables& tables, unsigned lanes_log2, std::span<const uint8_t> stream,
                          std::span<const KvSymbolPlane<uint8_t>> planes) {
  const KvRansKernels& kernels = ActiveKvRansKernels();
  const size_t num_lanes = size_t{1} << lanes_log2;
  KvLanes lanes{};
  Stream coded(num_lanes);
  PLAIT_RETURN_IF_ERROR(coded.Begin(stream, lanes.state));
  for (const auto& plane : planes) {
    PLAIT_RETURN_IF_ERROR(DecodePlane(
        plane, num_lanes, coded,
        [&](size_t position, const KvStrip& strip) {
          BeginKvStrip(tables.class_entries(), plane.class_of.subspan(position, strip.count), &lanes);
        },
        [&](size_t at, const KvStrip& strip, KvUnitCursor* cursor) {
          return kernels.decode(tables.entries().data(), strip, &lanes, cursor, plane.symbols.data() + at);
        }));
  }
  return coded.Finish(lanes.state);
}

absl::Status KvBitsDecode(const KvBitTables& tables, unsigned lanes_log2, std::span<const uint8_t> stream,
                          std::span<const KvBitPlane<uint8_t>> planes) {
  const KvRansKernels& kernels = ActiveKvRansKernels();
  const size_t num_lanes = size_t{1} << lanes_log2;
  KvBitLanes lanes{};
  Stream coded(num_lanes);
  PLAIT_RETURN_IF_ERROR(coded.Begin(stream, lanes.state));
  for (const auto& plane : planes) {
    PLAIT_RETURN_IF_ERROR(DecodePlane(
        plane, num_lanes, coded,
        [&](size_t position, const KvStrip& strip) {
          BeginKvBitStrip(tables, plane.class_of.subspan(position, strip.count), &lanes);
        },
        [&](size_t at, const KvStrip& strip, KvUnitCursor* cursor) {
          return kernels.decode_bits(strip, &lanes, cursor, plane.states.data() + at, plane.bits.data() + at);
        }));
  }
  return coded.Finish(lanes.state);
}

}  // namespace plait
