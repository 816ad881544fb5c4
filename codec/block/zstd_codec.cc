#include "codec/block/zstd_codec.h"

#include <zstd_errors.h>

#include <cstdlib>

#include "codec/base/status.h"

namespace plait {
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
  const size_t bytes =
      ZSTD_decompressDCtx(workspace.DecompressContext(), raw.data(), raw.size(), coded.data(), coded.size());
  if (ZSTD_isError(bytes)) {
    const std::string message = absl::StrCat("zstd: ", ZSTD_getErrorName(bytes));
    if (ZSTD_getErrorCode(bytes) == ZSTD_error_srcSize_wrong) return absl::OutOfRangeError(message);
    return absl::DataLossError(message);
  }
  if (bytes != raw.size()) return absl::DataLossError(FoundExpected("zstd decoded bytes", bytes, raw.size()));
  return absl::OkStatus();
}

}  // namespace plait
