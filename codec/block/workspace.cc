#include "codec/block/workspace.h"

namespace plait {

PlaneSpans BlockWorkspace::Planes(PlaneKind kind, size_t n) {
  PlaneSpans spans;
  for (size_t p = 0; p < GetPlaneLayout(kind).num_planes; ++p) {
    const size_t bytes = PlaneBytes(kind, p, n);
    if (planes_[p].size() < bytes) planes_[p].resize(bytes);
    spans[p] = std::span(planes_[p]).first(bytes);
  }
  return spans;
}

std::span<uint8_t> BlockWorkspace::TierStream(size_t bytes) {
  if (tier_stream_.size() < bytes) tier_stream_.resize(bytes);
  return std::span(tier_stream_).first(bytes);
}

ZSTD_CCtx* BlockWorkspace::CompressContext() {
  if (compress_ == nullptr) compress_.reset(ZSTD_createCCtx());
  return compress_.get();
}

ZSTD_DCtx* BlockWorkspace::DecompressContext() {
  if (decompress_ == nullptr) decompress_.reset(ZSTD_createDCtx());
  return decompress_.get();
}

}  // namespace plait
