#include "gpu/cpu_decoder.h"

#include <algorithm>
#include <bit>

#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "codec/huffman/huffman.h"
#include "codec/tier/tier_select.h"
#include "codec/transform/planes.h"

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

// The parts of a DFloat11 stream that kernels do not get from the plan.
struct HuffmanSpans {
  std::span<const uint8_t> luts, codes, gaps, sign_mantissas;
};

HuffmanSpans FindHuffman(std::span<const uint8_t> image, const HuffmanSource& source) {
  const uint8_t* const codes = Address(image, source.codes);
  return {.luts = {codes + source.luts_at, (source.num_tables + 1) * kHuffmanRowBytes},
          .codes = {codes, source.code_bytes},
          .gaps = {codes + source.gaps_at, source.num_blocks() * kHuffmanBlockGapBytes},
          .sign_mantissas = {Address(image, source.sign_mantissas), source.num_symbols}};
}

// Positions as streams store them, from the tasks that were made of them.
std::vector<uint8_t> PackPositions(std::span<const HuffmanTask> tasks) {
  std::vector<uint8_t> positions(sizeof(uint32_t) * (tasks.size() + 1));
  for (size_t i = 0; i < tasks.size(); ++i) {
    StoreLe(tasks[i].first_symbol + tasks[i].num_symbols, &positions[sizeof(uint32_t) * (i + 1)]);
  }
  return positions;
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
  if (plan.kernel(number) == kHuffmanKernel) return DecodeHuffman(plan, number, image, out);
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

TierStatus CpuDecoder::DecodeHuffman(const DecodePlan& plan, uint32_t number, std::span<const uint8_t> image,
                                     std::span<uint8_t> out) {
  constexpr size_t kBlocksAtOnce = 8;  // whose exponents stay in the cache until they are joined
  const auto source = std::bit_cast<HuffmanSource>(InImage<TierBlock>(image, plan.blocks_at())[number]);
  const HuffmanSpans parts = FindHuffman(image, source);
  const DecodePlan::Tasks tasks = plan.tasks(kHuffmanKernel, {number, 1});
  const std::vector<uint8_t> positions = PackPositions({InImage<HuffmanTask>(image, tasks.tasks_at), tasks.count});
  const auto reader = HuffmanReader::Open(parts.luts, parts.gaps, positions, source.code_bytes, source.num_symbols);
  if (!reader.ok()) return kTierCorrupt;
  for (size_t first = 0; first < reader->num_blocks(); first += kBlocksAtOnce) {
    const size_t last = std::min(first + kBlocksAtOnce, reader->num_blocks());
    const uint64_t begin = reader->FirstSymbol(first);
    const uint64_t count = reader->FirstSymbol(last) - begin;
    exponents_.resize(count);
    const auto codes = parts.codes.subspan(first * kHuffmanBlockBytes, reader->CodeBytes(first, last));
    if (!reader->DecodeHuffmanBlocks(codes, first, last, exponents_).ok()) return kTierCorrupt;
    JoinPlanes(PlaneKind::kBf16, {exponents_, parts.sign_mantissas.subspan(begin, count)},
               out.subspan(begin * sizeof(uint16_t), count * sizeof(uint16_t)));
  }
  return kTierOk;
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
