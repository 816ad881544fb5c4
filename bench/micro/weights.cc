#include "bench/micro/weights.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "codec/base/bits.h"
#include "codec/base/endian.h"
#include "codec/base/status.h"
#include "formats/safetensors/safetensors_header.h"
#include "tools/pipeline/files.h"

namespace plait {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kReadableBehind = 64;

struct Fp8 {
  int mantissa_bits;
  int bias;
  float max;
};

Fp8 FormatOf(Dtype dtype) { return dtype == Dtype::kF8E4m3 ? Fp8{3, 7, 448.0f} : Fp8{2, 15, 57344.0f}; }

float FromBf16(const uint8_t* bytes) { return std::bit_cast<float>(uint32_t{LoadLe<uint16_t>(bytes)} << 16); }

// Rounds to nearest even; |value| is at most the format's largest.
uint8_t ToFp8(float value, const Fp8& format) {
  const uint8_t sign = std::signbit(value) ? 0x80 : 0;
  const float size = std::abs(value);
  const int exponent = size == 0 ? 1 - format.bias : std::max(std::ilogb(size), 1 - format.bias);
  // In units of the last mantissa bit; the leading one carries into the exponent field by itself.
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(size, format.mantissa_bits - exponent)));
  return static_cast<uint8_t>(sign + units + ((exponent + format.bias - 1) << format.mantissa_bits));
}

void CastBlock(std::span<const uint8_t> bf16, const Fp8& format, std::span<uint8_t> out) {
  float largest = 0;
  for (size_t i = 0; i < out.size(); ++i) largest = std::max(largest, std::abs(FromBf16(&bf16[2 * i])));
  const float scale = largest == 0 ? 1 : format.max / largest;
  for (size_t i = 0; i < out.size(); ++i) out[i] = ToFp8(FromBf16(&bf16[2 * i]) * scale, format);
}

}  // namespace

Buffer::Buffer(size_t bytes) : size_(bytes) {
  const size_t allocated = AlignUp(bytes + kReadableBehind, kHugePage);
  bytes_.reset(static_cast<uint8_t*>(std::aligned_alloc(kHugePage, allocated)));
  madvise(bytes_.get(), allocated, MADV_HUGEPAGE);
  std::memset(bytes_.get(), 1, allocated);
}

absl::StatusOr<Weights> LoadWeights(const std::string& path, Dtype dtype, size_t max_bytes) {
  PLAIT_ASSIGN_OR_RETURN(const auto file, FileSource::Open(path));
  PLAIT_ASSIGN_OR_RETURN(const auto header_bytes, ReadSafetensorsHeader(*file));
  PLAIT_ASSIGN_OR_RETURN(const auto header, ParseSafetensorsHeader(header_bytes, file->size()));
  Weights weights{.dtype = dtype};
  const size_t block_bytes = weights.block_bytes();
  size_t most_blocks = 0;
  for (const TensorInfo& tensor : header.tensors) {
    if (tensor.dtype == dtype) most_blocks += tensor.bytes() / block_bytes;
  }
  most_blocks = std::min(most_blocks, max_bytes / block_bytes);
  if (most_blocks == 0) return absl::NotFoundError(absl::StrCat(path, ": no whole block of that type"));
  weights.bytes = Buffer(most_blocks * block_bytes);
  for (const TensorInfo& tensor : header.tensors) {
    if (tensor.dtype != dtype) continue;
    for (uint64_t at = 0; at + block_bytes <= tensor.bytes() && weights.num_blocks < most_blocks; at += block_bytes) {
      const size_t block = weights.num_blocks++;
      PLAIT_RETURN_IF_ERROR(file->ReadAt(header.header_bytes + tensor.begin + at, weights.block(block)));
    }
  }
  return weights;
}

Weights CastToFp8(const Weights& bf16, Dtype dtype) {
  Weights weights{.dtype = dtype, .num_blocks = bf16.num_blocks};
  weights.bytes = Buffer(weights.num_blocks * weights.block_bytes());
  for (size_t i = 0; i < weights.num_blocks; ++i) CastBlock(bf16.block(i), FormatOf(dtype), weights.block(i));
  return weights;
}

}  // namespace plait
