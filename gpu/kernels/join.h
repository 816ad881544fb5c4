// Four exponent bytes and four bytes of signs and mantissas become four elements: the step that every kernel that gives
// bf16 ends with.
#ifndef PLAIT_GPU_KERNELS_JOIN_H_
#define PLAIT_GPU_KERNELS_JOIN_H_

#include <cstdint>

#include "gpu/simt/words.h"

namespace plait::gpu {

inline constexpr uint32_t kSignBits = 0x80808080;   // of four bytes
inline constexpr uint32_t kOtherBits = 0x7f7f7f7f;  // all but them

// Each of four exponents rotated right by one bit: the bit that bf16 keeps in its low byte is then where it belongs.
template <class U32>
constexpr U32 RotateExponents(const U32& exponents) {
  constexpr uint32_t kToTop = 7;
  return (exponents >> 1 & kOtherBits) | (exponents << kToTop & kSignBits);
}

// Four bf16 elements, two to a word, of four rotated exponents and four bytes s<<7|m.
template <class Ctx>
constexpr simt::Pair<typename Ctx::U32> JoinBf16(Ctx& ctx, const typename Ctx::U32& rotated,
                                                 const typename Ctx::U32& sign_mantissas) {
  constexpr uint32_t kFirstTwo = 0x5140;  // bytes 0 and 1 of both words in turn
  constexpr uint32_t kLastTwo = 0x7362;
  const typename Ctx::U32 high = (sign_mantissas & kSignBits) | (rotated & kOtherBits);
  const typename Ctx::U32 low = (rotated & kSignBits) | (sign_mantissas & kOtherBits);
  return {ctx.BytePermute(low, high, kFirstTwo), ctx.BytePermute(low, high, kLastTwo)};
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_JOIN_H_
