// The ceilings: plain copies.
#ifndef PLAIT_BENCH_MICRO_COPIES_H_
#define PLAIT_BENCH_MICRO_COPIES_H_

#include <cstdint>
#include <span>

namespace plait {

// With the widest non-temporal stores that the processor has. Requires: equal sizes, multiples of 256; `to` is
// 64-aligned. Falls back to memcpy.
void StreamingCopy(std::span<const uint8_t> from, std::span<uint8_t> to);

}  // namespace plait

#endif  // PLAIT_BENCH_MICRO_COPIES_H_
