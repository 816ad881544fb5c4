// KV segments in the host executor's memory: pages that blocks of tokens are scattered over, a plan, all launches.
#ifndef PLAIT_TESTS_GPU_KV_DEVICE_H_
#define PLAIT_TESTS_GPU_KV_DEVICE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/base/bits.h"
#include "gpu/kernels/kv_decisions.h"
#include "gpu/kernels/kv_dequantize.h"
#include "gpu/kernels/kv_join_heads.h"
#include "gpu/kernels/kv_join_indices.h"
#include "gpu/kernels/kv_merge.h"
#include "gpu/kernels/kv_plan.h"
#include "gpu/kernels/kv_rans_decode.h"
#include "gpu/simt/executor.h"

namespace plait::gpu {

class KvDevice {
 public:
  explicit KvDevice(const KvCoder& coder) : coder_(coder), image_(coder) {}

  // Adds a model layer: segments of the first qualities.
  absl::Status Add(const KvLayerShape& shape, std::span<const std::vector<uint8_t>> segments) {
    const std::vector<std::span<const uint8_t>> views(segments.begin(), segments.end());
    Layer layer = MakeLayer(shape);
    const absl::Status status = AddKvLayer(coder_, image_, shape, views, {layer.pages, layer.slots}, &plan_);
    if (status.ok()) layers_.push_back(std::move(layer));
    return status;
  }
  // The same for the lossless-only form.
  absl::Status AddLossless(const KvLayerShape& shape, std::span<const uint8_t> segment) {
    Layer layer = MakeLayer(shape);
    const absl::Status status = AddKvLossless(coder_, image_, shape, segment, {layer.pages, layer.slots}, &plan_);
    if (status.ok()) layers_.push_back(std::move(layer));
    return status;
  }

  // What each kernel asked for, in the order of launches.
  struct Launched {
    std::string name;
    simt::Counters counters;
  };

  absl::StatusOr<std::vector<Launched>> Decode(uint64_t seed, uint32_t thread_blocks = 2) {
    switch (coder_.profile().element) {
      case KvElement::kBf16: return Launch<KvElement::kBf16>(seed, thread_blocks);
      case KvElement::kF16: return Launch<KvElement::kF16>(seed, thread_blocks);
      case KvElement::kE4m3: return Launch<KvElement::kE4m3>(seed, thread_blocks);
      case KvElement::kE5m2: return Launch<KvElement::kE5m2>(seed, thread_blocks);
    }
    return absl::InternalError("element type");
  }

  uint32_t status(size_t layer) const { return status_[layer]; }

  // What the pages hold of a plane, rows x channels.
  std::vector<uint16_t> Plane(size_t layer, size_t plane) const {
    const Layer& of = layers_[layer];
    const size_t bytes = coder_.element().bytes(), channels = of.channels[plane];
    std::vector<uint16_t> elements;
    for (const uint32_t slot : of.slots) {
      const uint8_t* at =
          of.pages[plane].begin +
          (slot / kBlockTokens * of.pages[plane].block_elements + slot % kBlockTokens * channels) * bytes;
      for (size_t c = 0; c < channels; ++c) std::memcpy(&elements.emplace_back(), at + c * bytes, bytes);
    }
    return elements;
  }

  // Whether anything stands in the pages of a model layer.
  bool touched(size_t layer) const {
    return std::ranges::any_of(layers_[layer].memory, [](uint8_t byte) { return byte != 0; });
  }
  size_t num_elements() const { return plan_.num_elements; }

 private:
  static constexpr uint32_t kBlockTokens = 16;

  struct Layer {
    std::span<const uint8_t> memory;
    std::vector<KvPages> pages;
    std::vector<uint32_t> slots;
    std::vector<size_t> channels;
  };

  // A block has the tokens of all planes, as vLLM's has keys and values. There are twice as many blocks as needed.
  Layer MakeLayer(const KvLayerShape& shape) {
    Layer layer;
    size_t channels = 0;
    for (size_t p = 0; p < shape.num_planes; ++p) {
      layer.channels.push_back(coder_.profile().planes[shape.first_plane + p].channels());
      channels += layer.channels.back();
    }
    const size_t needed = CeilDiv<size_t>(shape.rows, kBlockTokens);
    std::vector<uint32_t> blocks(2 * needed);
    for (uint32_t b = 0; b < blocks.size(); ++b) blocks[b] = b;
    std::shuffle(blocks.begin(), blocks.end(), random_);
    for (uint32_t r = 0; r < shape.rows; ++r) {
      layer.slots.push_back(blocks[r / kBlockTokens] * kBlockTokens + r % kBlockTokens);
    }
    const size_t bytes = coder_.element().bytes(), block_elements = kBlockTokens * channels;
    const size_t page_bytes = blocks.size() * block_elements * bytes;
    uint8_t* begin = memory_.AllocateZeroed<uint8_t>("pages", page_bytes);
    layer.memory = {begin, page_bytes};
    for (const size_t of_plane : layer.channels) {
      layer.pages.push_back({begin, block_elements, static_cast<uint32_t>(blocks.size()), kBlockTokens});
      begin += kBlockTokens * of_plane * bytes;
    }
    return layer;
  }

  KvDecodeParams MakeParams() {
    const auto upload = [&](const char* name, const auto& values) {
      using T = typename std::remove_cvref_t<decltype(values)>::value_type;
      return memory_.Upload<T>(name, values);
    };
    const auto count = [](const auto& values) { return static_cast<uint32_t>(values.size()); };
    return {.profile = {.head_entries = upload("head entries", image_.head_entries),
                        .index_entries = upload("index entries", image_.index_entries),
                        .shares = upload("shares", image_.shares),
                        .head_positions = upload("head positions", image_.head_positions),
                        .index_positions = upload("index positions", image_.index_positions),
                        .index_channels = upload("index channels", image_.index_channels),
                        .head_offsets = upload("head offsets", image_.head_offsets),
                        .steps = upload("steps", image_.steps),
                        .head_class_entries = image_.head_class_entries,
                        .index_class_entries = image_.index_class_entries,
                        .refinements = image_.refinements},
            .coded = upload("coded", plan_.coded),
            .shapes = upload("shapes", plan_.shapes),
            .exact_streams = upload("exact streams", plan_.exact_streams),
            .base_streams = upload("base streams", plan_.base_streams),
            .lossless_streams = upload("lossless streams", plan_.lossless_streams),
            .decision_streams = upload("decision streams", plan_.decision_streams),
            .head_planes = upload("head planes", plan_.head_planes),
            .quality_planes = upload("quality planes", plan_.quality_planes),
            .rows = upload("rows", plan_.rows),
            .targets = upload("targets", plan_.targets),
            .row_steps = upload("row steps", plan_.row_steps),
            .num_exact_streams = count(plan_.exact_streams),
            .num_base_streams = count(plan_.base_streams),
            .num_lossless_streams = count(plan_.lossless_streams),
            .num_decision_streams = count(plan_.decision_streams),
            .num_head_planes = count(plan_.head_planes),
            .num_quality_planes = count(plan_.quality_planes),
            .num_rows = count(plan_.rows),
            .symbols = memory_.Allocate<uint8_t>("symbols", plan_.num_elements),
            .indices = memory_.Allocate<int16_t>("indices", plan_.num_elements),
            .prefixes = memory_.Allocate<uint16_t>("prefixes", plan_.num_elements),
            .elements = memory_.Allocate<uint16_t>("elements", plan_.num_elements),
            .status = memory_.AllocateZeroed<uint32_t>("status", plan_.num_layers)};
  }

  template <KvElement kElement>
  absl::StatusOr<std::vector<Launched>> Launch(uint64_t seed, uint32_t thread_blocks) {
    using Context = simt::HostContext;
    const KvDecodeParams params = MakeParams();
    status_ = params.status;
    const std::pair<const char*, std::function<void(Context&)>> kernels[] = {
        {"KvExactSymbols", [&](Context& ctx) { KvExactSymbolsBody(ctx, params); }},
        {"KvBaseSymbols", [&](Context& ctx) { KvBaseSymbolsBody(ctx, params); }},
        {"KvLosslessSymbols", [&](Context& ctx) { KvLosslessSymbolsBody(ctx, params); }},
        {"KvJoinHeads", [&](Context& ctx) { KvJoinHeadsBody<kElement>(ctx, params); }},
        {"KvJoinIndices", [&](Context& ctx) { KvJoinIndicesBody(ctx, params); }},
        {"KvDecisions", [&](Context& ctx) { KvDecisionsBody<kElement>(ctx, params); }},
        {"KvMerge", [&](Context& ctx) { KvMergeBody<kElement>(ctx, params); }},
        {"KvDequantize", [&](Context& ctx) { KvDequantizeBody<kElement>(ctx, params); }},
    };
    std::vector<Launched> launched;
    for (const auto& [name, body] : kernels) {
      const auto counters =
          simt::RunGrid({.thread_blocks = thread_blocks, .warps = kKvWarps, .seed = seed++}, memory_, body);
      if (!counters.ok()) return counters.status();
      launched.push_back({name, *counters});
    }
    return launched;
  }

  const KvCoder& coder_;
  KvProfileImage image_;
  simt::GlobalMemory memory_;
  KvDevicePlan plan_;
  std::vector<Layer> layers_;
  const uint32_t* status_ = nullptr;
  std::mt19937 random_{7};
};

}  // namespace plait::gpu

#endif  // PLAIT_TESTS_GPU_KV_DEVICE_H_
