#include "codec/range/range_forecast.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace plait {
namespace {

// sin(z pi / 2) = z (a - z^2 (b - c z^2)), coefficients in 2^-14.
constexpr int32_t kSineA = 25733;
constexpr int32_t kSineB = 10539;
constexpr int32_t kSineC = 1191;
constexpr uint32_t kQuarterLog2 = 30;
constexpr uint32_t kSineLog2 = 15;  // of z

constexpr uint32_t kCosineTurn = uint32_t{1} << kQuarterLog2;

}  // namespace

int32_t RangeSine(uint32_t angle) {
  const uint32_t quarter = angle >> kQuarterLog2;
  const uint32_t rest = angle & (kCosineTurn - 1);
  const auto z = static_cast<int32_t>((quarter & 1 ? kCosineTurn - rest : rest) >> (kQuarterLog2 - kSineLog2));
  const int32_t square = z * z >> kSineLog2;
  const int32_t inner = kSineB - (square * kSineC >> kSineLog2);
  const int32_t sine =
      static_cast<int32_t>(int64_t{z} * (kSineA - (int64_t{square} * inner >> kSineLog2)) >> kSineLog2);
  return quarter >= 2 ? -sine : sine;
}

RangeForecast::RangeForecast(const RangePlane& plane, std::span<const RangeRows* const> known, RangeRows* rows)
    : plane_(plane),
      known_(known),
      rows_(rows),
      channels_(plane.channels),
      means_(plane.channels),
      first_tokens_(size_t{std::min(plane.tokens, kRangeCalibrationTokens)} * plane.channels),
      norms_(plane.channels) {
  const auto half = static_cast<uint32_t>(plane.rotation.size());
  for (uint32_t i = 0; i < plane.channels; ++i) {
    channels_[i] = half == 0 ? i : i / (2 * half) * (2 * half) + i % (2 * half) / 2 + i % 2 * half;
  }
  for (const RangeRows* other : known) known_values_ += other->channels;
  if (rows_ != nullptr) {
    *rows_ = {.tokens = plane.tokens, .channels = plane.channels, .values = {}};
    rows_->values.resize(size_t{plane.tokens} * plane.channels);
  }
}

bool RangeForecast::BeginToken() {
  const bool first = token_ == kRangeCalibrationTokens;
  if (first) Calibrate();
  if (predictor_) BeginPrediction(token_);
  return first;
}

void RangeForecast::BeginPrediction(uint32_t token) {
  predictor_->Begin();
  predictor_->Add(1 << kRangeUnitLog2);
  for (const RangeRows* other : known_) {
    const int32_t* row = other->values.data() + size_t{token} * other->channels;
    for (uint32_t i = 0; i < other->channels; ++i) predictor_->Add(row[i]);
  }
}

int64_t RangeForecast::Predict(uint32_t position) {
  if (!rotated()) return Straight(position);
  if (position % 2 == 0) {
    TurnTo(position);
    straight_pair_[0] = Straight(position);
    straight_pair_[1] = Straight(position + 1);
    return (straight_pair_[0] * cosine_ - straight_pair_[1] * sine_) >> kRangeAngleLog2;
  }
  return (straight_pair_[0] * sine_ + straight_pair_[1] * cosine_) >> kRangeAngleLog2;
}

void RangeForecast::Add(uint32_t position, int64_t value) {
  if (!rotated()) return AddStraight(position, value);
  if (position % 2 == 0) {
    first_of_pair_ = value;
    return;
  }
  AddStraight(position - 1, (first_of_pair_ * cosine_ + value * sine_) >> kRangeAngleLog2);
  AddStraight(position, (value * cosine_ - first_of_pair_ * sine_) >> kRangeAngleLog2);
}

void RangeForecast::EndToken() {
  if (predictor_) predictor_->Learn();
  ++token_;
}

void RangeForecast::TurnTo(uint32_t position) {
  const uint32_t angle = plane_.rotation[position / 2 % plane_.rotation.size()] * token_;
  cosine_ = RangeSine(angle + kCosineTurn);
  sine_ = RangeSine(angle);
}

int64_t RangeForecast::Straight(uint32_t position) const {
  if (!predictor_) return means_[position];
  const Norm& norm = norms_[position];
  const int32_t normal =
      std::clamp(predictor_->prediction(known_values_ + position), -kRangeMaxNormal, kRangeMaxNormal);
  return norm.middle + ((int64_t{normal} * norm.unit) >> kRangeUnitLog2);
}

void RangeForecast::AddStraight(uint32_t position, int64_t value) {
  if (!predictor_) {
    first_tokens_[size_t{token_} * plane_.channels + position] = value;
    means_[position] += (value - means_[position]) * 2 / (2 * int64_t{token_} + 3);
    return;
  }
  const int32_t normal = Normal(position, value);
  PutNormal(token_, position, normal);
  predictor_->Add(normal);
}

int32_t RangeForecast::Normal(uint32_t position, int64_t value) const {
  const Norm& norm = norms_[position];
  constexpr int64_t kMost = kRangeMaxNormal >> kRangeUnitLog2;
  const int64_t distance = std::clamp(value - norm.middle, -kMost * norm.unit, kMost * norm.unit);
  return static_cast<int32_t>(distance * (1 << kRangeUnitLog2) / norm.unit);
}

void RangeForecast::PutNormal(uint32_t token, uint32_t position, int32_t value) {
  if (rows_ != nullptr) rows_->values[size_t{token} * plane_.channels + position] = value;
}

void RangeForecast::Calibrate() {
  for (uint32_t i = 0; i < plane_.channels; ++i) {
    std::array<int64_t, kRangeCalibrationTokens> values;
    for (uint32_t t = 0; t < values.size(); ++t) values[t] = first_tokens_[size_t{t} * plane_.channels + i];
    std::ranges::sort(values);
    const int64_t middle = values[kRangeMiddleRank];
    for (int64_t& value : values) value = std::abs(value - middle);
    std::ranges::sort(values);
    norms_[i] = {.middle = middle, .unit = std::max<int64_t>(values[kRangeUnitRank], 1)};
  }
  predictor_.emplace(known_values_ + plane_.channels);
  for (uint32_t t = 0; t < kRangeCalibrationTokens; ++t) {
    BeginPrediction(t);
    for (uint32_t i = 0; i < plane_.channels; ++i) {
      const int32_t normal = Normal(i, first_tokens_[size_t{t} * plane_.channels + i]);
      PutNormal(t, i, normal);
      predictor_->Add(normal);
    }
    predictor_->Learn();
  }
}

}  // namespace plait
