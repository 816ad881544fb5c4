#include "codec/kv/kv_row_steps.h"

#include <algorithm>
#include <array>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "codec/kv/kv_values.h"

namespace plait {
namespace {

constexpr unsigned kBits = 2;
constexpr size_t kRowsOfByte = 8 / kBits;

// floor(log16(sum / reference) + 1/2), clamped. Compares with exact powers: no logarithm, whose last bit may differ.
int RowStep(double sum, double reference) {
  int step = -kKvMaxRowStep;
  double limit = reference * 0.25;  // 16^(d - 1/2) for d = 0
  for (int d = 0; d > step; --d) limit *= 0.0625;
  for (limit *= 16; step < kKvMaxRowStep && sum >= limit; limit *= 16) ++step;
  return step;
}

}  // namespace

std::vector<int8_t> KvRowSteps(KvElement element, float token_reference, size_t channels, std::span<const uint16_t> x) {
  std::vector<int8_t> steps(x.size() / channels);
  std::array<size_t, 2 * kKvMaxRowStep + 1> rows_with{};
  for (size_t row = 0; row < steps.size(); ++row) {
    const double sum = KvSumOfSquares(element, x.subspan(row * channels, channels));
    steps[row] = static_cast<int8_t>(RowStep(sum, token_reference));
    ++rows_with[static_cast<unsigned>(steps[row] + kKvMaxRowStep)];
  }
  size_t kept = 0, best_kept = 0;
  int smallest = -kKvMaxRowStep;
  for (size_t i = 0; i < rows_with.size(); ++i) {
    kept += rows_with[i];
    if (i >= kKvRowStepValues) kept -= rows_with[i - kKvRowStepValues];
    if (i + 1 < kKvRowStepValues || kept <= best_kept) continue;
    best_kept = kept;
    smallest = static_cast<int>(i) + 1 - kKvRowStepValues - kKvMaxRowStep;
  }
  for (int8_t& step : steps) {
    step = static_cast<int8_t>(std::clamp<int>(step, smallest, smallest + kKvRowStepValues - 1));
  }
  return steps;
}

void AppendKvRowSteps(std::span<const int8_t> steps, std::vector<uint8_t>* out) {
  const int8_t smallest = steps.empty() ? int8_t{0} : *std::min_element(steps.begin(), steps.end());
  out->push_back(static_cast<uint8_t>(smallest));
  const size_t begin = out->size();
  out->resize(begin + CeilDiv(steps.size(), kRowsOfByte));
  for (size_t i = 0; i < steps.size(); ++i) {
    (*out)[begin + i / kRowsOfByte] |= static_cast<uint8_t>((steps[i] - smallest) << i % kRowsOfByte * kBits);
  }
}

absl::Status ReadKvRowSteps(KvBytesReader& bytes, size_t rows, std::vector<int8_t>* steps) {
  std::span<const uint8_t> smallest, packed;
  PLAIT_RETURN_IF_ERROR(bytes.Read("smallest row step", 1, &smallest));
  PLAIT_RETURN_IF_ERROR(bytes.Read("row steps", CeilDiv(rows, kRowsOfByte), &packed));
  const auto first = static_cast<int8_t>(smallest[0]);
  if (first < -kKvMaxRowStep || first > kKvMaxRowStep) {
    return absl::DataLossError(FoundExpected("smallest row step", int{first}, absl::StrCat("within ", kKvMaxRowStep)));
  }
  if (rows % kRowsOfByte != 0 && packed.back() >> rows % kRowsOfByte * kBits != 0) {
    return absl::DataLossError(FoundExpected("row steps", "bits behind the last row", "zeros"));
  }
  steps->resize(rows);
  for (size_t i = 0; i < rows; ++i) {
    const int above = packed[i / kRowsOfByte] >> i % kRowsOfByte * kBits & (kKvRowStepValues - 1);
    (*steps)[i] = static_cast<int8_t>(first + above);
  }
  return absl::OkStatus();
}

}  // namespace plait
