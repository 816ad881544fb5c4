// bf16 tensors as two byte planes:
//   exponent plane        e = word >> 7 & 0xff                    (few distinct values: an entropy coder's job)
//   sign-mantissa plane   s = word >> 8 & 0x80 | word & 0x7f      (nearly random: travels raw)
// Both directions are exact for all 65,536 words.
#ifndef PLAIT_CODEC_TRANSFORM_BF16_PLANES_H_
#define PLAIT_CODEC_TRANSFORM_BF16_PLANES_H_

#include <cstdint>
#include <span>

namespace plait {

// Requires: words.size() is even; both planes hold words.size() / 2 bytes. Any alignment.
void SplitBf16(std::span<const uint8_t> words, std::span<uint8_t> exponents, std::span<uint8_t> sign_mantissas);

// The inverse of SplitBf16, with the same requirements.
void JoinBf16(std::span<const uint8_t> exponents, std::span<const uint8_t> sign_mantissas, std::span<uint8_t> words);

}  // namespace plait

#endif  // PLAIT_CODEC_TRANSFORM_BF16_PLANES_H_
