#include "codec/range/range_kv.h"

#include <algorithm>
#include <array>
#include <optional>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/range/range_coder.h"
#include "codec/range/range_float.h"
#include "codec/range/range_forecast.h"
#include "codec/range/range_mix.h"

namespace plait {

// Contexts are numbered as FORMAT.md does.
struct RangeModel::Shared {
  std::array<RangeCounter, kRangeMeans.count * kRangeAges> sign;
  std::array<RangeCounter, 2 * kRangeDistances.count * kRangeThresholds.count * 4> exponent;
  std::array<RangeCounter, 2 * kRangeDistances.count * kRangeWidths.count * 2> mantissa;
  std::array<RangeMixer, kRangeMaxUps + kRangeMaxDowns> exponent_mix;
  std::array<RangeMixer, kRangeWidths.count> mantissa_mix;
};

RangeModel::RangeModel() : shared_(std::make_unique<Shared>()) {}
RangeModel::~RangeModel() = default;
RangeModel::RangeModel(RangeModel&&) noexcept = default;
RangeModel& RangeModel::operator=(RangeModel&&) noexcept = default;

namespace {

// What is known of a channel's values and of how far predictions were off, as logs.
struct Channel {
  int32_t scale = 0;
  int32_t residual = 0;
  uint32_t seen = 0;
  uint32_t residuals_seen = 0;
};

int32_t Level(int32_t log, const RangeLevels& levels) {
  return std::clamp((log + levels.offset) / levels.step, 0, levels.count - 1);
}

int32_t AgeOf(uint32_t token) {
  return static_cast<int32_t>(std::ranges::count_if(kRangeAgeEnds, [=](uint32_t end) { return end <= token; }));
}

// Codes a plane with a RangeEncoder or RangeDecoder: what the two do differs in nothing but the coder's answers.
template <class Coder>
class PlaneCoder {
 public:
  PlaneCoder(const RangePlane& plane, const RangeFloat& type, RangeModel::Shared& shared, RangeForecast& forecast,
             Coder& coder)
      : type_(type),
        shared_(shared),
        forecast_(forecast),
        coder_(coder),
        channels_(plane.channels),
        channel_exponent_(size_t{plane.channels} * kRangeChannelExponents * 4),
        channel_mantissa_(size_t{plane.channels} * kRangeMantissaExponents * kRangeMantissaNodes) {}

  // Codes one token's elements, or overwrites them with what is decoded.
  void Token(std::span<uint32_t> elements) {
    if (forecast_.BeginToken()) {
      for (Channel& channel : channels_) channel.residuals_seen = std::min(channel.residuals_seen, kRangeResidualsKept);
    }
    token_residual_ = 0;
    for (uint32_t i = 0; i < channels_.size(); ++i) {
      channel_ = forecast_.channel(i);
      if (token_ == 0) channels_[channel_] = FirstGuess(i);
      prediction_ = forecast_.Predict(i);
      elements[channel_] = Code(elements[channel_]);
      Learn(i, elements[channel_]);
    }
    forecast_.EndToken();
    ++token_;
  }

  // Whether an exponent was given as far away and is not, which no encoder does.
  bool far_is_near() const { return far_is_near_; }

 private:
  // Of a channel's first value: what the position before it had.
  Channel FirstGuess(uint32_t position) const {
    if (position != 0) {
      const Channel& before = channels_[forecast_.channel(position - 1)];
      return {.scale = before.scale, .residual = before.residual};
    }
    const int32_t one = ((1 << (type_.exponent_bits - 1)) - 1) * kRangeOctave * kRangeLogFraction;
    return {.scale = one, .residual = one};
  }

  uint32_t Code(uint32_t element) {
    const Channel& channel = channels_[channel_];
    scale_ = channel.scale / kRangeLogFraction;
    residual_ = channel.residual / kRangeLogFraction + token_residual_ / kRangeLogFraction;
    const uint32_t sign_bit = type_.bits() - 1;
    negative_ = CodeSign(element >> sign_bit & 1);
    const int32_t exponent = CodeExponent(static_cast<int32_t>(element >> type_.mantissa_bits) & type_.max_exponent());
    const uint32_t mantissa = CodeMantissa(exponent, element & ((1U << type_.mantissa_bits) - 1));
    return static_cast<uint32_t>(negative_) << sign_bit | static_cast<uint32_t>(exponent) << type_.mantissa_bits |
           mantissa;
  }

  bool CodeSign(bool negative) {
    const bool expected = prediction_ < 0;
    const int32_t level = prediction_ == 0 ? 0 : Level(type_.LogOfValue(prediction_) - residual_, kRangeMeans);
    RangeCounter& counter = shared_.sign[level * kRangeAges + AgeOf(token_)];
    const bool other = coder_.Bit(negative != expected, counter.one);
    counter.Update(other, kRangeSharedLimit);
    agrees_ = !other;
    const int64_t size = expected ? -prediction_ : prediction_;
    outward_ = agrees_ ? size : -size;
    return expected != other;
  }

  // Where the prediction lies from `value`, in units of what it misses: below it 0 to 23, above it 24 to 47.
  int32_t Distance(int64_t value) const {
    const int64_t distance = value - outward_;
    constexpr int32_t kHalf = kRangeDistances.count;
    const int32_t level = distance == 0 ? 0 : Level(type_.LogOfValue(distance) - residual_, kRangeDistances);
    return distance < 0 ? kHalf - 1 - level : kHalf + level;
  }

  bool MixedBit(bool bit, RangeMixer& mixer, RangeCounter& shared, RangeCounter& own) {
    bit = coder_.Bit(bit, mixer.Mix(shared, &own));
    mixer.Update(bit);
    shared.Update(bit, kRangeSharedLimit);
    own.Update(bit, kRangeChannelLimit);
    return bit;
  }

  // Whether the exponent lies above `at` (up) or below it (down), the `step`-th question of its kind.
  bool Beyond(bool up, int32_t at, uint32_t step, bool bit) {
    const int32_t threshold = Level(at * kRangeOctave - residual_, kRangeThresholds);
    const int32_t context =
        (Distance(type_.Power(at + up)) * kRangeThresholds.count + threshold) * 4 + agrees_ * 2 + up;
    const int32_t own = at % kRangeChannelExponents * 4 + negative_ * 2 + up;
    return MixedBit(bit, shared_.exponent_mix[up ? step : kRangeMaxUps + step], shared_.exponent[context],
                    channel_exponent_[channel_ * kRangeChannelExponents * 4 + own]);
  }

  int32_t CodeExponent(int32_t exponent) {
    const int32_t most = type_.max_exponent();
    int32_t at = std::clamp((scale_ + kRangeAboveScale) / kRangeOctave, 1, most - 1);
    const bool up = Beyond(true, at, 0, exponent > at);
    at += up;
    for (uint32_t step = up; up ? at < most : at > 0; ++step) {
      if (step == (up ? kRangeMaxUps : kRangeMaxDowns)) return CodeFarExponent(exponent, up, at);
      if (!Beyond(up, at, step, up ? exponent > at : exponent < at)) break;
      at += up ? 1 : -1;
    }
    return at;
  }

  // As it is, since so far away nothing can be said of it.
  int32_t CodeFarExponent(int32_t exponent, bool up, int32_t at) {
    exponent = static_cast<int32_t>(coder_.Raw(static_cast<uint32_t>(exponent), type_.exponent_bits));
    if (up ? exponent < at : exponent > at) far_is_near_ = true;
    return exponent;
  }

  uint32_t CodeMantissa(int32_t exponent, uint32_t mantissa) {
    uint32_t bits_left = type_.mantissa_bits;
    uint32_t coded = 0;
    const int64_t power = type_.Power(exponent);
    for (uint32_t done = 0; bits_left != 0; ++done) {
      // Half of the interval that the value is known to lie in.
      const int32_t width = (exponent - static_cast<int32_t>(done) - 1) * kRangeOctave - residual_;
      if (done >= kRangeLeastMantissaBits && width <= kRangeNarrow) break;
      --bits_left;
      const int64_t middle = power + (int64_t{2 * coded + 1} * power >> (done + 1));
      const int32_t level = Level(width, kRangeWidths);
      const uint32_t node = done < 3 ? (1U << done) + coded : std::min<uint32_t>(8 + done, kRangeMantissaNodes - 1);
      const uint32_t own =
          (channel_ * kRangeMantissaExponents + static_cast<uint32_t>(exponent) % kRangeMantissaExponents) *
              kRangeMantissaNodes +
          node;
      const bool bit = MixedBit(mantissa >> bits_left & 1, shared_.mantissa_mix[level],
                                shared_.mantissa[(Distance(middle) * kRangeWidths.count + level) * 2 + agrees_],
                                channel_mantissa_[own]);
      coded = 2 * coded + bit;
    }
    if (bits_left == 0) return coded;
    return coded << bits_left | coder_.Raw(mantissa & ((1U << bits_left) - 1), bits_left);
  }

  void Learn(uint32_t position, uint32_t element) {
    Channel& channel = channels_[channel_];
    const uint32_t magnitude = element & ((1U << (type_.bits() - 1)) - 1);
    const int64_t size = type_.Size(magnitude);
    const int64_t value = negative_ ? -size : size;
    LearnScale(type_.LogOfMagnitude(magnitude), &channel);
    LearnResidual(value - prediction_, position, &channel);
    forecast_.Add(position, value);
  }

  void LearnScale(int32_t log, Channel* channel) {
    if (channel->seen == 0) {
      channel->scale = channel->residual = log * kRangeLogFraction;
    } else {
      log = std::clamp(log, scale_ - kRangeMaxScaleStep, scale_ + kRangeMaxScaleStep);
      channel->scale += (log * kRangeLogFraction - channel->scale) / static_cast<int32_t>(channel->seen + 1);
    }
    channel->seen = std::min(channel->seen + 1, kRangeScaleTokens);
  }

  void LearnResidual(int64_t miss, uint32_t position, Channel* channel) {
    if (token_ == 0) {
      channel->residuals_seen = 1;
      return;
    }
    const int32_t log =
        std::clamp(type_.LogOfValue(miss), residual_ - kRangeMaxResidualStep, residual_ + kRangeMaxResidualStep);
    const int32_t excess = log * kRangeLogFraction - channel->residual;
    token_residual_ += (excess - token_residual_) /
                       std::min<int32_t>(static_cast<int32_t>(position) + kRangeExcessStep, 2 * kRangeExcessStep);
    channel->residual += excess / static_cast<int32_t>(channel->residuals_seen + 1);
    channel->residuals_seen = std::min(channel->residuals_seen + 1, kRangeResidualTokens);
  }

  const RangeFloat type_;
  RangeModel::Shared& shared_;
  RangeForecast& forecast_;
  Coder& coder_;
  std::vector<Channel> channels_;
  std::vector<RangeCounter> channel_exponent_;
  std::vector<RangeCounter> channel_mantissa_;
  uint32_t token_ = 0;
  int32_t token_residual_ = 0;  // how much farther off than usual predictions of this token are
  bool far_is_near_ = false;
  // Of the element at hand.
  uint32_t channel_ = 0;
  int64_t prediction_ = 0;
  int64_t outward_ = 0;  // the prediction, positive if it has the element's sign
  bool negative_ = false;
  bool agrees_ = false;
  int32_t scale_ = 0;
  int32_t residual_ = 0;
};

absl::Status CheckPlane(const RangePlane& plane, size_t bytes, std::span<const RangeRows* const> known) {
  const std::optional<RangeFloat> type = RangeFloatOf(plane.dtype);
  if (!type) {
    return absl::InvalidArgumentError(
        FoundExpected("dtype", Absl(GetDtypeInfo(plane.dtype).name), "BF16, F16, F8_E4M3 or F8_E5M2"));
  }
  if (plane.tokens > kRangeMaxTokens) {
    return absl::InvalidArgumentError(FoundExpected("tokens", plane.tokens, absl::StrCat("at most ", kRangeMaxTokens)));
  }
  uint64_t regressors = uint64_t{1} + plane.channels;
  for (const RangeRows* rows : known) {
    if (rows->tokens != plane.tokens) {
      return absl::InvalidArgumentError(FoundExpected("tokens of known rows", rows->tokens, plane.tokens));
    }
    const size_t values = size_t{rows->tokens} * rows->channels;
    if (rows->values.size() != values) {
      return absl::InvalidArgumentError(FoundExpected("values of known rows", rows->values.size(), values));
    }
    regressors += rows->channels;
  }
  if (regressors > kRangeMaxRegressors) {
    return absl::InvalidArgumentError(
        FoundExpected("channels with those known", regressors - 1, absl::StrCat("at most ", kRangeMaxRegressors - 1)));
  }
  if (!plane.rotation.empty() && plane.channels % (2 * plane.rotation.size()) != 0) {
    return absl::InvalidArgumentError(
        FoundExpected("channels", plane.channels, absl::StrCat("a multiple of ", 2 * plane.rotation.size())));
  }
  const uint64_t expected = uint64_t{plane.tokens} * plane.channels * (type->bits() / 8);
  if (bytes != expected) return absl::InvalidArgumentError(FoundExpected("bytes of elements", bytes, expected));
  return absl::OkStatus();
}

void LoadRow(const uint8_t* bytes, size_t element_bytes, std::span<uint32_t> row) {
  for (size_t i = 0; i < row.size(); ++i) {
    row[i] = element_bytes == 2 ? LoadLe<uint16_t>(bytes + 2 * i) : bytes[i];
  }
}

void StoreRow(std::span<const uint32_t> row, size_t element_bytes, uint8_t* bytes) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (element_bytes == 2) {
      StoreLe(static_cast<uint16_t>(row[i]), bytes + 2 * i);
    } else {
      bytes[i] = static_cast<uint8_t>(row[i]);
    }
  }
}

}  // namespace

absl::Status EncodeRangePlane(const RangePlane& plane, std::span<const uint8_t> elements,
                              std::span<const RangeRows* const> known, RangeModel& model, RangeRows* rows,
                              std::vector<uint8_t>* coded) {
  PLAIT_RETURN_IF_ERROR(CheckPlane(plane, elements.size(), known));
  const RangeFloat type = *RangeFloatOf(plane.dtype);
  RangeForecast forecast(plane, known, rows);
  RangeEncoder encoder(coded);
  PlaneCoder<RangeEncoder> planes(plane, type, model.shared(), forecast, encoder);
  std::vector<uint32_t> row(plane.channels);
  const size_t element_bytes = type.bits() / 8;
  for (size_t at = 0; at < elements.size(); at += row.size() * element_bytes) {
    LoadRow(elements.data() + at, element_bytes, row);
    planes.Token(row);
  }
  encoder.Finish();
  return absl::OkStatus();
}

absl::Status DecodeRangePlane(const RangePlane& plane, std::span<const uint8_t> coded,
                              std::span<const RangeRows* const> known, RangeModel& model, RangeRows* rows,
                              std::span<uint8_t> elements) {
  PLAIT_RETURN_IF_ERROR(CheckPlane(plane, elements.size(), known));
  const RangeFloat type = *RangeFloatOf(plane.dtype);
  RangeForecast forecast(plane, known, rows);
  RangeDecoder decoder(coded);
  PlaneCoder<RangeDecoder> planes(plane, type, model.shared(), forecast, decoder);
  std::vector<uint32_t> row(plane.channels);
  const size_t element_bytes = type.bits() / 8;
  // A used-up input is not decoded to the end: that would take time which it has not earned.
  for (size_t at = 0; at < elements.size() && decoder.good(); at += row.size() * element_bytes) {
    planes.Token(row);
    StoreRow(row, element_bytes, elements.data() + at);
  }
  if (planes.far_is_near()) decoder.MarkCorrupt();
  return decoder.Finish();
}

}  // namespace plait
