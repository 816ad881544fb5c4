#include "codec/kv/kv_rows.h"

#include <bit>
#include <cstring>

#include "codec/base/hash.h"
#include "codec/base/status.h"

namespace plait {
namespace {

std::span<const uint16_t> Row(std::span<const uint16_t> x, size_t channels, size_t row) {
  return x.subspan(row * channels, channels);
}

void CopyRow(std::span<const uint16_t> from, std::span<uint16_t> to) {
  std::memcpy(to.data(), from.data(), from.size_bytes());
}

// The first row of every hash: a table with open addressing, half empty.
class FirstRows {
 public:
  explicit FirstRows(size_t max_rows) : places_(std::bit_ceil(2 * max_rows + 1), Place{0, kNone}) {}

  // The row that came first with this hash, which may be `row` itself.
  uint32_t Find(uint64_t hash, uint32_t row) {
    for (size_t i = hash;; ++i) {
      Place& place = places_[i & (places_.size() - 1)];
      if (place.row == kNone) place = {hash, row};
      if (place.hash == hash) return place.row;
    }
  }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};
  struct Place {
    uint64_t hash;
    uint32_t row;
  };
  std::vector<Place> places_;
};

}  // namespace

KvRowPlan PlanKvRows(const KvExactRows& exact, size_t channels, std::span<const uint16_t> x) {
  KvRowPlan plan;
  plan.main_rows.reserve(exact.rows - exact.count());
  FirstRows first_rows(exact.rows);
  for (uint32_t row = 0; row < exact.rows; ++row) {
    const auto elements = Row(x, channels, row);
    const uint64_t hash = Hash64({reinterpret_cast<const uint8_t*>(elements.data()), elements.size_bytes()});
    const uint32_t first = first_rows.Find(hash, row);
    if (exact.contains(row)) continue;
    const auto earlier = Row(x, channels, first);
    if (first != row && std::memcmp(earlier.data(), elements.data(), elements.size_bytes()) == 0) {
      plan.repeats.push_back({row, first});
    } else {
      plan.main_rows.push_back(row);
    }
  }
  return plan;
}

void AppendKvRepeats(std::span<const KvRepeat> repeats, std::vector<uint8_t>* out) {
  AppendKvNumber(repeats.size(), out);
  for (uint32_t before = 0; const auto& [row, source] : repeats) {
    AppendKvNumber(row - before, out);
    AppendKvNumber(row - source, out);
    before = row;
  }
}

absl::Status ReadKvRowPlan(const KvExactRows& exact, KvBytesReader& bytes, KvRowPlan* plan) {
  uint64_t count = 0;
  PLAIT_RETURN_IF_ERROR(bytes.ReadNumber("repeats", exact.rows - exact.count(), &count));
  plan->repeats.reserve(count);
  plan->main_rows.reserve(exact.rows - exact.count() - count);
  std::vector<bool> is_copy(exact.rows);
  for (uint64_t row = 0, i = 0; i < count; ++i) {
    uint64_t step = 0, distance = 0;
    PLAIT_RETURN_IF_ERROR(bytes.ReadNumber("repeated row", exact.rows - 1 - row, &step));
    row += step;
    PLAIT_RETURN_IF_ERROR(bytes.ReadNumber("source of a repeated row", row, &distance));
    if (distance == 0 || exact.contains(row) || is_copy[row] || is_copy[row - distance]) {
      return absl::DataLossError(FoundExpected("repeated row", absl::StrCat(row, " from ", row - distance),
                                               "an earlier row that is no copy, once"));
    }
    is_copy[row] = true;
    plan->repeats.push_back({static_cast<uint32_t>(row), static_cast<uint32_t>(row - distance)});
  }
  for (uint32_t row = 0; row < exact.rows; ++row) {
    if (!is_copy[row] && !exact.contains(row)) plan->main_rows.push_back(row);
  }
  return absl::OkStatus();
}

void GatherKvRows(std::span<const uint32_t> rows, size_t channels, std::span<const uint16_t> x,
                  std::vector<uint16_t>* to) {
  to->resize(rows.size() * channels);
  for (size_t i = 0; i < rows.size(); ++i) CopyRow(Row(x, channels, rows[i]), std::span(*to).subspan(i * channels));
}

void ScatterKvRows(std::span<const uint32_t> rows, size_t channels, std::span<const uint16_t> from,
                   std::span<uint16_t> x) {
  for (size_t i = 0; i < rows.size(); ++i) CopyRow(Row(from, channels, i), x.subspan(rows[i] * channels));
}

void CopyKvRepeats(std::span<const KvRepeat> repeats, size_t channels, std::span<uint16_t> x) {
  for (const auto& [row, source] : repeats) CopyRow(Row(x, channels, source), x.subspan(row * channels));
}

}  // namespace plait
