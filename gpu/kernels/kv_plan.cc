#include "gpu/kernels/kv_plan.h"

#include <algorithm>

#include "codec/base/bits.h"
#include "codec/base/status.h"
#include "codec/kv/kv_bytes.h"
#include "codec/kv/kv_row_steps.h"
#include "codec/kv/kv_tables.h"
#include "gpu/kernels/kv_entry.h"

namespace plait::gpu {
namespace {

using Bytes = std::span<const uint8_t>;

// Kernels count elements, bits of a run and bytes in 32 bits.
constexpr uint64_t kMaxPlaneElements = uint64_t{1} << 27;
constexpr uint64_t kMaxElements = uint64_t{1} << 31;
constexpr uint64_t kMaxRunBytes = uint64_t{1} << 29;
constexpr uint64_t kMaxCodedBytes = uint64_t{1} << 31;
static_assert(kMaxPlaneElements * (kKvZeroBits + 15) < uint64_t{1} << 32, "positions in runs of bits");

// --- what stands in segments ---

struct HeadRuns {
  Bytes escapes, mantissas;
};
struct Heads {
  Bytes stream;
  std::vector<HeadRuns> planes;
};

// A plane whose rows are coded by quality layers, as far as there are segments.
struct Plane {
  KvRowPlan rows;
  std::vector<int8_t> row_steps;  // empty: zeros
  Bytes escapes, low_bits;
  std::vector<Bytes> bits;  // refinements from 2 on, then the exact layer
};
struct Layer {
  Heads exact;
  std::vector<Plane> planes;
  Bytes base, decisions;
};

absl::Status CheckStream(std::string_view field, Bytes stream, unsigned lanes_log2) {
  const size_t states = sizeof(uint32_t) << lanes_log2;
  if (stream.size() < states) return absl::OutOfRangeError(FoundExpected(field, stream.size(), states));
  if (stream.size() % sizeof(uint16_t) == 0) return absl::OkStatus();
  return absl::DataLossError(FoundExpected(field, absl::StrCat(stream.size(), " bytes"), "an even number"));
}

absl::Status CheckRun(std::string_view field, Bytes run) {
  if (run.size() < kMaxRunBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(FoundExpected(field, run.size(), absl::StrCat("below ", kMaxRunBytes)));
}

// What a segment is read from, and the profile that it belongs to.
class SegmentReader {
 public:
  SegmentReader(const KvCoder& coder, const KvLayerShape& shape, Bytes segment)
      : coder_(coder), shape_(shape), bytes_(segment) {}

  absl::Status ReadRows(const KvExactRows& exact, KvRowPlan* rows) { return ReadKvRowPlan(exact, bytes_, rows); }

  absl::Status ReadRowSteps(std::span<Plane> planes) {
    for (size_t i = 0; i < planes.size(); ++i) {
      if (profile(i).token_reference <= 0) continue;
      PLAIT_RETURN_IF_ERROR(ReadKvRowSteps(bytes_, planes[i].rows.main_rows.size(), &planes[i].row_steps));
    }
    return absl::OkStatus();
  }

  // `rows` of each plane.
  absl::Status ReadHeads(unsigned lanes_log2, std::span<const size_t> rows, Heads* heads) {
    PLAIT_RETURN_IF_ERROR(ReadStream("symbols", lanes_log2, &heads->stream));
    for (size_t i = 0; i < rows.size(); ++i) {
      const size_t row_bytes =
          CeilDiv(profile(i).channels() * coder_.element().mantissa_bits, size_t{8});  // rows begin with a byte
      HeadRuns& runs = heads->planes.emplace_back();
      PLAIT_RETURN_IF_ERROR(ReadRun("escapes", &runs.escapes));
      PLAIT_RETURN_IF_ERROR(bytes_.Read("mantissas", rows[i] * row_bytes, &runs.mantissas));
      PLAIT_RETURN_IF_ERROR(CheckRun("mantissas", runs.mantissas));
    }
    return absl::OkStatus();
  }

  absl::Status ReadStream(std::string_view field, unsigned lanes_log2, Bytes* stream) {
    PLAIT_RETURN_IF_ERROR(ReadRun(field, stream));
    return CheckStream(field, *stream, lanes_log2);
  }
  absl::Status ReadRun(std::string_view field, Bytes* run) {
    PLAIT_RETURN_IF_ERROR(bytes_.ReadRun(field, run));
    return CheckRun(field, *run);
  }

  absl::Status Finish() const { return bytes_.Finish("segment"); }

 private:
  const KvPlaneProfile& profile(size_t plane) const { return coder_.profile().planes[shape_.first_plane + plane]; }

  const KvCoder& coder_;
  const KvLayerShape& shape_;
  KvBytesReader bytes_;
};

absl::Status ReadBase(SegmentReader& reader, const KvLayerShape& shape, Layer* layer) {
  for (Plane& plane : layer->planes) PLAIT_RETURN_IF_ERROR(reader.ReadRows(shape.exact_rows(), &plane.rows));
  PLAIT_RETURN_IF_ERROR(reader.ReadRowSteps(layer->planes));
  if (const size_t exact_rows = shape.exact_rows().count(); exact_rows > 0) {
    const std::vector<size_t> rows(layer->planes.size(), exact_rows);
    PLAIT_RETURN_IF_ERROR(Annotate(reader.ReadHeads(kKvExactRowsLanesLog2, rows, &layer->exact), "exact rows"));
  }
  PLAIT_RETURN_IF_ERROR(reader.ReadStream("symbols", kKvBaseLanesLog2, &layer->base));
  for (Plane& plane : layer->planes) {
    PLAIT_RETURN_IF_ERROR(reader.ReadRun("escapes", &plane.escapes));
    PLAIT_RETURN_IF_ERROR(reader.ReadRun("low bits", &plane.low_bits));
  }
  return reader.Finish();
}

absl::Status ReadLayer(const KvCoder& coder, const KvLayerShape& shape, std::span<const Bytes> segments, Layer* layer) {
  layer->planes.resize(shape.num_planes);
  SegmentReader base(coder, shape, segments[0]);
  PLAIT_RETURN_IF_ERROR(ReadBase(base, shape, layer));
  if (segments.size() == 1) return absl::OkStatus();
  layer->decisions = segments[1];
  PLAIT_RETURN_IF_ERROR(CheckRun("decisions", layer->decisions));
  PLAIT_RETURN_IF_ERROR(CheckStream("decisions", layer->decisions, kKvDecisionLanesLog2));
  for (const Bytes segment : segments.subspan(2)) {
    SegmentReader reader(coder, shape, segment);
    for (Plane& plane : layer->planes) PLAIT_RETURN_IF_ERROR(reader.ReadRun("bits", &plane.bits.emplace_back()));
    PLAIT_RETURN_IF_ERROR(reader.Finish());
  }
  return absl::OkStatus();
}

// --- what callers may ask for ---

absl::Status CheckPages(const KvPages& pages, std::span<const uint32_t> slots, unsigned element_bytes) {
  if (reinterpret_cast<uintptr_t>(pages.begin) % element_bytes != 0) {
    return absl::InvalidArgumentError("pages: found an odd address, expected a multiple of an element's size");
  }
  const uint64_t num_slots = uint64_t{pages.num_blocks} * pages.block_tokens;
  for (const uint32_t slot : slots) {
    if (slot >= num_slots) {
      return absl::InvalidArgumentError(FoundExpected("slot", slot, absl::StrCat("below ", num_slots)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDestination(const KvCoder& coder, const KvLayerShape& shape, const KvDestination& to) {
  if (to.planes.size() != shape.num_planes) {
    return absl::InvalidArgumentError(FoundExpected("planes of pages", to.planes.size(), shape.num_planes));
  }
  if (to.slots.size() != shape.rows) {
    return absl::InvalidArgumentError(FoundExpected("slots", to.slots.size(), shape.rows));
  }
  for (const KvPages& pages : to.planes) {
    PLAIT_RETURN_IF_ERROR(CheckPages(pages, to.slots, coder.element().bytes()));
  }
  return absl::OkStatus();
}

absl::Status CheckSegments(const KvCoder& coder, const KvLayerShape& shape, size_t segments) {
  for (size_t i = 0; i < shape.num_planes; ++i) {
    if (!coder.profile().planes[shape.first_plane + i].has_quality_layers()) {
      return absl::InvalidArgumentError(FoundExpected("profile", "no quality layers", "some"));
    }
  }
  if (segments >= 1 && segments <= coder.num_qualities()) return absl::OkStatus();
  return absl::InvalidArgumentError(FoundExpected("segments", segments, absl::StrCat("1 to ", coder.num_qualities())));
}

// Whether there is room for all rows of a layer and for its segments.
absl::Status CheckRoom(const KvCoder& coder, const KvLayerShape& shape, std::span<const Bytes> segments,
                       const KvDevicePlan& plan) {
  uint64_t elements = plan.num_elements, bytes = plan.coded.size();
  for (size_t i = 0; i < shape.num_planes; ++i) {
    const uint64_t here = uint64_t{shape.rows} * coder.profile().planes[shape.first_plane + i].channels();
    if (here > kMaxPlaneElements) {
      return absl::ResourceExhaustedError(
          FoundExpected("elements of a plane", here, absl::StrCat("at most ", kMaxPlaneElements)));
    }
    elements += here;
  }
  const size_t most_runs = 2 + shape.num_planes * (2 + kKvMaxRefinements);
  for (const Bytes segment : segments) bytes += segment.size() + most_runs * kKvRunAlignment;
  if (elements > kMaxElements || bytes > kMaxCodedBytes) {
    return absl::ResourceExhaustedError(FoundExpected("batch",
                                                      absl::StrCat(elements, " elements, ", bytes, " coded bytes"),
                                                      absl::StrCat("at most ", kMaxElements, " and ", kMaxCodedBytes)));
  }
  return absl::OkStatus();
}

// --- plans ---

// Which elements a row of a chunk is made of.
struct RowSource {
  uint32_t first_element = 0;
  int16_t row_step = 0;
  uint16_t known = kKvKnowsElements;
};

// Adds one model layer, which has been checked, to a plan.
class LayerPlanner {
 public:
  LayerPlanner(const KvCoder& coder, const KvProfileImage& image, const KvLayerShape& shape, KvDevicePlan* plan)
      : coder_(coder), image_(image), shape_(shape), plan_(*plan), layer_(plan->num_layers++) {}

  // The first of their planes.
  uint32_t AddHeads(const Heads& heads, std::span<const size_t> rows, std::vector<KvStream>* streams) {
    const auto first_plane = static_cast<uint32_t>(plan_.head_planes.size());
    AddStream(heads.stream, static_cast<uint32_t>(plan_.shapes.size()), streams);
    for (size_t i = 0; i < rows.size(); ++i) {
      plan_.head_planes.push_back({.shape = AddShape(i, rows[i]),
                                   .escapes = AddRun(heads.planes[i].escapes),
                                   .mantissas = AddRun(heads.planes[i].mantissas),
                                   .layer = layer_});
    }
    return first_plane;
  }

  uint32_t AddQualityLayers(const Layer& layer, uint32_t known) {
    const auto first_plane = static_cast<uint32_t>(plan_.quality_planes.size());
    AddStream(layer.base, static_cast<uint32_t>(plan_.shapes.size()), &plan_.base_streams);
    if (known != kKvKnowsIndices) AddStream(layer.decisions, first_plane, &plan_.decision_streams);
    for (size_t i = 0; i < layer.planes.size(); ++i) AddQualityPlane(i, layer.planes[i], known);
    return first_plane;
  }

  void AddTarget(size_t plane, const KvPages& pages, std::span<const uint32_t> slots,
                 std::span<const RowSource> sources) {
    const auto target = static_cast<uint32_t>(plan_.targets.size());
    plan_.targets.push_back({.pages = pages.begin,
                             .block_elements = pages.block_elements,
                             .block_tokens = pages.block_tokens,
                             .first_channel = image_.first_channel[shape_.first_plane + plane],
                             .channels = channels(plane),
                             .layer = layer_});
    for (size_t row = 0; row < sources.size(); ++row) {
      plan_.rows.push_back({.first_element = sources[row].first_element,
                            .target = target,
                            .slot = slots[row],
                            .row_step = sources[row].row_step,
                            .known = sources[row].known});
    }
  }

  uint32_t channels(size_t plane) const {
    return static_cast<uint32_t>(coder_.profile().planes[shape_.first_plane + plane].channels());
  }

 private:
  KvRun AddRun(Bytes run) {
    const KvRun added{.begin = static_cast<uint32_t>(plan_.coded.size()), .bytes = static_cast<uint32_t>(run.size())};
    plan_.coded.insert(plan_.coded.end(), run.begin(), run.end());
    plan_.coded.resize(CeilDiv<size_t>(plan_.coded.size(), kKvRunAlignment) * kKvRunAlignment);
    return added;
  }

  void AddStream(Bytes stream, uint32_t first_plane, std::vector<KvStream>* streams) {
    streams->push_back({.run = AddRun(stream),
                        .first_plane = first_plane,
                        .num_planes = static_cast<uint32_t>(shape_.num_planes),
                        .layer = layer_});
  }

  KvPlaneShape AddShape(size_t plane, size_t rows) {
    const KvPlaneShape shape{.first_channel = image_.first_channel[shape_.first_plane + plane],
                             .channels = channels(plane),
                             .rows = static_cast<uint32_t>(rows),
                             .first_element = plan_.num_elements};
    plan_.num_elements += shape.rows * shape.channels;
    plan_.shapes.push_back(shape);
    return shape;
  }

  void AddQualityPlane(size_t number, const Plane& plane, uint32_t known) {
    const size_t rows = plane.rows.main_rows.size();
    KvQualityPlane added{.shape = AddShape(number, rows),
                         .escapes = AddRun(plane.escapes),
                         .low_bits = AddRun(plane.low_bits),
                         .refinements = {},
                         .exact = {},
                         .first_row = static_cast<uint32_t>(plan_.row_steps.size()),
                         .known = known,
                         .layer = layer_};
    for (size_t i = 0; i < plane.bits.size(); ++i) {
      const bool is_exact = i + 1 == coder_.profile().refinements;
      (is_exact ? added.exact : added.refinements[i]) = AddRun(plane.bits[i]);
    }
    plan_.quality_planes.push_back(added);
    plan_.row_steps.insert(plan_.row_steps.end(), plane.row_steps.begin(), plane.row_steps.end());
    plan_.row_steps.resize(added.first_row + rows);
  }

  const KvCoder& coder_;
  const KvProfileImage& image_;
  const KvLayerShape& shape_;
  KvDevicePlan& plan_;
  uint32_t layer_;
};

uint32_t KnownBy(const KvCoder& coder, size_t segments) {
  return segments == coder.num_qualities() ? kKvKnowsElements : static_cast<uint32_t>(segments - 1);
}

// Main rows stand in `shape`, those that are exact at every quality from `first_exact` on.
std::vector<RowSource> SourcesOf(const KvExactRows& exact, const KvRowPlan& rows, const KvPlaneShape& shape,
                                 uint32_t first_exact, std::span<const int8_t> row_steps, uint32_t known) {
  std::vector<RowSource> sources(exact.rows);
  for (uint32_t i = 0; i < exact.count(); ++i) sources[exact.at(i)].first_element = first_exact + i * shape.channels;
  for (uint32_t i = 0; i < rows.main_rows.size(); ++i) {
    sources[rows.main_rows[i]] = {.first_element = shape.first_element + i * shape.channels,
                                  .row_step = static_cast<int16_t>(row_steps.empty() ? 0 : row_steps[i]),
                                  .known = static_cast<uint16_t>(known)};
  }
  for (const KvRepeat& repeat : rows.repeats) sources[repeat.row] = sources[repeat.source];
  return sources;
}

template <class To, class From>
void Append(std::vector<To>* to, const From& from) {
  to->insert(to->end(), from.begin(), from.end());
}

// [class][context][bucket].
std::vector<simt::Pair<uint32_t>> EntriesOf(const KvTables& tables) {
  std::vector<simt::Pair<uint32_t>> entries;
  for (size_t t = 0; t < tables.frequencies.size(); ++t) {
    const KvTables::ContextMap& contexts = tables.contexts[t / tables.num_contexts];
    const auto half = [&](uint32_t symbol, uint32_t offset) {
      return PackKvHalf(tables.frequencies[t][symbol], offset, symbol, contexts[symbol]);
    };
    const KvBuckets buckets = MakeKvBuckets(tables.frequencies[t]);
    for (uint32_t b = 0; b < kKvSymbols; ++b) {
      entries.push_back({half(b, buckets[b].others_slots), half(buckets[b].other, buckets[b].other_offset)});
    }
  }
  return entries;
}

void AppendPositions(const KvChannelOrder& order, std::vector<uint32_t>* positions) {
  for (size_t p = 0; p < order.channel.size(); ++p) {
    positions->push_back(PackKvPair(order.channel[p], order.class_of[p]));
  }
}

}  // namespace

KvProfileImage::KvProfileImage(const KvCoder& coder)
    : head_entries(EntriesOf(coder.profile().heads)),
      index_entries(EntriesOf(coder.profile().indices)),
      head_class_entries(static_cast<uint32_t>(coder.profile().heads.num_contexts * kKvSymbols)),
      index_class_entries(static_cast<uint32_t>(coder.profile().indices.num_contexts * kKvSymbols)),
      refinements(coder.profile().refinements) {
  const KvProfile& profile = coder.profile();
  for (const auto& of_class : profile.bits) Append(&shares, of_class);
  for (size_t p = 0; p < profile.planes.size(); ++p) {
    const KvPlaneProfile& plane = profile.planes[p];
    first_channel.push_back(static_cast<uint32_t>(head_offsets.size()));
    AppendPositions(coder.head_order(p), &head_positions);
    Append(&head_offsets, plane.head_offset);
    AppendPositions(coder.index_order(p), &index_positions);
    for (const KvIndexChannel& channel : plane.index_channels) {
      index_channels.push_back(PackKvPair(static_cast<uint16_t>(channel.center), channel.shift));
    }
    Append(&steps, plane.steps);
    // Planes without quality layers have channels all the same.
    index_positions.resize(head_positions.size());
    index_channels.resize(head_positions.size());
    steps.resize(head_positions.size());
  }
}

absl::Status AddKvLayer(const KvCoder& coder, const KvProfileImage& image, const KvLayerShape& shape,
                        std::span<const std::span<const uint8_t>> segments, const KvDestination& to,
                        KvDevicePlan* plan) {
  PLAIT_RETURN_IF_ERROR(CheckKvLayerShape(coder.profile(), shape));
  PLAIT_RETURN_IF_ERROR(CheckSegments(coder, shape, segments.size()));
  PLAIT_RETURN_IF_ERROR(CheckDestination(coder, shape, to));
  PLAIT_RETURN_IF_ERROR(CheckRoom(coder, shape, segments, *plan));
  Layer layer;
  PLAIT_RETURN_IF_ERROR(ReadLayer(coder, shape, segments, &layer));

  LayerPlanner planner(coder, image, shape, plan);
  const KvExactRows exact = shape.exact_rows();
  const std::vector<size_t> exact_rows(shape.num_planes, exact.count());
  const bool has_exact = exact.count() > 0;
  const uint32_t first_heads = has_exact ? planner.AddHeads(layer.exact, exact_rows, &plan->exact_streams) : 0;
  const uint32_t known = KnownBy(coder, segments.size());
  const uint32_t first_plane = planner.AddQualityLayers(layer, known);
  for (size_t i = 0; i < shape.num_planes; ++i) {
    const uint32_t first_exact = has_exact ? plan->head_planes[first_heads + i].shape.first_element : 0;
    const Plane& plane = layer.planes[i];
    planner.AddTarget(
        i, to.planes[i], to.slots,
        SourcesOf(exact, plane.rows, plan->quality_planes[first_plane + i].shape, first_exact, plane.row_steps, known));
  }
  return absl::OkStatus();
}

absl::Status AddKvLossless(const KvCoder& coder, const KvProfileImage& image, const KvLayerShape& shape,
                           std::span<const uint8_t> segment, const KvDestination& to, KvDevicePlan* plan) {
  PLAIT_RETURN_IF_ERROR(CheckKvLayerShape(coder.profile(), shape));
  PLAIT_RETURN_IF_ERROR(CheckDestination(coder, shape, to));
  PLAIT_RETURN_IF_ERROR(CheckRoom(coder, shape, {&segment, 1}, *plan));
  const KvExactRows none{shape.rows, 0, 0};
  SegmentReader reader(coder, shape, segment);
  std::vector<KvRowPlan> row_plans(shape.num_planes);
  std::vector<size_t> rows;
  for (KvRowPlan& row_plan : row_plans) {
    PLAIT_RETURN_IF_ERROR(reader.ReadRows(none, &row_plan));
    rows.push_back(row_plan.main_rows.size());
  }
  Heads heads;
  PLAIT_RETURN_IF_ERROR(reader.ReadHeads(kKvLosslessLanesLog2, rows, &heads));
  PLAIT_RETURN_IF_ERROR(reader.Finish());

  LayerPlanner planner(coder, image, shape, plan);
  const uint32_t first_plane = planner.AddHeads(heads, rows, &plan->lossless_streams);
  for (size_t i = 0; i < shape.num_planes; ++i) {
    planner.AddTarget(i, to.planes[i], to.slots,
                      SourcesOf(none, row_plans[i], plan->head_planes[first_plane + i].shape, 0, {}, kKvKnowsElements));
  }
  return absl::OkStatus();
}

}  // namespace plait::gpu
