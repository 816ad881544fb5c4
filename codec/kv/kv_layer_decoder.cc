#include "codec/base/status.h"
#include "codec/kv/kv_bytes.h"
#include "codec/kv/kv_coder.h"
#include "codec/kv/kv_heads.h"
#include "codec/kv/kv_row_steps.h"

namespace plait {

absl::StatusOr<KvLayerDecoder> KvLayerDecoder::Create(const KvCoder& coder, const KvLayerShape& shape,
                                                      KvScratch& scratch) {
  PLAIT_RETURN_IF_ERROR(CheckKvLayerShape(coder.profile(), shape));
  for (size_t i = 0; i < shape.num_planes; ++i) {
    if (!coder.profile().planes[shape.first_plane + i].has_quality_layers()) {
      return absl::InvalidArgumentError(FoundExpected("profile", "no quality layers", "some"));
    }
  }
  return KvLayerDecoder(coder, shape, scratch);
}

absl::Status KvLayerDecoder::Add(std::span<const uint8_t> segment) {
  KvBytesReader bytes(segment);
  if (added_ >= coder_.num_qualities()) {
    return absl::InvalidArgumentError(FoundExpected("segments", added_ + 1, coder_.num_qualities()));
  }
  if (added_ == 0) {
    PLAIT_RETURN_IF_ERROR(AddBase(bytes));
  } else if (added_ == 1) {
    PLAIT_RETURN_IF_ERROR(AddDecisions(bytes));
  } else {
    PLAIT_RETURN_IF_ERROR(AddBits(bytes));
  }
  PLAIT_RETURN_IF_ERROR(bytes.Finish("segment"));
  ++added_;
  return absl::OkStatus();
}

absl::Status KvLayerDecoder::AddBase(KvBytesReader& bytes) {
  for (KvLayerPlane& plane : planes_) {
    plane.exact = shape_.exact_rows();
    PLAIT_RETURN_IF_ERROR(ReadKvRowPlan(plane.exact, bytes, &plane.rows));
  }
  for (size_t i = 0; i < planes_.size(); ++i) {
    if (coder_.profile().planes[shape_.first_plane + i].token_reference > 0) {
      PLAIT_RETURN_IF_ERROR(ReadKvRowSteps(bytes, planes_[i].rows.main_rows.size(), &planes_[i].row_steps));
    }
  }
  const size_t exact_rows = shape_.exact_rows().count();
  if (exact_rows > 0) {
    std::vector<KvRows<uint16_t>> rows;
    for (size_t i = 0; i < planes_.size(); ++i) {
      planes_[i].exact_x.resize(exact_rows * channels(i));
      rows.push_back({shape_.first_plane + i, planes_[i].exact_x});
    }
    PLAIT_RETURN_IF_ERROR(Annotate(DecodeKvHeads(coder_, kKvExactRowsLanesLog2, bytes, scratch_, rows), "exact rows"));
  }
  return AddIndices(bytes);
}

absl::Status KvLayerDecoder::AddIndices(KvBytesReader& bytes) {
  size_t elements = 0;
  for (size_t i = 0; i < planes_.size(); ++i) {
    planes_[i].indices.resize(planes_[i].rows.main_rows.size() * channels(i));
    elements += planes_[i].indices.size();
  }
  const std::span<uint8_t> coded = scratch_.Coded(elements);
  std::vector<KvSymbolPlane<uint8_t>> coded_planes;
  for (size_t i = 0, at = 0; i < planes_.size(); at += planes_[i].indices.size(), ++i) {
    coded_planes.push_back(
        {coded.subspan(at, planes_[i].indices.size()), coder_.index_order(shape_.first_plane + i).class_of});
  }
  std::span<const uint8_t> stream;
  PLAIT_RETURN_IF_ERROR(bytes.ReadRun("symbols", &stream));
  PLAIT_RETURN_IF_ERROR(KvRansDecode(coder_.indices().decode, kKvBaseLanesLog2, stream, coded_planes));
  for (size_t i = 0; i < planes_.size(); ++i) {
    const size_t plane = shape_.first_plane + i;
    const std::span<uint8_t> symbols = scratch_.Symbols(planes_[i].indices.size());
    KvFromCodedOrder(coder_.index_order(plane).channel, coded_planes[i].symbols, symbols);
    std::span<const uint8_t> escapes, low_bits;
    PLAIT_RETURN_IF_ERROR(bytes.ReadRun("escapes", &escapes));
    PLAIT_RETURN_IF_ERROR(bytes.ReadRun("low bits", &low_bits));
    PLAIT_RETURN_IF_ERROR(
        KvJoinIndices(coder_.profile().planes[plane].index_channels, symbols, escapes, low_bits, planes_[i].indices));
  }
  return absl::OkStatus();
}

absl::Status KvLayerDecoder::AddDecisions(KvBytesReader& bytes) {
  const KvProfile& profile = coder_.profile();
  size_t elements = 0;
  for (const KvLayerPlane& plane : planes_) elements += plane.indices.size();
  const std::span<uint8_t> states = scratch_.States(elements), bits = scratch_.Bits(elements);
  std::vector<KvBitPlane<uint8_t>> coded_planes;
  for (size_t i = 0, at = 0; i < planes_.size(); ++i) {
    const KvChannelOrder& order = coder_.index_order(shape_.first_plane + i);
    const size_t count = planes_[i].indices.size();
    const std::span<uint8_t> in_file_order = scratch_.Symbols(count);
    KvBitStates(profile.element, planes_[i].indices, in_file_order);
    KvToCodedOrder(order.channel, in_file_order, states.subspan(at, count));
    coded_planes.push_back({states.subspan(at, count), bits.subspan(at, count), order.class_of});
    at += count;
  }
  std::span<const uint8_t> stream;
  PLAIT_RETURN_IF_ERROR(bytes.Read("decisions", bytes.rest().size(), &stream));
  PLAIT_RETURN_IF_ERROR(KvBitsDecode(profile.bits, kKvDecisionLanesLog2, stream, coded_planes));
  for (size_t i = 0; i < planes_.size(); ++i) {
    const size_t plane = shape_.first_plane + i;
    const std::span<uint8_t> in_file_order = scratch_.Symbols(planes_[i].indices.size());
    KvFromCodedOrder(coder_.index_order(plane).channel, coded_planes[i].bits, in_file_order);
    planes_[i].prefixes.resize(planes_[i].indices.size());
    KvPrefixes(profile.element, planes_[i].steps(profile, plane), planes_[i].indices, in_file_order,
               planes_[i].prefixes);
  }
  return absl::OkStatus();
}

absl::Status KvLayerDecoder::AddBits(KvBytesReader& bytes) {
  const KvProfile& profile = coder_.profile();
  for (size_t i = 0; i < planes_.size(); ++i) {
    const KvSteps steps = planes_[i].steps(profile, shape_.first_plane + i);
    std::span<const uint8_t> run;
    PLAIT_RETURN_IF_ERROR(bytes.ReadRun("bits", &run));
    PLAIT_RETURN_IF_ERROR(added_ <= profile.refinements
                              ? KvRefinementDecode(profile.element, steps, added_, run, planes_[i].prefixes)
                              : KvExactDecode(profile.element, steps, run, planes_[i].prefixes));
  }
  return absl::OkStatus();
}

void KvLayerDecoder::Values(size_t plane, std::span<uint16_t> x) const {
  const KvProfile& profile = coder_.profile();
  const KvLayerPlane& state = planes_[plane];
  const KvSteps steps = state.steps(profile, shape_.first_plane + plane);
  std::span<const uint16_t> main = state.prefixes;
  if (added_ < coder_.num_qualities()) {
    const std::span<uint16_t> values = scratch_.Elements(state.indices.size());
    if (added_ == 1) {
      KvValuesOfIndices(profile.element, steps, state.indices, values);
    } else {
      KvValuesOfPrefixes(profile.element, steps, added_ - 1, state.prefixes, values);
    }
    main = values;
  }
  ScatterKvRows(state.rows.main_rows, channels(plane), main, x);
  for (size_t i = 0; i < state.exact.count(); ++i) {
    const uint32_t row = static_cast<uint32_t>(state.exact.at(i));
    ScatterKvRows({&row, 1}, channels(plane), std::span(state.exact_x).subspan(i * channels(plane)), x);
  }
  CopyKvRepeats(state.rows.repeats, channels(plane), x);
}

std::vector<int8_t> KvLayerDecoder::RowSteps(size_t plane) const {
  const KvLayerPlane& state = planes_[plane];
  std::vector<int8_t> steps(shape_.rows, state.row_steps.empty() ? int8_t{0} : std::ranges::min(state.row_steps));
  for (size_t i = 0; i < state.row_steps.size(); ++i) steps[state.rows.main_rows[i]] = state.row_steps[i];
  for (const auto& [row, source] : state.rows.repeats) steps[row] = steps[source];
  return steps;
}

absl::Status KvLayerDecoder::DecodeLossless(const KvCoder& coder, const KvLayerShape& shape,
                                            std::span<const uint8_t> segment, KvScratch& scratch,
                                            std::span<const std::span<uint16_t>> planes) {
  PLAIT_RETURN_IF_ERROR(CheckKvLayerShape(coder.profile(), shape));
  const KvExactRows none{shape.rows, 0, 0};
  KvBytesReader bytes(segment);
  std::vector<KvRowPlan> plans(planes.size());
  std::vector<KvRows<uint16_t>> rows;
  std::vector<std::vector<uint16_t>> gathered(planes.size());
  for (size_t i = 0; i < planes.size(); ++i) {
    const size_t plane = shape.first_plane + i;
    PLAIT_RETURN_IF_ERROR(ReadKvRowPlan(none, bytes, &plans[i]));
    if (!plans[i].repeats.empty())
      gathered[i].resize(plans[i].main_rows.size() * coder.profile().planes[plane].channels());
    rows.push_back({plane, plans[i].repeats.empty() ? planes[i] : std::span<uint16_t>(gathered[i])});
  }
  PLAIT_RETURN_IF_ERROR(DecodeKvHeads(coder, kKvLosslessLanesLog2, bytes, scratch, rows));
  PLAIT_RETURN_IF_ERROR(bytes.Finish("segment"));
  for (size_t i = 0; i < planes.size(); ++i) {
    if (plans[i].repeats.empty()) continue;
    const size_t channels = coder.profile().planes[shape.first_plane + i].channels();
    ScatterKvRows(plans[i].main_rows, channels, gathered[i], planes[i]);
    CopyKvRepeats(plans[i].repeats, channels, planes[i]);
  }
  return absl::OkStatus();
}

}  // namespace plait
