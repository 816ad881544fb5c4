// What the host tells the kernels of KV segments (codec/kv/FORMAT.md): both sides include this, kv_plan.h makes it.
//
// Launches of a batch, each of which reads what those before it have written:
//   kv_rans_decode.h   streams -> symbols (three kernels: by lanes of a stream)
//   kv_join.h          symbols -> indices of base layers, and elements of rows that are coded without loss
//   kv_decisions.h     indices -> prefixes with one refinement
//   kv_merge.h         prefixes -> prefixes with more refinements, or elements
//   kv_dequantize.h    any of these -> pages of a cache
//
// The plan is trusted as pointers are: sizes, positions and slots. What is coded is not: whatever it holds, kernels do
// the work that the plan has counted, inside their buffers; behind the end of a run there are zeros. What is wrong with
// a model layer stands in its status word then, and the last launch writes nothing of it.
#ifndef PLAIT_GPU_KERNELS_KV_TASK_H_
#define PLAIT_GPU_KERNELS_KV_TASK_H_

#include <cstdint>

#include "codec/kv/kv_layout.h"
#include "gpu/simt/words.h"

namespace plait::gpu {

// Bytes of KvDecodeParams::coded. They begin at a multiple of kKvRunAlignment, and zeros fill them up to the next one.
struct alignas(8) KvRun {
  uint32_t begin;
  uint32_t bytes;
};
inline constexpr uint32_t kKvRunAlignment = 16;

// Rows that are coded: element (row, channel) is number first_element + row * channels + channel in every buffer.
struct alignas(16) KvPlaneShape {
  uint32_t first_channel;  // where the plane's channels begin in the arrays of the profile
  uint32_t channels;
  uint32_t rows;
  uint32_t first_element;
};

// A symbol stream, or one of decisions, and the planes it holds. Trailing bytes that are no unit are not allowed.
struct alignas(8) KvStream {
  KvRun run;             // states, then units
  uint32_t first_plane;  // in `shapes`, for decisions in `quality_planes`
  uint32_t num_planes;
  uint32_t layer;
};

// Rows that are coded without loss.
struct alignas(16) KvHeadPlane {
  KvPlaneShape shape;
  KvRun escapes;
  KvRun mantissas;  // as many as the rows have
  uint32_t layer;
};

// How far elements are known: the number of refinements, from base indices on.
inline constexpr uint32_t kKvKnowsIndices = 0;
inline constexpr uint32_t kKvKnowsElements = 0xffff;

// Main rows that are coded by quality layers.
struct alignas(16) KvQualityPlane {
  KvPlaneShape shape;
  KvRun escapes;
  KvRun low_bits;
  KvRun refinements[kKvMaxRefinements - 1];  // from refinement 2 on
  KvRun exact;
  uint32_t first_row;  // in row_steps
  uint32_t known;      // by all segments that there are
  uint32_t layer;
};

// A row of a cache: from elements (row, 0), (row, 1), ... of a plane, to a slot of its pages.
struct alignas(16) KvRow {
  uint32_t first_element;
  uint32_t target;  // in `targets`
  uint32_t slot;
  int16_t row_step;
  uint16_t known;
};

// The pages that hold a plane: slot s begins at pages + s / block_tokens * block_elements + s % block_tokens *
// channels.
struct alignas(16) KvTarget {
  uint8_t* pages;
  uint64_t block_elements;
  uint32_t block_tokens;
  uint32_t first_channel;
  uint32_t channels;
  uint32_t layer;
};

// What is wrong with a model layer, ORed together. Zero: every element is what the CPU decoder gives.
enum KvStatus : uint32_t {
  kKvOk = 0,
  kKvBadState = 1,     // a stream begins with a state that is out of range
  kKvEndsEarly = 2,    // units, escapes or bits are missing
  kKvLeftOver = 4,     // or there are more than it takes
  kKvWrongEnd = 8,     // a stream ends in another state than encoders begin with
  kKvNotEncoded = 16,  // a symbol, an escape or a filling that no encoder writes
};

// What a profile says of channels, those of one plane behind those of the one before.
struct KvProfileArrays {
  const simt::Pair<uint32_t>* head_entries;  // [class][context][bucket], kv_entry.h
  const simt::Pair<uint32_t>* index_entries;
  const uint16_t* shares;           // [class][kKvBitContexts], of decisions 0
  const uint32_t* head_positions;   // in coded order, pairs: the channel and its class
  const uint32_t* index_positions;  // likewise
  const uint32_t* index_channels;   // pairs: center, signed, and shift of indices
  const int16_t* head_offsets;
  const int16_t* steps;
  uint32_t head_class_entries;  // of all contexts of a class
  uint32_t index_class_entries;
  uint32_t refinements;
};

// A pair is two numbers of 16 bits, the first one in the low half.
constexpr uint32_t PackKvPair(uint32_t low, uint32_t high) { return (low & 0xffff) | high << 16; }
template <class U32>
constexpr U32 KvPairLow(const U32& pair) {
  return pair & 0xffff;
}
template <class U32>
constexpr U32 KvPairHigh(const U32& pair) {
  return pair >> 16;
}

struct KvDecodeParams {
  KvProfileArrays profile;
  const uint8_t* coded;
  const KvPlaneShape* shapes;
  const KvStream* exact_streams;  // of rows that are exact at every quality
  const KvStream* base_streams;
  const KvStream* lossless_streams;
  const KvStream* decision_streams;
  const KvHeadPlane* head_planes;
  const KvQualityPlane* quality_planes;
  const KvRow* rows;
  const KvTarget* targets;
  const int8_t* row_steps;
  uint32_t num_exact_streams;
  uint32_t num_base_streams;
  uint32_t num_lossless_streams;
  uint32_t num_decision_streams;
  uint32_t num_head_planes;
  uint32_t num_quality_planes;
  uint32_t num_rows;

  // One for each element.
  uint8_t* symbols;
  int16_t* indices;
  uint16_t* prefixes;
  uint16_t* elements;
  uint32_t* status;  // of each model layer, zero at first
};

inline constexpr uint32_t kKvWarps = 4;  // of a thread block

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_TASK_H_
