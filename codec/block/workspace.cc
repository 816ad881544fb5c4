#include "codec/block/workspace.h"

namespace plait {

ZSTD_CCtx* BlockWorkspace::CompressContext() {
  if (compress_ == nullptr) compress_.reset(ZSTD_createCCtx());
  return compress_.get();
}

ZSTD_DCtx* BlockWorkspace::DecompressContext() {
  if (decompress_ == nullptr) decompress_.reset(ZSTD_createDCtx());
  return decompress_.get();
}

}  // namespace plait
