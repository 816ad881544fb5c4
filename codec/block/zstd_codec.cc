#include "codec/block/zstd_codec.h"

#include <zstd_errors.h>

#include <cstdlib>

#include "codec/base/status.h"

namespace plait {
namespace {

absl::Status ZstdError(size_t code) {
  const std::string message = absl::StrCat("zstd: ", ZSTD_getErrorName(code));
  return ZSTD_getErrorCode(code) == ZSTD_error_srcSize_wrong ? absl::OutOfRangeError(message)
                                                             : absl::DataLossError(message);
}

}  // namespace
void ZstdEncode(int level, std::span<const uint8_t> raw, BlockWorkspace& workspace, std::vector<uint8_t>* coded) {
  const size_t begin = coded->size();
  coded->resize(begin + ZSTD_compressBound(raw.size()));
  const size_t bytes = ZSTD_compressCCtx(workspace.CompressContext(), coded->data() + begin, coded->size() - begin,
                                         raw.data(), raw.size(), level);
  // With a buffer of ZSTD_compressBound() bytes only running out of memory is left to fail.
  if (ZSTD_isError(bytes)) std::abort();
  coded->resize(begin + bytes);
}

size_t ZstdCodedBytes(int level, std::span<const uint8_t> raw, BlockWorkspace& workspace) {
  std::vector<uint8_t> coded;
  ZstdEncode(level, raw, workspace, &coded);
  return coded.size();
}

absl::Status ZstdDecode(std::span<const uint8_t> coded, BlockWorkspace& workspace, std::span<uint8_t> raw) {
  // libzstd would also take several frames, skippable ones among them, and nothing at all.
  const size_t frame_bytes = ZSTD_findFrameCompressedSize(coded.data(), coded.size());
  if (ZSTD_isError(frame_bytes)) return ZstdError(frame_bytes);
  if (frame_bytes != coded.size()) {
    return absl::DataLossError(FoundExpected("bytes of the zstd frame", frame_bytes, coded.size()));
  }
  const size_t bytes =
      ZSTD_decompressDCtx(workspace.DecompressContext(), raw.data(), raw.size(), coded.data(), coded.size());
  if (ZSTD_isError(bytes)) return ZstdError(bytes);
  if (bytes != raw.size()) return absl::DataLossError(FoundExpected("zstd decoded bytes", bytes, raw.size()));
  return absl::OkStatus();
}

}  // namespace plait
