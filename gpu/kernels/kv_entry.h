// How kernels look symbols up. A table shares its slots out by the alias method (KvBuckets): of the slots of bucket b,
// the lower ones belong to some other symbol, the upper ones to symbol b. An entry has two halves, x for symbol b:
//
//   bits 0..9 frequency, 10..19 in x how many slots are the other symbol's, in y which of that symbol's slots is the
//   lowest of them, 20..24 symbol, 25..28 next context
#ifndef PLAIT_GPU_KERNELS_KV_ENTRY_H_
#define PLAIT_GPU_KERNELS_KV_ENTRY_H_

#include <cstdint>

#include "codec/kv/kv_layout.h"

namespace plait::gpu {

inline constexpr uint32_t kKvBucketSlots = kKvSlots / uint32_t{kKvSymbols};

inline constexpr uint32_t kKvOffsetShift = 10, kKvSymbolShift = 20, kKvContextShift = 25;

constexpr uint32_t PackKvHalf(uint32_t frequency, uint32_t offset, uint32_t symbol, uint32_t context) {
  return frequency | offset << kKvOffsetShift | symbol << kKvSymbolShift | context << kKvContextShift;
}

template <class U32>
constexpr U32 KvFrequency(const U32& half) {
  return half & (kKvSlots - 1);
}
template <class U32>
constexpr U32 KvOffset(const U32& half) {
  return half >> kKvOffsetShift & (kKvSlots - 1);
}
template <class U32>
constexpr U32 KvSymbolOf(const U32& half) {
  return half >> kKvSymbolShift & uint32_t{kKvSymbols - 1};
}
template <class U32>
constexpr U32 KvContext(const U32& half) {
  return half >> kKvContextShift;
}

}  // namespace plait::gpu

#endif  // PLAIT_GPU_KERNELS_KV_ENTRY_H_
