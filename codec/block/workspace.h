// Scratch of block coding: allocated once per thread, reused for every block.
#ifndef PLAIT_CODEC_BLOCK_WORKSPACE_H_
#define PLAIT_CODEC_BLOCK_WORKSPACE_H_

#include <zstd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace plait {

// Not thread-safe: one per thread.
class BlockWorkspace {
 public:
  // The first `bytes` of a plane, contents unspecified; valid until the next call for the same plane.
  std::span<uint8_t> Exponents(size_t bytes) { return Sized(exponents_, bytes); }
  std::span<uint8_t> SignMantissas(size_t bytes) { return Sized(sign_mantissas_, bytes); }

  ZSTD_CCtx* CompressContext();
  ZSTD_DCtx* DecompressContext();

 private:
  struct FreeContexts {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  static std::span<uint8_t> Sized(std::vector<uint8_t>& buffer, size_t bytes) {
    if (buffer.size() < bytes) buffer.resize(bytes);
    return std::span(buffer).first(bytes);
  }

  std::vector<uint8_t> exponents_;
  std::vector<uint8_t> sign_mantissas_;
  std::unique_ptr<ZSTD_CCtx, FreeContexts> compress_;
  std::unique_ptr<ZSTD_DCtx, FreeContexts> decompress_;
};

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_WORKSPACE_H_
