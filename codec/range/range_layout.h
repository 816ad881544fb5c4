// Every number that is frozen in a range stream of a plane of floats. FORMAT.md has them in context.
#ifndef PLAIT_CODEC_RANGE_RANGE_LAYOUT_H_
#define PLAIT_CODEC_RANGE_RANGE_LAYOUT_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace plait {

// ---- Limits ----
constexpr uint32_t kRangeMaxRegressors = 1025;  // the constant, known channels and own channels of a predictor
constexpr uint32_t kRangeMaxTokens = uint32_t{1} << 20;

// ---- Prediction ----
constexpr uint32_t kRangeCalibrationTokens = 12;  // coded before there is a prediction
constexpr uint32_t kRangeMiddleRank = 6;          // of those values, sorted: the centre
constexpr uint32_t kRangeUnitRank = 8;            // of their distances from it, sorted: the unit
constexpr uint32_t kRangeUnitLog2 = 12;           // normalised values are in 2^-12 units
constexpr int32_t kRangeMaxNormal = 4 << kRangeUnitLog2;
constexpr uint32_t kRangeFactorLog2 = 14;  // factors of the triangular matrix
constexpr uint32_t kRangeGainLog2 = 18;    // gains while it learns
constexpr int32_t kRangeMaxGain = 1 << 16;
constexpr uint32_t kRangeWeightLog2 = 24;  // weight of a token while it is learnt
constexpr int64_t kRangeRidge = int64_t{4} << kRangeUnitLog2;
constexpr uint32_t kRangeAngleLog2 = 14;  // cosines and sines

// ---- Contexts; logs are in 1/128 of an octave ----
constexpr int32_t kRangeOctave = 128;
constexpr int32_t kRangeLogFraction = 16;                 // scales, residuals and excesses are in 1/16 of that
constexpr uint32_t kRangeScaleTokens = 128;               // how many tokens a scale remembers
constexpr uint32_t kRangeResidualTokens = 64;             // the same for residuals
constexpr uint32_t kRangeResidualsKept = 4;               // of them when predictions begin, which are better than means
constexpr int32_t kRangeMaxScaleStep = 8 * kRangeOctave;  // how far from a scale a log may pull it
constexpr int32_t kRangeMaxResidualStep = 4 * kRangeOctave;  // the same for residuals
constexpr int32_t kRangeExcessStep = 16;   // an excess remembers as many positions at first, later twice as many
constexpr int32_t kRangeAboveScale = 192;  // the first threshold lies so far above a channel's scale
constexpr uint32_t kRangeMaxUps = 4;
constexpr uint32_t kRangeMaxDowns = 14;
constexpr uint32_t kRangeLeastMantissaBits = 2;  // so many, and further ones that halve an interval wider than this
constexpr int32_t kRangeNarrow = -320;           // above the residual
constexpr int32_t kRangeChannelExponents = 32;
constexpr int32_t kRangeMantissaExponents = 4;
constexpr uint32_t kRangeMantissaNodes = 16;

// Ages of tokens: below 2, 8, 32, and others.
constexpr std::array<uint32_t, 3> kRangeAgeEnds = {2, 8, 32};
constexpr uint32_t kRangeAges = kRangeAgeEnds.size() + 1;

// A log above a residual, cut into levels.
struct RangeLevels {
  int32_t offset;
  int32_t step;
  int32_t count;
};
constexpr RangeLevels kRangeMeans = {640, 48, 20};
constexpr RangeLevels kRangeDistances = {384, 32, 24};  // on either side of a prediction
constexpr RangeLevels kRangeThresholds = {768, 64, 24};
constexpr RangeLevels kRangeWidths = {640, 64, 20};

// ---- Counters and mixing ----
constexpr uint32_t kRangeSharedLimit = 1000;  // how many bits a counter remembers
constexpr uint32_t kRangeChannelLimit = 255;
constexpr int32_t kRangeLogitMax = 2047;  // log odds in 1/256
constexpr uint32_t kRangeMixLog2 = 16;
constexpr int32_t kRangeFirstMix = 1 << 15;
constexpr int32_t kRangeMaxMix = 4 << kRangeMixLog2;
constexpr int32_t kRangeMixRate = 14;

// 65536 / (1 + exp(-i / 4)) for i = 0, 1, ... 32, and for -i what is left to 65536; lines between.
constexpr std::array<uint16_t, 33> kRangeLogistic = {32768, 36843, 40793, 44511, 47911, 50941, 53581, 55834, 57724,
                                                     59287, 60565, 61598, 62428, 63090, 63615, 64030, 64357, 64614,
                                                     64816, 64974, 65097, 65194, 65269, 65328, 65374, 65410, 65438,
                                                     65459, 65476, 65489, 65500, 65508, 65514};

}  // namespace plait

#endif  // PLAIT_CODEC_RANGE_RANGE_LAYOUT_H_
