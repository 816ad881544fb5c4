#include "codec/kv/kv_train.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "codec/base/status.h"
#include "codec/kv/kv_classes.h"
#include "codec/kv/kv_coder.h"
#include "codec/kv/kv_row_steps.h"
#include "codec/kv/kv_values.h"

namespace plait {
namespace {

constexpr size_t kHeadExponents = 15;  // that symbols stand for
constexpr size_t kSegmentRows = 256;   // row steps are clamped within as many rows, as a usual chunk has

// Signed values from the largest to the smallest.
KvSymbolLine HeadLine() {
  KvSymbolLine line{};
  size_t at = 0;
  for (size_t k = 0; k < kHeadExponents; ++k) line[at++] = static_cast<uint8_t>(2 * k);
  for (size_t k = kHeadExponents; k-- > 0;) line[at++] = static_cast<uint8_t>(2 * k + 1);
  line[at++] = 2 * kHeadExponents;  // which stands for nothing
  line[at] = kKvEscape;
  return line;
}

KvSymbolLine IndexLine() {
  KvSymbolLine line{};
  for (size_t s = 0; s < kKvSymbols; ++s) line[s] = static_cast<uint8_t>(s);
  return line;
}

// Samples of a plane without the rows that are skipped.
class Trainer {
 public:
  Trainer(KvElement element, std::span<const KvTrainPlane> planes, const KvTrainSettings& settings)
      : planes_(planes), settings_(settings) {
    profile_.element = element;
    profile_.refinements = settings.refinements;
    profile_.planes.resize(planes.size());
    for (const KvTrainPlane& plane : planes) channels_.push_back(plane.channels);
  }

  KvProfile Train() {
    TrainHeads();
    if (settings_.quality_layers) {
      for (size_t p = 0; p < planes_.size(); ++p) ChooseSteps(p);
      for (size_t p = 0; p < planes_.size(); ++p) PlaceIndices(p);
      TrainIndices();
      TrainDecisions();
    }
    return std::move(profile_);
  }

 private:
  const KvElementInfo info() const { return GetKvElementInfo(profile_.element); }

  // Calls `take` with the rows of every sample that count.
  template <class Take>
  void ForEachSample(size_t p, const Take& take) const {
    const size_t skipped = settings_.skip_rows * planes_[p].channels;
    for (const std::span<const uint16_t> sample : planes_[p].samples) {
      if (sample.size() > skipped) take(sample.subspan(skipped));
    }
  }

  void TrainHeads() {
    for (size_t p = 0; p < planes_.size(); ++p) PlaceHeads(p);
    const KvSymbolSource source = [&](size_t p, const KvTakeSymbols& take) {
      std::vector<uint8_t> symbols;
      ForEachSample(p, [&](std::span<const uint16_t> x) {
        symbols.resize(x.size());
        KvHeadSymbols(profile_.element, profile_.planes[p].head_offset, x, symbols);
        take(symbols);
      });
    };
    KvClasses classes = FindKvClasses(channels_, source, HeadLine(), {settings_.head_classes, settings_.head_contexts});
    profile_.heads = std::move(classes.tables);
    for (size_t p = 0; p < planes_.size(); ++p) profile_.planes[p].head_class = std::move(classes.of_channel[p]);
  }

  // For each channel the 15 neighbouring exponents that it has most.
  void PlaceHeads(size_t p) {
    const size_t exponents = info().max_exponent() + 1;
    std::vector<uint32_t> counts(planes_[p].channels * exponents);
    ForEachSample(p, [&](std::span<const uint16_t> x) {
      for (size_t i = 0; i < x.size(); ++i) {
        const size_t exponent = (x[i] & info().magnitude_mask()) >> info().mantissa_bits;
        ++counts[i % planes_[p].channels * exponents + exponent];
      }
    });
    std::vector<int16_t>& offsets = profile_.planes[p].head_offset;
    for (size_t c = 0; c < planes_[p].channels; ++c) {
      const auto of_channel = std::span(counts).subspan(c * exponents, exponents);
      uint64_t in_window = 0, best = 0;
      size_t best_top = kHeadExponents - 1;
      for (size_t top = 0; top < exponents; ++top) {
        in_window += of_channel[top];
        if (top >= kHeadExponents) in_window -= of_channel[top - kHeadExponents];
        if (in_window > best) best = in_window, best_top = top;
      }
      offsets.push_back(static_cast<int16_t>(best_top));
    }
  }

  // Steps that follow a row's size are rounded as one number with what the row adds, so that the fraction of a plane's
  // step is not lost.
  void ChooseSteps(size_t p) {
    const std::vector<float>& wanted = planes_[p].log2_steps;
    const bool one_step = std::adjacent_find(wanted.begin(), wanted.end(), std::not_equal_to<>()) == wanted.end();
    const bool rounded_by_row = planes_[p].token_steps && one_step;
    const std::vector<float> log2_rms = Log2Rms(p);
    for (size_t c = 0; c < wanted.size(); ++c) {
      const float rounded = rounded_by_row ? std::floor(wanted[c]) : std::floor(wanted[c] + 0.5f);
      const float most = std::floor(log2_rms[c] + std::log2(settings_.most_step_to_rms));
      const float chosen = std::clamp(std::min(rounded, most), -256.0f, 256.0f);
      profile_.planes[p].steps.push_back(static_cast<int16_t>(static_cast<int>(chosen) + info().bias));
    }
    if (!planes_[p].token_steps) return;
    std::vector<double> sums;
    ForEachSample(p, [&](std::span<const uint16_t> x) {
      for (size_t at = 0; at < x.size(); at += planes_[p].channels) {
        sums.push_back(KvSumOfSquares(profile_.element, x.subspan(at, planes_[p].channels)));
      }
    });
    if (sums.empty()) return;
    const auto middle = sums.begin() + static_cast<std::ptrdiff_t>(sums.size() / 2);
    std::nth_element(sums.begin(), middle, sums.end());
    const float fraction = rounded_by_row ? wanted[0] - std::floor(wanted[0]) : 0.0f;
    profile_.planes[p].token_reference = static_cast<float>(*middle * std::exp2(-4.0 * fraction));
  }

  // Of each channel; 0 of one that is zero.
  std::vector<float> Log2Rms(size_t p) const {
    const size_t channels = planes_[p].channels;
    std::vector<double> squares(channels);
    size_t rows = 0;
    ForEachSample(p, [&](std::span<const uint16_t> x) {
      for (size_t i = 0; i < x.size(); ++i) {
        const double value = IsKvFinite(info(), x[i]) ? KvValue(info(), x[i]) : 0.0;
        squares[i % channels] += value * value;
      }
      rows += x.size() / channels;
    });
    std::vector<float> log2_rms;
    log2_rms.reserve(channels);
    for (const double sum : squares) {
      log2_rms.push_back(sum > 0 ? static_cast<float>(0.5 * std::log2(sum / static_cast<double>(rows))) : 0.0f);
    }
    return log2_rms;
  }

  // Calls `take` with steps, elements and base indices of every run of rows that shares its row steps.
  template <class Take>
  void ForEachSegment(size_t p, const Take& take) const {
    const KvPlaneProfile& plane = profile_.planes[p];
    const size_t segment = kSegmentRows * planes_[p].channels;
    std::vector<int16_t> indices;
    std::vector<int8_t> row_steps;
    ForEachSample(p, [&](std::span<const uint16_t> sample) {
      for (size_t at = 0; at < sample.size(); at += segment) {
        const auto x = sample.subspan(at, std::min(segment, sample.size() - at));
        if (plane.token_reference > 0) {
          row_steps = KvRowSteps(profile_.element, plane.token_reference, planes_[p].channels, x);
        }
        const KvSteps steps = {plane.steps, row_steps, profile_.refinements};
        indices.resize(x.size());
        KvBaseIndices(profile_.element, steps, x, indices);
        take(steps, x, std::span<const int16_t>(indices));
      }
    });
  }

  // The mean of every channel's indices, and how many low bits keep nearly all within the symbols.
  void PlaceIndices(size_t p) {
    const size_t channels = planes_[p].channels;
    std::vector<std::vector<int16_t>> of_channel(channels);
    ForEachSegment(p, [&](const KvSteps&, std::span<const uint16_t>, std::span<const int16_t> indices) {
      for (size_t i = 0; i < indices.size(); ++i) of_channel[i % channels].push_back(indices[i]);
    });
    for (std::vector<int16_t>& indices : of_channel) profile_.planes[p].index_channels.push_back(Place(indices));
  }

  static KvIndexChannel Place(std::vector<int16_t>& indices) {
    if (indices.empty()) return {};
    std::sort(indices.begin(), indices.end());
    const auto quantile = [&](size_t percent) { return int{indices[(indices.size() - 1) * percent / 100]}; };
    KvIndexChannel channel;
    channel.center = static_cast<int16_t>((quantile(1) + quantile(99)) / 2);
    const int reach = std::max(quantile(99) - channel.center, channel.center - quantile(1));
    while (channel.shift < kKvMaxShift && reach >> channel.shift > kUsualReach) ++channel.shift;
    return channel;
  }
  static constexpr int kUsualReach = 10;  // of 15 symbols to a side

  void TrainIndices() {
    const KvSymbolSource source = [&](size_t p, const KvTakeSymbols& take) {
      std::vector<uint8_t> all, symbols;
      size_t left = 0;
      // Row steps end with a segment, contexts do not: the symbols of a sample are put together first.
      ForEachSegment(p, [&](const KvSteps&, std::span<const uint16_t> x, std::span<const int16_t> indices) {
        symbols.resize(indices.size());
        KvIndexSymbols(profile_.planes[p].index_channels, indices, symbols);
        take(symbols);
        left += x.size();
      });
    };
    KvClasses classes =
        FindKvClasses(channels_, source, IndexLine(), {settings_.index_classes, settings_.index_contexts});
    profile_.indices = std::move(classes.tables);
    for (size_t p = 0; p < planes_.size(); ++p) profile_.planes[p].index_class = std::move(classes.of_channel[p]);
  }

  void TrainDecisions() {
    using Counts = std::array<std::array<uint64_t, 2>, kKvBitContexts>;
    std::vector<Counts> counts(profile_.indices.num_classes());
    for (size_t p = 0; p < planes_.size(); ++p) {
      const size_t channels = planes_[p].channels;
      std::vector<uint8_t> states, bits;
      ForEachSegment(p, [&](const KvSteps& steps, std::span<const uint16_t> x, std::span<const int16_t> indices) {
        states.resize(x.size());
        bits.resize(x.size());
        KvFirstDecisions(profile_.element, steps, x, indices, states, bits);
        std::vector<bool> negative(channels);
        for (size_t i = 0; i < x.size(); ++i) {
          const size_t c = i % channels;
          const unsigned kind = states[i] & 7u;
          if (kind != kKvBitNone) {
            const size_t context = kind == kKvBitZero ? (negative[c] ? 1 : 0) : kind + 1;
            ++counts[profile_.planes[p].index_class[c]][context][bits[i]];
          }
          negative[c] = kind == kKvBitZero ? bits[i] != 0 : (states[i] & kKvBitNegative) != 0;
        }
      });
    }
    for (const Counts& of_class : counts) {
      auto& shares = profile_.bits.emplace_back();
      for (size_t context = 0; context < kKvBitContexts; ++context) {
        const auto [zeros, ones] = of_class[context];
        const uint64_t share = ((zeros + 1) * kKvSlots + (zeros + ones) / 2) / (zeros + ones + 2);
        shares[context] = static_cast<uint16_t>(std::clamp<uint64_t>(share, 1, kKvSlots - 1));
      }
    }
  }

  std::span<const KvTrainPlane> planes_;
  KvTrainSettings settings_;
  std::vector<size_t> channels_;
  KvProfile profile_;
};

absl::Status CheckNumber(std::string_view field, size_t found, size_t least, size_t most) {
  if (found >= least && found <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(FoundExpected(field, found, absl::StrCat(least, " to ", most)));
}

absl::Status CheckPlane(const KvTrainPlane& plane, const KvTrainSettings& settings) {
  PLAIT_RETURN_IF_ERROR(CheckNumber("channels", plane.channels, 1, kKvMaxChannels));
  if (settings.quality_layers && plane.log2_steps.size() != plane.channels) {
    return absl::InvalidArgumentError(FoundExpected("steps", plane.log2_steps.size(), plane.channels));
  }
  for (const float step : plane.log2_steps) {
    if (!std::isfinite(step)) return absl::InvalidArgumentError(FoundExpected("step", step, "a finite number"));
  }
  for (const auto& sample : plane.samples) {
    if (sample.size() % plane.channels != 0) {
      return absl::InvalidArgumentError(
          FoundExpected("elements of a sample", sample.size(), absl::StrCat("rows of ", plane.channels)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KvProfile> TrainKvProfile(KvElement element, std::span<const KvTrainPlane> planes,
                                         const KvTrainSettings& settings) {
  PLAIT_RETURN_IF_ERROR(CheckNumber("head classes", settings.head_classes, 1, kKvMaxClasses));
  PLAIT_RETURN_IF_ERROR(CheckNumber("index classes", settings.index_classes, 1, kKvMaxClasses));
  PLAIT_RETURN_IF_ERROR(CheckNumber("head contexts", settings.head_contexts, 1, kKvMaxContexts));
  PLAIT_RETURN_IF_ERROR(CheckNumber("index contexts", settings.index_contexts, 1, kKvMaxContexts));
  PLAIT_RETURN_IF_ERROR(CheckNumber("refinements", settings.refinements, 1, kKvMaxRefinements));
  for (size_t p = 0; p < planes.size(); ++p) {
    PLAIT_RETURN_IF_ERROR(Annotate(CheckPlane(planes[p], settings), absl::StrCat("plane ", p)));
  }
  return Trainer(element, planes, settings).Train();
}

std::vector<float> UniformKvLog2Steps(KvElement element, std::span<const uint16_t> x, size_t channels,
                                      float octaves_below_rms) {
  const double mean_square = x.empty() ? 0 : KvSumOfSquares(element, x) / static_cast<double>(x.size());
  const double log2_rms = mean_square > 0 ? 0.5 * std::log2(mean_square) : 0;
  return std::vector<float>(channels, static_cast<float>(log2_rms - octaves_below_rms));
}

}  // namespace plait
