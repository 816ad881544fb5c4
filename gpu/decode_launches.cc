#include "gpu/decode_launches.h"

namespace plait::gpu {

BlockBindParams DecodeLaunches::bind() const {
  return {.blocks = InImage<TierBlock>(plan->blocks_at()) + run.first,
          .first_status = InImage<uint32_t>(plan->status_at()) + run.first,
          .bound = bound() + run.first,
          .status = buffers->status.data() + run.first,
          .num_blocks = run.count,
          .image = reinterpret_cast<uint64_t>(buffers->image.data()),
          .output = reinterpret_cast<uint64_t>(buffers->output.data()) - plan->output_offset(run.first)};
}

TierDecodeParams DecodeLaunches::tier(uint32_t kernel) const {
  const DecodePlan::Tasks tasks = plan->tasks(kernel, run);
  return {.tasks = InImage<TierTask>(tasks.tasks_at),
          .groups = InImage<TierGroup>(tasks.groups_at),
          .blocks = bound(),
          .status = buffers->status.data(),
          .num_tasks = tasks.count};
}

BlockCopyParams DecodeLaunches::copy() const {
  const DecodePlan::Tasks tasks = plan->tasks(kCopyKernel, run);
  return {.tasks = InImage<TierTask>(tasks.tasks_at), .blocks = bound(), .num_tasks = tasks.count};
}

HuffmanDecodeParams DecodeLaunches::huffman() const {
  const DecodePlan::Tasks tasks = plan->tasks(kHuffmanKernel, run);
  return {.tasks = InImage<HuffmanTask>(tasks.tasks_at),
          .sources = reinterpret_cast<const HuffmanSource*>(bound()),
          .status = buffers->status.data(),
          .num_tasks = tasks.count,
          .capacity = plan->huffman_capacity()};
}

}  // namespace plait::gpu
