#include "examples/runner/weight_tiles.h"

#include <algorithm>

#include "codec/base/bits.h"
#include "codec/base/status.h"

namespace plait::runner {
namespace {

// Of a plain matrix: what stays in the cache while all vectors are multiplied with it, as a block does.
constexpr size_t kPlainTileWeights = size_t{1} << 17;
// Decoders want this of where they write.
constexpr size_t kBlockAlignment = 16;

}  // namespace

WeightTiles::WeightTiles(const Matrix& matrix, size_t begin, size_t end, TileScratch& scratch)
    : matrix_(matrix), scratch_(scratch), row_(begin), end_(end) {
  if (!matrix.coded()) return;
  // All blocks but the last have as many weights.
  const uint64_t block_weights = matrix.image->plan.block_bytes(matrix.blocks.first) / sizeof(uint16_t);
  block_ = matrix.blocks.first + static_cast<uint32_t>(begin * matrix.columns / block_weights);
}

absl::StatusOr<Tile> WeightTiles::Next() {
  if (row_ == end_) return Tile();
  if (matrix_.coded()) return NextCoded();
  return NextPlain();
}

Tile WeightTiles::NextPlain() {
  const size_t most_rows = std::max<size_t>(1, kPlainTileWeights / matrix_.columns);
  const Tile tile = {
      .weights = matrix_.plain + row_ * matrix_.columns, .first_row = row_, .rows = std::min(most_rows, end_ - row_)};
  row_ += tile.rows;
  return tile;
}

absl::StatusOr<Tile> WeightTiles::NextCoded() {
  while (decoded_ - used_ < matrix_.columns) PLAIT_RETURN_IF_ERROR(DecodeNext());
  const Tile tile = {.weights = scratch_.weights.data() + used_,
                     .first_row = row_,
                     .rows = std::min((decoded_ - used_) / matrix_.columns, end_ - row_)};
  row_ += tile.rows;
  used_ += tile.rows * matrix_.columns;
  return tile;
}

absl::Status WeightTiles::DecodeNext() {
  const gpu::DecodePlan& plan = matrix_.image->plan;
  const size_t elements = plan.block_bytes(block_) / sizeof(uint16_t);
  const size_t pending = decoded_ - used_;
  const size_t block_at = AlignUp(matrix_.columns, kBlockAlignment / sizeof(uint16_t));
  std::vector<uint16_t>& weights = scratch_.weights;
  weights.resize(std::max(weights.size(), block_at + elements));
  std::copy_n(weights.begin() + used_, pending, weights.begin() + block_at - pending);
  const absl::Status decoded = DecodeTo(std::span(weights).subspan(block_at, elements));
  PLAIT_RETURN_IF_ERROR(Annotate(decoded, absl::StrCat("tensor ", matrix_.name)));
  // Of the first block, what stands before the first row is not asked for.
  const uint64_t block_begin = plan.output_offset(block_, matrix_.blocks.first) / sizeof(uint16_t);
  const uint64_t row_begin = uint64_t{row_} * matrix_.columns;
  used_ = block_at - pending + (row_begin > block_begin ? row_begin - block_begin : 0);
  decoded_ = block_at + elements;
  ++block_;
  return absl::OkStatus();
}

absl::Status WeightTiles::DecodeTo(std::span<uint16_t> weights) {
  const WeightImage& image = *matrix_.image;
  scratch_.decoder_scratch.resize(image.plan.scratch_bytes());
  scratch_.status.resize(image.plan.status_words());
  const gpu::DecodeBuffers buffers = {.image = {image.bytes.get(), image.plan.image_bytes()},
                                      .scratch = scratch_.decoder_scratch,
                                      .output = {reinterpret_cast<uint8_t*>(weights.data()), weights.size_bytes()},
                                      .status = scratch_.status};
  PLAIT_RETURN_IF_ERROR(scratch_.decoder.Decode(image.plan, {block_, 1}, buffers));
  if (scratch_.status[block_] == gpu::kTierOk) return absl::OkStatus();
  return absl::DataLossError(FoundExpected(absl::StrCat("block ", block_ - matrix_.blocks.first, ": status"),
                                           scratch_.status[block_], uint32_t{gpu::kTierOk}));
}

}  // namespace plait::runner
