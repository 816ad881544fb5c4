// The header of a .safetensors file: u64 length N, N bytes of JSON, then the tensors' data.
// Source: the format section of github.com/huggingface/safetensors, and the limits of its reader.
#ifndef PLAIT_FORMATS_SAFETENSORS_SAFETENSORS_HEADER_H_
#define PLAIT_FORMATS_SAFETENSORS_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "codec/base/dtype.h"
#include "formats/base/byte_io.h"

namespace plait {

// The field's limit on N.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;
inline constexpr size_t kSafetensorsLengthBytes = 8;

struct TensorInfo {
  std::string name;
  Dtype dtype = Dtype::kU8;
  std::vector<uint64_t> shape;
  uint64_t begin = 0;  // in the data section
  uint64_t end = 0;

  uint64_t bytes() const { return end - begin; }
};

struct SafetensorsHeader {
  uint64_t header_bytes = 0;        // 8 + N: where the data section begins
  std::vector<TensorInfo> tensors;  // in the order of their data
};

// Validates `header` (the 8 length bytes and the JSON, nothing else) of a file of `file_bytes`, or of a pipe, whose
// length nobody knows, in one pass: names unique; every entry exactly {dtype, shape, data_offsets}; known dtypes; sizes
// that match dtype and shape; the data contiguous from 0 to the end of the file (if known), without holes or overlaps;
// __metadata__ a map of strings; JSON at most a few levels deep. Returns: kOutOfRange if the file is too short;
// kResourceExhausted above kMaxSafetensorsHeaderBytes; kDataLoss for everything else. The message names tensor and
// field.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::span<const uint8_t> header,
                                                         std::optional<uint64_t> file_bytes);

// Reads the length and the JSON of `source`, with the same limits, and returns those 8 + N bytes.
absl::StatusOr<std::vector<uint8_t>> ReadSafetensorsHeader(const ByteSource& source);

// A JSON object with these tensors, in this order, behind `first_entry` (text of another entry, may be empty):
// what ParseSafetensorsHeader reads.
std::string SafetensorsJson(const std::string& first_entry, std::span<const TensorInfo> tensors);

}  // namespace plait

#endif  // PLAIT_FORMATS_SAFETENSORS_SAFETENSORS_HEADER_H_
