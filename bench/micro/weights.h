// Real weights in memory: whole blocks of one type from a .safetensors file.
#ifndef PLAIT_BENCH_MICRO_WEIGHTS_H_
#define PLAIT_BENCH_MICRO_WEIGHTS_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "codec/base/dtype.h"

namespace plait {

// Touched memory that starts on a 2 MiB boundary and asks for huge pages; 64 bytes more can be read.
class Buffer {
 public:
  explicit Buffer(size_t bytes);
  std::span<uint8_t> span() const { return {bytes_.get(), size_}; }

 private:
  struct Free {
    void operator()(uint8_t* bytes) const { std::free(bytes); }
  };
  size_t size_;
  std::unique_ptr<uint8_t, Free> bytes_;
};

struct Weights {
  Dtype dtype = Dtype::kBf16;
  size_t block_elements = size_t{1} << 17;
  size_t num_blocks = 0;
  Buffer bytes = Buffer(0);

  size_t block_bytes() const { return block_elements * GetDtypeInfo(dtype).bits / 8; }
  std::span<uint8_t> block(size_t i) const { return bytes.span().subspan(i * block_bytes(), block_bytes()); }
};

// The whole blocks of the tensors of `dtype`, in the file's order, up to `max_bytes`. kNotFound without any.
absl::StatusOr<Weights> LoadWeights(const std::string& path, Dtype dtype, size_t max_bytes);

// `bf16` rounded to e4m3 or e5m2, every block scaled so that its largest value fits: no public file here has these
// types.
Weights CastToFp8(const Weights& bf16, Dtype dtype);

}  // namespace plait

#endif  // PLAIT_BENCH_MICRO_WEIGHTS_H_
