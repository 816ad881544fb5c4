#include "formats/kv/kv_range_segment.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/kv/kv_bytes.h"
#include "codec/kv/kv_values.h"
#include "codec/range/range_kv.h"
#include "formats/kv/kv_elements.h"

namespace plait {
namespace {

// Heads [first, first + count) of a plane that has rows x channels elements.
struct Part {
  size_t first_channel = 0;
  size_t channels = 0;
};

uint32_t HeadsOfPart(const KvPlaneInfo& plane) { return std::max<uint32_t>(kRangeFormChannels / plane.head_dim, 1); }

size_t NumParts(std::span<const KvPlaneInfo> planes) {
  size_t parts = 0;
  for (const KvPlaneInfo& plane : planes) parts = std::max<size_t>(parts, CeilDiv(plane.heads, HeadsOfPart(plane)));
  return parts;
}

// Part number `part` of a plane: empty behind its last head.
Part PartOf(const KvPlaneInfo& plane, size_t part) {
  const size_t heads = HeadsOfPart(plane);
  const size_t first = std::min<size_t>(part * heads, plane.heads);
  return {first * plane.head_dim, std::min<size_t>(heads, plane.heads - first) * plane.head_dim};
}

std::vector<uint16_t> ColumnsOf(std::span<const uint16_t> x, size_t rows, size_t channels, const Part& part) {
  std::vector<uint16_t> columns;
  columns.reserve(rows * part.channels);
  for (size_t row = 0; row < rows; ++row) {
    const auto from = x.subspan(row * channels + part.first_channel, part.channels);
    columns.insert(columns.end(), from.begin(), from.end());
  }
  return columns;
}

// --- what turns keys: rotations by position, found by trying the usual bases ---

constexpr double kBases[] = {1e4, 1e5, 1.3e5, 5e5, 1e6, 1e7};

// In turns, from one token to the next, of channels i and i + n of each head.
std::vector<double> TurnsOf(double base, size_t n) {
  std::vector<double> turns(n);
  for (size_t i = 0; i < n; ++i) {
    turns[i] = std::pow(base, -static_cast<double>(i) / static_cast<double>(n)) / (2 * std::numbers::pi);
  }
  return turns;
}

// How much of each row is like the row before it, turned on: sums of products of neighbouring rows.
double Likeness(KvElement element, std::span<const uint16_t> x, size_t channels, std::span<const double> turns) {
  const KvElementInfo info = GetKvElementInfo(element);
  const size_t n = turns.size();
  std::vector<std::complex<double>> turn(n);
  for (size_t i = 0; i < n; ++i) turn[i] = std::polar(1.0, 2 * std::numbers::pi * turns[i]);
  const auto value = [&](size_t at) { return IsKvFinite(info, x[at]) ? double{KvValue(info, x[at])} : 0.0; };
  const auto number = [&](size_t at) { return std::complex<double>(value(at), value(at + n)); };
  double sum = 0;
  for (size_t at = channels; at < x.size(); at += channels) {
    for (size_t head = 0; head + 2 * n <= channels; head += 2 * n) {
      for (size_t i = 0; i < n; ++i) {
        const auto before = number(at - channels + head + i) * turn[i];
        sum += std::real(std::conj(before) * number(at + head + i));
      }
    }
  }
  return sum;
}

// Empty unless rows are more alike when they are turned.
std::vector<uint32_t> FindRotation(const KvGeometry& geometry, const KvPlaneInfo& plane, std::span<const uint16_t> x,
                                   size_t channels) {
  const size_t n = plane.head_dim / 2;
  if (geometry.rope != KvRope::kPost || plane.head_dim % 2 != 0) return {};
  std::vector<double> best(n);
  double best_likeness = Likeness(geometry.element, x, channels, best);
  bool turned = false;
  for (const double base : kBases) {
    const std::vector<double> turns = TurnsOf(base, n);
    const double likeness = Likeness(geometry.element, x, channels, turns);
    if (likeness <= best_likeness) continue;
    best = turns;
    best_likeness = likeness;
    turned = true;
  }
  if (!turned) return {};
  std::vector<uint32_t> rotation;
  rotation.reserve(n);
  for (const double turns : best) rotation.push_back(static_cast<uint32_t>(std::llround(turns * 0x1p32)));
  return rotation;
}

void AppendRotation(std::span<const uint32_t> rotation, std::vector<uint8_t>* segment) {
  AppendKvNumber(rotation.size(), segment);
  for (const uint32_t turns : rotation) {
    segment->resize(segment->size() + sizeof(turns));
    StoreLe(turns, segment->data() + segment->size() - sizeof(turns));
  }
}

absl::Status ReadRotation(KvBytesReader& bytes, size_t channels, std::vector<uint32_t>* rotation) {
  uint64_t count = 0;
  std::span<const uint8_t> words;
  PLAIT_RETURN_IF_ERROR(bytes.ReadNumber("turns of a rotation", channels / 2, &count));
  if (count != 0 && channels % (2 * count) != 0) {
    return absl::DataLossError(FoundExpected("turns of a rotation", count, absl::StrCat("some of ", channels / 2)));
  }
  PLAIT_RETURN_IF_ERROR(bytes.Read("rotation", count * sizeof(uint32_t), &words));
  for (size_t i = 0; i < count; ++i) rotation->push_back(LoadLe<uint32_t>(words.data() + i * sizeof(uint32_t)));
  return absl::OkStatus();
}

std::vector<const RangeRows*> Known(const std::vector<RangeRows>& rows, size_t count) {
  std::vector<const RangeRows*> known;
  for (size_t i = 0; i < count; ++i) {
    if (!rows[i].values.empty()) known.push_back(&rows[i]);
  }
  return known;
}

RangePlane PlaneOf(const KvGeometry& geometry, size_t rows, const Part& part, std::span<const uint32_t> rotation) {
  return {.dtype = DtypeOf(geometry.element),
          .tokens = static_cast<uint32_t>(rows),
          .channels = static_cast<uint32_t>(part.channels),
          .rotation = rotation};
}

// A shape that codec/range has no room for is the caller's mistake, or the object's.
absl::Status OfAnObject(const absl::Status& status) {
  return absl::IsInvalidArgument(status) ? absl::DataLossError(status.message()) : status;
}

std::span<const KvPlaneInfo> InfosOf(const KvGeometry& geometry, const KvModelLayer& layer) {
  return std::span(geometry.planes).subspan(layer.first_plane, layer.num_planes);
}

}  // namespace

absl::Status EncodeKvRangeSegment(const KvGeometry& geometry, const KvModelLayer& layer, size_t rows,
                                  std::span<const std::span<const uint16_t>> planes, std::vector<uint8_t>* segment) {
  const std::span<const KvPlaneInfo> infos = InfosOf(geometry, layer);
  RangeModel model;
  std::vector<uint8_t> raw, coded;
  for (size_t p = 0; p < NumParts(infos); ++p) {
    std::vector<RangeRows> part_rows(infos.size());
    for (size_t i = 0; i < infos.size(); ++i) {
      const Part part = PartOf(infos[i], p);
      if (part.channels == 0) continue;
      const std::vector<uint16_t> x = ColumnsOf(planes[i], rows, infos[i].channels(), part);
      const std::vector<uint32_t> rotation = FindRotation(geometry, infos[i], x, part.channels);
      raw.resize(x.size() * GetKvElementInfo(geometry.element).bytes());
      KvElementsToBytes(geometry.element, x, raw);
      coded.clear();
      PLAIT_RETURN_IF_ERROR(EncodeRangePlane(PlaneOf(geometry, rows, part, rotation), raw, Known(part_rows, i), model,
                                             &part_rows[i], &coded));
      AppendRotation(rotation, segment);
      AppendKvRun(coded, segment);
    }
  }
  return absl::OkStatus();
}

absl::Status DecodeKvRangeSegment(const KvGeometry& geometry, const KvModelLayer& layer, size_t rows,
                                  std::span<const uint8_t> segment, std::span<const std::span<uint16_t>> planes) {
  const std::span<const KvPlaneInfo> infos = InfosOf(geometry, layer);
  KvBytesReader bytes(segment);
  RangeModel model;
  std::vector<uint8_t> raw;
  std::vector<uint16_t> x;
  for (size_t p = 0; p < NumParts(infos); ++p) {
    std::vector<RangeRows> part_rows(infos.size());
    for (size_t i = 0; i < infos.size(); ++i) {
      const Part part = PartOf(infos[i], p);
      if (part.channels == 0) continue;
      std::vector<uint32_t> rotation;
      std::span<const uint8_t> coded;
      PLAIT_RETURN_IF_ERROR(ReadRotation(bytes, part.channels, &rotation));
      PLAIT_RETURN_IF_ERROR(bytes.ReadRun("coded plane", &coded));
      x.resize(rows * part.channels);
      raw.resize(x.size() * GetKvElementInfo(geometry.element).bytes());
      PLAIT_RETURN_IF_ERROR(OfAnObject(DecodeRangePlane(PlaneOf(geometry, rows, part, rotation), coded,
                                                        Known(part_rows, i), model, &part_rows[i], raw)));
      KvElementsFromBytes(geometry.element, raw, x);
      for (size_t row = 0; row < rows; ++row) {
        const auto from = std::span(x).subspan(row * part.channels, part.channels);
        std::ranges::copy(from, planes[i].subspan(row * infos[i].channels() + part.first_channel).begin());
      }
    }
  }
  return bytes.Finish("segment");
}

}  // namespace plait
