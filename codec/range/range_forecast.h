// What the values of a plane will be, in fixed point: their mean over the first tokens, from then on what
// RangePredictor makes of everything known. Rotated pairs are rotated back, predicted, and the prediction rotated
// forward again.
#ifndef PLAIT_CODEC_RANGE_RANGE_FORECAST_H_
#define PLAIT_CODEC_RANGE_RANGE_FORECAST_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "codec/range/range_kv.h"
#include "codec/range/range_predictor.h"

namespace plait {

// Values are taken in the order of *positions*: rotated pairs stand side by side, so that both are there early.
// For each token: BeginToken(), then Predict(i) and Add(i, value) for every position, then EndToken().
class RangeForecast {
 public:
  // All sizes have been checked. `rows` may be null; otherwise it is filled.
  RangeForecast(const RangePlane& plane, std::span<const RangeRows* const> known, RangeRows* rows);

  uint32_t channel(uint32_t position) const { return channels_[position]; }

  // True for the first token that the predictor works on: what was learnt about the means' errors is old then.
  bool BeginToken();
  int64_t Predict(uint32_t position);
  void Add(uint32_t position, int64_t value);
  void EndToken();

 private:
  // Of one position: what stands for zero and for one.
  struct Norm {
    int64_t middle = 0;
    int64_t unit = 1;
  };

  bool rotated() const { return !plane_.rotation.empty(); }
  void TurnTo(uint32_t position);
  int64_t Straight(uint32_t position) const;
  void AddStraight(uint32_t position, int64_t value);
  void BeginPrediction(uint32_t token);
  void Calibrate();
  int32_t Normal(uint32_t position, int64_t value) const;
  void PutNormal(uint32_t token, uint32_t position, int32_t value);

  const RangePlane plane_;
  const std::span<const RangeRows* const> known_;
  RangeRows* rows_;
  std::vector<uint32_t> channels_;
  std::vector<int64_t> means_;
  std::vector<int64_t> first_tokens_;  // straight values, until there are enough to calibrate
  std::vector<Norm> norms_;
  std::optional<RangePredictor> predictor_;
  uint32_t known_values_ = 1;  // the constant is one
  uint32_t token_ = 0;
  // Of the pair at hand.
  int64_t cosine_ = 0;
  int64_t sine_ = 0;
  int64_t straight_pair_[2] = {};
  int64_t first_of_pair_ = 0;
};

// The sine of `angle` in whole turns of 2^32, in 2^-kRangeAngleLog2; a polynomial that is off by 2^-12 at most.
int32_t RangeSine(uint32_t angle);

}  // namespace plait

#endif  // PLAIT_CODEC_RANGE_RANGE_FORECAST_H_
