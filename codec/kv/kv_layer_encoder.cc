#include <algorithm>
#include <cmath>

#include "codec/base/status.h"
#include "codec/kv/kv_bytes.h"
#include "codec/kv/kv_coder.h"
#include "codec/kv/kv_heads.h"
#include "codec/kv/kv_row_steps.h"
#include "codec/kv/kv_values.h"

namespace plait {
namespace {

// Bytes that the states of a stream of so many lanes take.
constexpr size_t StateBytes(unsigned lanes_log2) { return size_t{4} << lanes_log2; }

}  // namespace

absl::StatusOr<KvLayerEncoder> KvLayerEncoder::Create(const KvCoder& coder, const KvLayerShape& shape,
                                                      std::span<const KvElements> planes, KvScratch& scratch) {
  PLAIT_RETURN_IF_ERROR(CheckKvLayerShape(coder.profile(), shape));
  if (planes.size() != shape.num_planes) {
    return absl::InvalidArgumentError(FoundExpected("planes", planes.size(), shape.num_planes));
  }
  for (size_t i = 0; i < planes.size(); ++i) {
    const size_t expected = shape.rows * coder.profile().planes[shape.first_plane + i].channels();
    if (planes[i].size() != expected) {
      return absl::InvalidArgumentError(
          FoundExpected(absl::StrCat("elements of plane ", i).c_str(), planes[i].size(), expected));
    }
  }
  return KvLayerEncoder(coder, shape, planes, scratch);
}

KvLayerEncoder::KvLayerEncoder(const KvCoder& coder, const KvLayerShape& shape, std::span<const KvElements> planes,
                               KvScratch& scratch)
    : coder_(coder),
      shape_(shape),
      scratch_(scratch),
      input_(planes.begin(), planes.end()),
      given_row_steps_(planes.size()) {}

absl::Status KvLayerEncoder::UseRowSteps(size_t plane, std::span<const int8_t> of_rows) {
  if (of_rows.size() != shape_.rows) {
    return absl::InvalidArgumentError(FoundExpected("row steps", of_rows.size(), shape_.rows));
  }
  if (!of_rows.empty()) {
    const auto [least, most] = std::ranges::minmax(of_rows);
    if (least < -kKvMaxRowStep || most > kKvMaxRowStep || most - least >= kKvRowStepValues) {
      return absl::InvalidArgumentError(FoundExpected("row steps", absl::StrCat(int{least}, " to ", int{most}),
                                                      absl::StrCat(kKvRowStepValues, " neighbouring values")));
    }
  }
  given_row_steps_[plane].assign(of_rows.begin(), of_rows.end());
  return absl::OkStatus();
}

void KvLayerEncoder::EncodeNext(std::vector<uint8_t>* segment) {
  const unsigned refinements = coder_.profile().refinements;
  if (encoded_ == 0) {
    EncodeBase(segment);
  } else if (encoded_ == 1) {
    EncodeDecisions(segment);
  } else if (encoded_ <= refinements) {
    EncodeRefinement(encoded_, segment);
  } else {
    EncodeExact(segment);
  }
  ++encoded_;
}

void KvLayerEncoder::PlanBase() {
  planes_ = KvLentPlanes(scratch_, shape_.num_planes);
  for (size_t i = 0; i < planes_.size(); ++i) {
    KvLayerPlane& plane = planes_[i];
    const KvPlaneProfile& profile = coder_.profile().planes[shape_.first_plane + i];
    plane.exact = shape_.exact_rows();
    plane.rows = PlanKvRows(plane.exact, profile.channels(), input_[i]);
    GatherKvRows(plane.rows.main_rows, profile.channels(), input_[i], &plane.x);
    if (profile.token_reference > 0 && !given_row_steps_[i].empty()) {
      plane.row_steps.clear();
      for (const uint32_t row : plane.rows.main_rows) plane.row_steps.push_back(given_row_steps_[i][row]);
    } else if (profile.token_reference > 0) {
      plane.row_steps = KvRowSteps(coder_.profile().element, profile.token_reference, profile.channels(), plane.x);
    }
    plane.indices.resize(plane.x.size());
    KvBaseIndices(coder_.profile().element, plane.steps(coder_.profile(), shape_.first_plane + i), plane.x,
                  plane.indices);
  }
}

// Repeats of every plane | row steps of planes that have them | exact rows | indices.
void KvLayerEncoder::EncodeBase(std::vector<uint8_t>* segment) {
  PlanBase();
  const size_t begin = segment->size();
  for (const KvLayerPlane& plane : planes_) AppendKvRepeats(plane.rows.repeats, segment);
  base_parts_.repeats = segment->size() - begin;
  for (size_t i = 0; i < planes_.size(); ++i) {
    if (coder_.profile().planes[shape_.first_plane + i].token_reference > 0) {
      AppendKvRowSteps(planes_[i].row_steps, segment);
    }
  }
  base_parts_.steps = segment->size() - begin - base_parts_.repeats;

  const KvExactRows exact = shape_.exact_rows();
  if (exact.count() > 0) {
    std::vector<KvRows<const uint16_t>> rows;
    std::vector<uint32_t> numbers;
    for (size_t i = 0; i < exact.count(); ++i) numbers.push_back(static_cast<uint32_t>(exact.at(i)));
    for (size_t i = 0; i < planes_.size(); ++i) {
      const size_t plane = shape_.first_plane + i;
      GatherKvRows(numbers, coder_.profile().planes[plane].channels(), input_[i], &planes_[i].exact_x);
      rows.push_back({plane, planes_[i].exact_x});
    }
    const size_t before = segment->size();
    EncodeKvHeads(coder_, kKvExactRowsLanesLog2, rows, scratch_, segment);
    base_parts_.exact_rows = segment->size() - before;
  }
  const size_t before = segment->size();
  EncodeIndices(segment);
  base_parts_.states = StateBytes(kKvBaseLanesLog2);
  base_parts_.symbols = segment->size() - before - base_parts_.states;
}

// Symbols as a run; for each plane: escapes as a run, low bits as a run.
void KvLayerEncoder::EncodeIndices(std::vector<uint8_t>* segment) {
  size_t elements = 0;
  for (const KvLayerPlane& plane : planes_) elements += plane.x.size();
  const std::span<uint8_t> coded = scratch_.Coded(elements);
  const std::span<uint8_t> symbols = scratch_.Symbols(elements);
  std::vector<KvSymbolPlane<const uint8_t>> coded_planes;
  std::vector<std::span<const uint8_t>> symbols_of;
  for (size_t i = 0, at = 0; i < planes_.size(); ++i) {
    const size_t plane = shape_.first_plane + i;
    const KvChannelOrder& order = coder_.index_order(plane);
    const auto coded_here = coded.subspan(at, planes_[i].x.size());
    const auto symbols_here = symbols.subspan(at, planes_[i].x.size());
    KvIndexSymbols(coder_.profile().planes[plane].index_channels, planes_[i].indices, symbols_here);
    KvToCodedOrder(order.channel, symbols_here, coded_here);
    KvEscapeUnknown(coder_.indices().encode, {coded_here, order.class_of});
    KvFromCodedOrder(order.channel, coded_here, symbols_here);
    coded_planes.push_back({coded_here, order.class_of});
    symbols_of.push_back(symbols_here);
    at += planes_[i].x.size();
  }
  std::vector<uint8_t>& run = scratch_.stream;
  run.clear();
  KvRansEncode(coder_.indices().encode, kKvBaseLanesLog2, coded_planes, &run);
  AppendKvRun(run, segment);
  for (size_t i = 0; i < planes_.size(); ++i) {
    run.clear();
    KvIndexEscapes(symbols_of[i], planes_[i].indices, &run);
    AppendKvRun(run, segment);
    run.clear();
    KvIndexLowBits(coder_.profile().planes[shape_.first_plane + i].index_channels, symbols_of[i], planes_[i].indices,
                   &run);
    AppendKvRun(run, segment);
  }
}

// One decision stream.
void KvLayerEncoder::EncodeDecisions(std::vector<uint8_t>* segment) {
  const KvElement element = coder_.profile().element;
  size_t elements = 0;
  for (const KvLayerPlane& plane : planes_) elements += plane.x.size();
  const std::span<uint8_t> all_states = scratch_.States(elements);
  const std::span<uint8_t> all_bits = scratch_.Bits(elements);
  std::vector<KvBitPlane<const uint8_t>> coded_planes;
  for (size_t i = 0, at = 0; i < planes_.size(); ++i) {
    const KvLayerPlane& plane = planes_[i];
    const size_t number = shape_.first_plane + i, count = plane.x.size();
    const KvChannelOrder& order = coder_.index_order(number);
    const std::span<uint8_t> states = scratch_.Coded(count), bits = scratch_.Symbols(count);
    KvFirstDecisions(element, plane.steps(coder_.profile(), number), plane.x, plane.indices, states, bits);
    KvToCodedOrder(order.channel, states, all_states.subspan(at, count));
    KvToCodedOrder(order.channel, bits, all_bits.subspan(at, count));
    coded_planes.push_back({all_states.subspan(at, count), all_bits.subspan(at, count), order.class_of});
    at += count;
  }
  KvBitsEncode(coder_.profile().bits, kKvDecisionLanesLog2, coded_planes, segment);
}

// Bits of each plane as a run.
void KvLayerEncoder::EncodeRefinement(unsigned refinement, std::vector<uint8_t>* segment) {
  for (size_t i = 0; i < planes_.size(); ++i) {
    const KvLayerPlane& plane = planes_[i];
    const KvSteps steps = plane.steps(coder_.profile(), shape_.first_plane + i);
    scratch_.stream.clear();
    KvRefinementEncode(coder_.profile().element, steps, refinement, plane.x, &scratch_.stream);
    AppendKvRun(scratch_.stream, segment);
  }
}

// The same.
void KvLayerEncoder::EncodeExact(std::vector<uint8_t>* segment) {
  for (size_t i = 0; i < planes_.size(); ++i) {
    const KvLayerPlane& plane = planes_[i];
    scratch_.stream.clear();
    KvExactEncode(coder_.profile().element, plane.steps(coder_.profile(), shape_.first_plane + i), plane.x,
                  &scratch_.stream);
    AppendKvRun(scratch_.stream, segment);
  }
}

double KvLayerEncoder::MeanSquaredError(size_t plane) const {
  const KvLayerPlane& state = planes_[plane];
  const unsigned quality = encoded_ - 1;
  if (quality > coder_.profile().refinements || input_[plane].empty()) return 0;
  const KvElement element = coder_.profile().element;
  const KvSteps steps = state.steps(coder_.profile(), shape_.first_plane + plane);
  const std::span<uint16_t> values = scratch_.Elements(state.x.size());
  if (quality == 0) {
    KvValuesOfIndices(element, steps, state.indices, values);
  } else {
    KvPrefixesOf(element, steps, quality, state.x, values);
    KvValuesOfPrefixes(element, steps, quality, values, values);
  }
  // Rows that are copies are as wrong as their sources, whose share is not known without looking: they count as main
  // rows do on average.
  const size_t main = state.x.size();
  const size_t channels = main / std::max<size_t>(state.rows.main_rows.size(), 1);
  const double inexact = static_cast<double>(main + state.rows.repeats.size() * channels);
  return main == 0 ? 0
                   : KvSquaredError(element, state.x, values) / static_cast<double>(main) * inexact /
                         static_cast<double>(input_[plane].size());
}

// For each plane its repeats; the heads of its other rows.
void KvLayerEncoder::EncodeLossless(std::vector<uint8_t>* segment) {
  const KvExactRows none{shape_.rows, 0, 0};
  std::vector<std::vector<uint16_t>> gathered(input_.size());
  std::vector<KvRows<const uint16_t>> rows;
  for (size_t i = 0; i < input_.size(); ++i) {
    const size_t plane = shape_.first_plane + i;
    const size_t channels = coder_.profile().planes[plane].channels();
    const KvRowPlan plan = PlanKvRows(none, channels, input_[i]);
    AppendKvRepeats(plan.repeats, segment);
    if (plan.repeats.empty()) {
      rows.push_back({plane, input_[i]});
    } else {
      GatherKvRows(plan.main_rows, channels, input_[i], &gathered[i]);
      rows.push_back({plane, gathered[i]});
    }
  }
  EncodeKvHeads(coder_, kKvLosslessLanesLog2, rows, scratch_, segment);
}

}  // namespace plait
