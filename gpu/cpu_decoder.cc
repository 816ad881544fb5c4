#include "gpu/cpu_decoder.h"

#include <algorithm>

#include "codec/tier/tier_select.h"

namespace plait::gpu {
namespace {

template <class T>
const T* InImage(std::span<const uint8_t> image, uint64_t at) {
  return reinterpret_cast<const T*>(image.data() + at);
}

// What an address of an image stands for.
const uint8_t* Address(std::span<const uint8_t> image, const uint8_t* relative) {
  return image.data() + reinterpret_cast<uint64_t>(relative);
}

// How often the digits of level `level` of a group escape, as its index says.
uint32_t IndexedEscapes(const TierBlock& block, const TierGroup& group, uint32_t level) {
  return level + 1 < block.num_levels ? group.counts[level] : group.raw;
}

// Whether the digits of a group, which are where its index says, escape as often as it says.
bool GroupCountsMatch(const uint8_t* stream, const TierBlock& block, uint32_t number, const TierGroup& group) {
  const auto& count_escapes = ActiveTierKernels().count_escapes;
  const TierShape shape(static_cast<uint8_t>(block.shape));
  const uint32_t first = number * kGroupSymbols;
  uint32_t count = std::min(kGroupSymbols, block.elements - first);
  const uint8_t* digits = stream + kTierHeaderBytes + TierDigitBytes(first, shape.digit_bits(0));
  const uint8_t* packet = stream + group.packet;
  for (uint32_t level = 0; level < block.num_levels; ++level) {
    const unsigned bits = shape.digit_bits(level);
    if (level > 0) {
      digits = packet;
      packet += TierDigitBytes(count, bits);
    }
    const uint32_t escapes = IndexedEscapes(block, group, level);
    if (count_escapes[bits - 1](digits, count) != escapes) return false;
    count = escapes;
  }
  return true;
}

// Whether matches(number, group), which are of a group and its index, holds for all groups of a block.
template <class Matches>
bool AllGroups(const DecodePlan& plan, uint32_t number, std::span<const uint8_t> image, const Matches& matches) {
  const uint32_t narrow = plan.kernel(number);
  for (const uint32_t kernel : {narrow, narrow + 1}) {
    const DecodePlan::Tasks tasks = plan.tasks(kernel, {number, 1});
    for (uint32_t t = 0; t < tasks.count; ++t) {
      const TierTask& task = InImage<TierTask>(image, tasks.tasks_at)[t];
      if (!matches(task.group, InImage<TierGroup>(image, tasks.groups_at)[t])) return false;
    }
  }
  return true;
}

}  // namespace

TierStatus CpuDecoder::DecodeBlock(const DecodePlan& plan, uint32_t number, std::span<const uint8_t> image,
                                   std::span<uint8_t> out) {
  const TierBlock& block = InImage<TierBlock>(image, plan.blocks_at())[number];
  const auto status = static_cast<TierStatus>(InImage<uint32_t>(image, plan.status_at())[number]);
  if (status != kTierOk) return status;
  const std::span stream(Address(image, block.stream), block.stream_bytes);
  if (plan.kernel(number) == kCopyKernel) {
    std::ranges::copy(stream, out.begin());
    return kTierOk;
  }
  const absl::Status decoded = DecodeStream(KindOfKernel(plan.kernel(number)), stream, block, image, out);
  // What kernels check: the index. A decoder that comes to the end has counted on its way, from the same places on, up
  // to the first count that differs.
  const bool counts_match = AllGroups(plan, number, image, [&](uint32_t group, const TierGroup& index) {
    if (!decoded.ok()) return GroupCountsMatch(stream.data(), block, group, index);
    for (uint32_t level = 0; level < block.num_levels; ++level) {
      if (scratch_->escapes[group][level] != IndexedEscapes(block, index, level)) return false;
    }
    return true;
  });
  if (!counts_match) return kTierWrongCounts;
  return decoded.ok() ? kTierOk : kTierCorrupt;
}

absl::Status CpuDecoder::DecodeStream(PlaneKind kind, std::span<const uint8_t> stream, const TierBlock& block,
                                      std::span<const uint8_t> image, std::span<uint8_t> out) {
  if (kind == PlaneKind::kBytes) return TierDecode(stream, *scratch_, out);
  const ConstPlaneSpans planes = {{{}, {Address(image, block.noise), PlaneBytes(kind, 1, block.elements)}}};
  return TierDecodeAndJoin(stream, *scratch_, kind, planes, out, {});
}

absl::Status CpuDecoder::DecodeChecked(const DecodePlan& plan, BlockRun run, const DecodeBuffers& buffers,
                                       DeviceStream) {
  for (uint32_t number = run.first; number < run.first + run.count; ++number) {
    const auto out = buffers.output.subspan(plan.output_offset(number, run.first), plan.block_bytes(number));
    buffers.status[number] = DecodeBlock(plan, number, buffers.image, out);
  }
  return absl::OkStatus();
}

}  // namespace plait::gpu
