// The weights that all codecs of a race code: every tensor of a .safetensors file whose tensors have one type.
#ifndef PLAIT_BENCH_PEERS_SAMPLE_H_
#define PLAIT_BENCH_PEERS_SAMPLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/micro/weights.h"
#include "codec/base/dtype.h"
#include "codec/transform/plane_kind.h"

namespace plait {

// A tensor's place in the sample; `begin`, in bytes, is a multiple of 256, so that streaming stores are possible.
struct SampleTensor {
  size_t begin = 0;
  size_t elements = 0;
};

struct Sample {
  Dtype dtype = Dtype::kBf16;
  std::vector<SampleTensor> tensors = {};
  size_t weight_bytes = 0;    // of all tensors
  Buffer buffer = Buffer(0);  // with up to 255 zeros between tensors

  std::span<const uint8_t> bytes() const { return buffer.span(); }
  size_t element_bytes() const { return GetDtypeInfo(dtype).bits / 8; }
  std::span<const uint8_t> tensor(size_t i) const {
    return bytes().subspan(tensors[i].begin, tensors[i].elements * element_bytes());
  }
};

// Returns: kInvalidArgument if there is no tensor, or several types.
absl::StatusOr<Sample> LoadSample(const std::string& path);

// How elements of the type are cut for a coder of exponents.
PlaneKind PlanesOf(Dtype dtype);

// A part of a tensor that a codec with blocks of its own handles by itself.
struct SampleBlock {
  size_t begin = 0;  // in the sample, in bytes
  uint32_t elements = 0;
};

// All tensors in blocks of `block_elements`; the last one of each may be shorter.
std::vector<SampleBlock> CutBlocks(const Sample& sample, size_t block_elements);

}  // namespace plait

#endif  // PLAIT_BENCH_PEERS_SAMPLE_H_
