// The host's side of decoding KV segments on a device: takes segments apart as their CPU decoder does
// (codec/kv/FORMAT.md) and lays out the kernels' work.
#ifndef PLAIT_GPU_KERNELS_KV_PLAN_H_
#define PLAIT_GPU_KERNELS_KV_PLAN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_coder.h"
#include "gpu/kernels/kv_task.h"

namespace plait::gpu {

// The arrays of a profile (KvProfileArrays): to be copied to the device as they are, once for all batches.
struct KvProfileImage {
  explicit KvProfileImage(const KvCoder& coder);

  std::vector<simt::Pair<uint32_t>> head_entries, index_entries;
  std::vector<uint16_t> shares;
  std::vector<uint32_t> head_positions, index_positions, index_channels;
  std::vector<int16_t> head_offsets, steps;
  uint32_t head_class_entries = 0;
  uint32_t index_class_entries = 0;
  uint32_t refinements = 0;

  std::vector<uint32_t> first_channel;  // of each plane
};

// The pages of one plane. In vLLM's [num_blocks, 2, block_tokens, heads, head_dim] keys begin with the tensor, values
// block_tokens * channels elements behind it, and blocks of both are 2 * block_tokens * channels elements apart.
struct KvPages {
  uint8_t* begin = nullptr;     // where the kernel runs; a multiple of an element's size
  uint64_t block_elements = 0;  // from a block to the next
  uint32_t num_blocks = 0;
  uint32_t block_tokens = 0;
};

// Where a model layer goes: slot s is row s % block_tokens of block s / block_tokens, in all its planes.
struct KvDestination {
  std::span<const KvPages> planes;
  std::span<const uint32_t> slots;  // one for each row of the chunk, none twice
};

// What kernels get of all model layers of a batch (KvDecodeParams): to be copied to the device as it is. Symbols,
// indices, prefixes and elements have room for num_elements each; there is a zeroed status word for each model layer.
struct KvDevicePlan {
  std::vector<uint8_t> coded;
  std::vector<KvPlaneShape> shapes;
  std::vector<KvStream> exact_streams, base_streams, lossless_streams, decision_streams;
  std::vector<KvHeadPlane> head_planes;
  std::vector<KvQualityPlane> quality_planes;
  std::vector<KvRow> rows;
  std::vector<KvTarget> targets;
  std::vector<int8_t> row_steps;
  uint32_t num_elements = 0;
  uint32_t num_layers = 0;
};

// Adds the first segments of a model layer of a chunk: one or more qualities. `image` is the coder's.
// Returns, with the plan as it was: kInvalidArgument if there are no segments or too many, the shape does not fit the
// profile or the destination does not fit the shape; kOutOfRange or kDataLoss if a segment is damaged in a way that
// KvLayerDecoder::Add finds and kernels do not; kResourceExhausted if the batch becomes too large for kernels.
absl::Status AddKvLayer(const KvCoder& coder, const KvProfileImage& image, const KvLayerShape& shape,
                        std::span<const std::span<const uint8_t>> segments, const KvDestination& to,
                        KvDevicePlan* plan);

// The same for the one segment of the lossless-only form; `shape` has no exact rows.
absl::Status AddKvLossless(const KvCoder& coder, const KvProfileImage& image, const KvLayerShape& shape,
                           std::span<const uint8_t> segment, const KvDestination& to, KvDevicePlan* plan);

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_PLAN_H_
