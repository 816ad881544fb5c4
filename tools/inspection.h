// Where the bytes of a container went, plane by plane, beside what an ideal order-0 coder would have spent.
#ifndef PLAIT_TOOLS_INSPECTION_H_
#define PLAIT_TOOLS_INSPECTION_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/block/codec_id.h"
#include "codec/transform/plane_kind.h"
#include "formats/container/container_reader.h"
#include "tools/pipeline/progress.h"

namespace plait {

struct PlaneReport {
  uint64_t elements = 0;
  uint64_t coded_bytes = 0;
  uint64_t order0_bits = 0;                     // of each block by itself, summed
  std::map<CodecId, uint64_t> blocks_of_codec;  // how many blocks each coder got
  std::array<uint64_t, 256> counts{};           // of the plane's bytes
};

struct TensorReport {
  const StoredTensor* tensor = nullptr;
  uint64_t blocks = 0;
  std::map<PlaneKind, std::vector<PlaneReport>> planes;  // of each kind that a block uses; empty for a plain tensor
};

// Decodes every framed tensor. The reports point into `container`.
// Returns: as FrameReader; messages name tensor and block.
absl::StatusOr<std::vector<TensorReport>> InspectContainer(const ContainerReader& container, Progress& progress);

// One self-contained page: a bar for each tensor, a histogram for each plane.
std::string InspectionPage(const std::string& file, const ContainerReader& container,
                           const std::vector<TensorReport>& reports);

}  // namespace plait

#endif  // PLAIT_TOOLS_INSPECTION_H_
