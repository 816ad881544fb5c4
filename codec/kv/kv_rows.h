// Which rows of a plane are coded how: rows that are exact at every quality, rows that are copies of an earlier one,
// and the others (main rows), which the quality layers or the lossless-only form code.
#ifndef PLAIT_CODEC_KV_KV_ROWS_H_
#define PLAIT_CODEC_KV_KV_ROWS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_bytes.h"

namespace plait {

struct KvRepeat {
  uint32_t row;
  uint32_t source;  // an earlier row, itself no copy
};

struct KvRowPlan {
  std::vector<KvRepeat> repeats;    // ascending by row
  std::vector<uint32_t> main_rows;  // ascending
};

// Rows that are exact at every quality: [0, first) and [rows - last, rows), or all if these meet.
struct KvExactRows {
  size_t rows = 0;
  size_t first = 0;
  size_t last = 0;

  size_t count() const { return first + last < rows ? first + last : rows; }
  // The row number of exact row i.
  size_t at(size_t i) const { return i < first ? i : rows - count() + i; }
  bool contains(size_t row) const { return row < first || row + last >= rows; }
};

// Finds repeats among the rows that are not exact; exact rows may be their sources.
KvRowPlan PlanKvRows(const KvExactRows& exact, size_t channels, std::span<const uint16_t> x);

// Number of repeats, then of each: how many rows behind the one before (the first: behind row 0), how far back its
// source is.
void AppendKvRepeats(std::span<const KvRepeat> repeats, std::vector<uint8_t>* out);
// Returns: kOutOfRange or kDataLoss if what stands there is no list of repeats of these rows.
absl::Status ReadKvRowPlan(const KvExactRows& exact, KvBytesReader& bytes, KvRowPlan* plan);

// to = rows of x; and back.
void GatherKvRows(std::span<const uint32_t> rows, size_t channels, std::span<const uint16_t> x,
                  std::vector<uint16_t>* to);
void ScatterKvRows(std::span<const uint32_t> rows, size_t channels, std::span<const uint16_t> from,
                   std::span<uint16_t> x);
// Fills the rows that are copies.
void CopyKvRepeats(std::span<const KvRepeat> repeats, size_t channels, std::span<uint16_t> x);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_ROWS_H_
