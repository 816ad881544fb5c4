// The rows of a matrix, a tile at a time: how a product reads weights without ever having the whole matrix decoded.
#ifndef PLAIT_EXAMPLES_RUNNER_WEIGHT_TILES_H_
#define PLAIT_EXAMPLES_RUNNER_WEIGHT_TILES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "examples/runner/checkpoint.h"
#include "gpu/cpu_decoder.h"

namespace plait::runner {

// Whole rows, one behind the other.
struct Tile {
  const uint16_t* weights = nullptr;  // bf16
  size_t first_row = 0;
  size_t rows = 0;  // 0: there are no more
};

// What decoding needs, reused from matrix to matrix: one per thread.
struct TileScratch {
  gpu::CpuDecoder decoder;
  std::vector<uint8_t> decoder_scratch;
  std::vector<uint32_t> status;   // of each block of the image
  std::vector<uint16_t> weights;  // of one block, and before them the row that the block before it left unfinished
};

// Rows [begin, end) of `matrix`, in order. A coded tile is what one block of the image finishes: a block that ends
// within a row leaves the row's front to be moved before the next block. `matrix` and `scratch` outlive the object.
class WeightTiles {
 public:
  // Requires: begin <= end <= matrix.rows.
  WeightTiles(const Matrix& matrix, size_t begin, size_t end, TileScratch& scratch);

  // The next tile, valid until the next call.
  // Returns: kDataLoss if a block has changed in memory so that it decodes no more; as DeviceDecoder::Decode.
  absl::StatusOr<Tile> Next();

 private:
  Tile NextPlain();
  absl::StatusOr<Tile> NextCoded();
  // Decodes the next block behind what is pending; forgets what stands before row_.
  absl::Status DecodeNext();
  absl::Status DecodeTo(std::span<uint16_t> weights);

  const Matrix& matrix_;
  TileScratch& scratch_;
  size_t row_;  // the first that no tile has given
  const size_t end_;
  uint32_t block_ = 0;  // the next to decode
  size_t used_ = 0;     // up to where tiles have given the weights of the scratch
  size_t decoded_ = 0;  // up to where there are any
};

}  // namespace plait::runner

#endif  // PLAIT_EXAMPLES_RUNNER_WEIGHT_TILES_H_
