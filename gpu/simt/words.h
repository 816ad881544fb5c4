// Words that memory instructions move, for lane values and for memory alike, and loops whose index is a constant.
#ifndef PLAIT_GPU_SIMT_WORDS_H_
#define PLAIT_GPU_SIMT_WORDS_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

// Before a loop: compilers shall not copy its body.
#if defined(__CUDACC__)
#define PLAIT_ROLLED _Pragma("unroll 1")
#else
#define PLAIT_ROLLED
#endif

namespace plait::simt {

inline constexpr uint32_t kWarpLanes = 32;
inline constexpr uint32_t kEveryLane = 0xffffffff;

// What 64-bit and 128-bit accesses move, the lowest word first. As elements of memory their alignment is their size.
template <class Word>
struct alignas(std::is_same_v<Word, uint32_t> ? 8 : alignof(Word)) Pair {
  Word x, y;
};

template <class Word>
struct alignas(std::is_same_v<Word, uint32_t> ? 16 : alignof(Word)) Quad {
  Word x, y, z, w;
};

template <class Function, size_t... kIndices>
constexpr void CallForEach(const Function& function, std::index_sequence<kIndices...>) {
  (function(std::integral_constant<uint32_t, kIndices>()), ...);
}

// function(0), ..., function(kCount - 1), each with a constant: arrays of lane values that are indexed by it alone stay
// in registers.
template <size_t kCount, class Function>
constexpr void Unrolled(const Function& function) {
  CallForEach(function, std::make_index_sequence<kCount>());
}

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_WORDS_H_
