#include "examples/runner/weight_tiles.h"

#include <algorithm>

#include "codec/base/status.h"

namespace plait::runner {
namespace {

// Of a plain matrix: what stays in the cache while all vectors are multiplied with it, as a block does.
constexpr size_t kPlainTileWeights = size_t{1} << 17;

}  // namespace

WeightTiles::WeightTiles(const Matrix& matrix, size_t begin, size_t end, TileScratch& scratch)
    : matrix_(matrix), scratch_(scratch), row_(begin), end_(end) {
  if (matrix.coded()) block_ = begin * matrix.columns >> matrix.frame->header().block_log2;
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
  const FrameHeader& header = matrix_.frame->header();
  const BlockSpec spec = header.block(block_);
  const size_t pending = decoded_ - used_;
  std::vector<uint16_t>& weights = scratch_.weights;
  weights.resize(std::max(weights.size(), matrix_.columns + spec.elements));
  std::copy_n(weights.begin() + used_, pending, weights.begin());
  uint8_t* raw = reinterpret_cast<uint8_t*>(weights.data() + pending);
  const auto coded = matrix_.file.subspan(matrix_.frame->coded_offset(block_), matrix_.frame->coded_bytes(block_));
  const absl::Status decoded = DecodeBlock(spec, coded, scratch_.workspace, std::span(raw, BlockRawBytes(spec)));
  PLAIT_RETURN_IF_ERROR(Annotate(decoded, absl::StrCat("tensor ", matrix_.name, ": block ", block_)));
  // Of the first block, what stands before the first row is not asked for.
  const uint64_t block_begin = block_ << header.block_log2;
  const uint64_t row_begin = uint64_t{row_} * matrix_.columns;
  used_ = row_begin > block_begin ? row_begin - block_begin : 0;
  decoded_ = pending + spec.elements;
  ++block_;
  return absl::OkStatus();
}

}  // namespace plait::runner
