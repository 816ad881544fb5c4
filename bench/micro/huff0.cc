#include "bench/micro/huff0.h"

// Internal to libzstd (1.5.4: lib/common/huf.h), exported by its static library.
extern "C" {
size_t HUF_compress4X_repeat(void* dst, size_t dst_size, const void* src, size_t src_size, unsigned max_symbol,
                             unsigned table_log, void* workspace, size_t workspace_size, size_t* table, int* repeat,
                             int flags);
size_t HUF_readDTableX2_wksp(uint32_t* table, const void* src, size_t src_size, void* workspace, size_t workspace_size,
                             int flags);
size_t HUF_decompress4X_usingDTable(void* dst, size_t dst_size, const void* src, size_t src_size, const uint32_t* table,
                                    int flags);
unsigned HUF_isError(size_t code);
}

namespace plait {
namespace {

constexpr unsigned kTableLog = 11;  // what zstd uses
constexpr unsigned kDecodeTableLog = 12;
constexpr int kBmi2 = 1;
constexpr size_t kWorkspaceWords = 8192;

}  // namespace

Huff0::Huff0() : workspace_(kWorkspaceWords), decode_table_(1 + (size_t{1} << kDecodeTableLog)) {}

size_t Huff0::Encode(std::span<const uint8_t> plane, std::span<uint8_t> coded) {
  const size_t bytes =
      HUF_compress4X_repeat(coded.data(), coded.size(), plane.data(), plane.size(), 255, kTableLog, workspace_.data(),
                            workspace_.size() * sizeof(uint64_t), nullptr, nullptr, kBmi2);
  return HUF_isError(bytes) ? 0 : bytes;
}

bool Huff0::Decode(std::span<const uint8_t> coded, std::span<uint8_t> plane) {
  decode_table_[0] = kDecodeTableLog * 0x01000001u;
  const size_t header = HUF_readDTableX2_wksp(decode_table_.data(), coded.data(), coded.size(), workspace_.data(),
                                              workspace_.size() * sizeof(uint64_t), kBmi2);
  if (HUF_isError(header)) return false;
  const size_t bytes = HUF_decompress4X_usingDTable(plane.data(), plane.size(), coded.data() + header,
                                                    coded.size() - header, decode_table_.data(), kBmi2);
  return bytes == plane.size();
}

}  // namespace plait
