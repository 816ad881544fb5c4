// Steps that follow the size of a row (KvPlaneProfile::token_reference).
//   the smallest d, one byte, signed | d - smallest of each main row, 2 bits each, the lowest bits first, the last byte
//   filled with zeros
#ifndef PLAIT_CODEC_KV_KV_ROW_STEPS_H_
#define PLAIT_CODEC_KV_KV_ROW_STEPS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "codec/kv/kv_bytes.h"
#include "codec/kv/kv_element.h"

namespace plait {

inline constexpr int kKvMaxRowStep = 8;  // |d| is at most this
inline constexpr int kKvRowStepValues = 4;

// d of every row, clamped to the four neighbouring values that change the fewest rows.
std::vector<int8_t> KvRowSteps(KvElement element, float token_reference, size_t channels, std::span<const uint16_t> x);

void AppendKvRowSteps(std::span<const int8_t> steps, std::vector<uint8_t>* out);
// Returns: kOutOfRange or kDataLoss if the bytes are damaged.
absl::Status ReadKvRowSteps(KvBytesReader& bytes, size_t rows, std::vector<int8_t>* steps);

}  // namespace plait

#endif  // PLAIT_CODEC_KV_KV_ROW_STEPS_H_
