// Scratch of block coding: allocated once per thread, reused for every block.
#ifndef PLAIT_CODEC_BLOCK_WORKSPACE_H_
#define PLAIT_CODEC_BLOCK_WORKSPACE_H_

#include <zstd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "codec/rans/rans.h"
#include "codec/tier/tier.h"
#include "codec/transform/planes.h"

namespace plait {

// Not thread-safe: one per thread.
class BlockWorkspace {
 public:
  // Room for the planes of n elements, contents unspecified; valid until the next call.
  PlaneSpans Planes(PlaneKind kind, size_t n);

  // Where a coded block stands while it is not known to be the best.
  std::vector<uint8_t>& Attempt() { return attempt_; }

  RansScratch& Rans() { return rans_; }
  TierScratch& Tier() { return tier_; }
  // Room for a stream, contents unspecified; valid until the next call.
  std::span<uint8_t> TierStream(size_t bytes);

  ZSTD_CCtx* CompressContext();
  ZSTD_DCtx* DecompressContext();

 private:
  struct FreeContexts {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  std::vector<uint8_t> planes_[kMaxPlanes];
  std::vector<uint8_t> attempt_;
  RansScratch rans_;
  TierScratch tier_;
  std::vector<uint8_t> tier_stream_;
  std::unique_ptr<ZSTD_CCtx, FreeContexts> compress_;
  std::unique_ptr<ZSTD_DCtx, FreeContexts> decompress_;
};

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_WORKSPACE_H_
