#include "bench/micro/copies.h"

#include <cstring>

#include "codec/base/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace plait {
namespace {

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void StreamingCopyAvx512(const uint8_t* from, size_t size, uint8_t* to) {
  for (size_t i = 0; i < size; i += 256) {
    for (size_t k = 0; k < 256; k += 64) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i + k), _mm512_loadu_si512(from + i + k));
    }
  }
  _mm_sfence();
}

__attribute__((target("avx2"))) void StreamingCopyAvx2(const uint8_t* from, size_t size, uint8_t* to) {
  for (size_t i = 0; i < size; i += 256) {
    for (size_t k = 0; k < 256; k += 32) {
      _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i + k),
                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i + k)));
    }
  }
  _mm_sfence();
}
#endif

}  // namespace

void StreamingCopy(std::span<const uint8_t> from, std::span<uint8_t> to) {
#if defined(__x86_64__)
  if (BestCpu() >= CpuVariant::kAvx512) return StreamingCopyAvx512(from.data(), from.size(), to.data());
  if (BestCpu() >= CpuVariant::kAvx2) return StreamingCopyAvx2(from.data(), from.size(), to.data());
#endif
  std::memcpy(to.data(), from.data(), from.size());
}

}  // namespace plait
