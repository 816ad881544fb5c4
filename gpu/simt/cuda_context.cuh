// What a kernel body sees of the machine on a GPU: the same interface as host_context.h, where a lane value is a plain
// scalar and every operation one instruction or none. Only nvcc compiles this, with --expt-relaxed-constexpr.
#ifndef PLAIT_GPU_SIMT_CUDA_CONTEXT_CUH_
#define PLAIT_GPU_SIMT_CUDA_CONTEXT_CUH_

#include <cstdint>
#include <type_traits>

#include "gpu/simt/words.h"

namespace plait::simt {

extern __shared__ uint4 dynamic_shared_memory[];

// What a lane holds of an element of memory: integers of any size become words.
template <class T>
using LaneOf = std::conditional_t<std::is_integral_v<T>, uint32_t, T>;

class CudaContext {
 public:
  template <class T>
  using Lane = T;
  using U32 = uint32_t;
  using F32 = float;
  using Pred = bool;

  // --- where this warp is ---
  __device__ uint32_t ThreadBlock() const { return blockIdx.x; }
  __device__ uint32_t NumThreadBlocks() const { return gridDim.x; }
  __device__ uint32_t Warp() const { return threadIdx.x / kWarpLanes; }
  __device__ uint32_t NumWarps() const { return blockDim.x / kWarpLanes; }
  __device__ U32 LaneIndex() const { return threadIdx.x % kWarpLanes; }

  // --- lanes by themselves ---
  template <class T>
  __device__ T Select(Pred condition, T yes, std::type_identity_t<T> no) const {
    return condition ? yes : no;
  }
  __device__ U32 PopCount(U32 a) const { return __popc(a); }
  __device__ U32 Max(U32 a, U32 b) const { return max(a, b); }
  __device__ U32 Min(U32 a, U32 b) const { return min(a, b); }
  __device__ U32 BytePermute(U32 a, U32 b, U32 selector) const {
    U32 result;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(result) : "r"(a), "r"(b), "r"(selector));
    return result;
  }
  __device__ U32 LowBits(U32 count) const {
    U32 result;
    asm("bmsk.clamp.b32 %0, 0, %1;" : "=r"(result) : "r"(count));
    return result;
  }
  __device__ U32 FunnelShiftRightClamped(U32 low, U32 high, U32 bits) const {
    return __funnelshift_rc(low, high, bits);
  }
  __device__ U32 FunnelShiftRight(U32 low, U32 high, U32 bits) const { return __funnelshift_r(low, high, bits); }

  __device__ U32 MulHigh(U32 a, uint32_t b) const { return __umulhi(a, b); }
  __device__ F32 FloatOfBits(U32 bits) const { return __uint_as_float(bits); }
  __device__ U32 BitsOfFloat(F32 number) const { return __float_as_uint(number); }

  // Compilers make two instructions of the operators.
  __device__ U32 BitSelect(uint32_t mask, U32 yes, U32 no) const {
    U32 result;
    asm("lop3.b32 %0, %1, %2, %3, 0xe4;" : "=r"(result) : "r"(yes), "r"(no), "r"(mask));
    return result;
  }

  template <class Function, class... T>
  __device__ auto PerLane(const Function& function, T... values) const {
    return function(values...);
  }

  // --- lanes together ---
  template <class T>
  __device__ T ShuffleIdx(T value, U32 from, uint32_t mask = kEveryLane) const {
    return __shfl_sync(mask, value, from);
  }
  template <class T>
  __device__ T ShuffleUp(T value, uint32_t delta, uint32_t mask = kEveryLane) const {
    return __shfl_up_sync(mask, value, delta);
  }
  template <class T>
  __device__ T ShuffleDown(T value, uint32_t delta, uint32_t mask = kEveryLane) const {
    return __shfl_down_sync(mask, value, delta);
  }
  template <class T>
  __device__ T ShuffleXor(T value, uint32_t lanes, uint32_t mask = kEveryLane) const {
    return __shfl_xor_sync(mask, value, lanes);
  }
  template <class T>
  __device__ T Broadcast(T value, uint32_t from) const {
    return __shfl_sync(kEveryLane, value, from);
  }
  __device__ U32 InclusiveScan(U32 value) const {
#pragma unroll
    for (uint32_t delta = 1; delta < kWarpLanes; delta *= 2) {
      asm volatile(
          "{ .reg .u32 below; .reg .pred inside;\n"
          "  shfl.sync.up.b32 below|inside, %0, %1, 0, -1;\n"
          "  @inside add.u32 %0, below, %0; }"
          : "+r"(value)
          : "r"(delta));
    }
    return value;
  }
  __device__ uint32_t Ballot(Pred condition, uint32_t mask = kEveryLane) const {
    return __ballot_sync(mask, condition);
  }
  __device__ bool Any(Pred condition) const { return __any_sync(kEveryLane, condition); }
  __device__ bool All(Pred condition) const { return __all_sync(kEveryLane, condition); }
  template <class T>
  __device__ T Uniform(T value) const {
    return value;
  }

  __device__ Quad<F32> Mma16816Bf16(const Quad<U32>& a, const Pair<U32>& b, const Quad<F32>& c) const {
    Quad<F32> d = c;
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d.x), "+f"(d.y), "+f"(d.z), "+f"(d.w)
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
    return d;
  }

  // --- barriers ---
  __device__ void WarpBarrier(uint32_t mask = kEveryLane) const { __syncwarp(mask); }
  __device__ void BlockBarrier() const { __syncthreads(); }

  // --- divergence ---
  template <class Function>
  __device__ void Where(Pred condition, const Function& function) const {
    if (condition) function();
  }

  // --- shared memory ---
  __device__ uint32_t SharedBegin() const {
    return static_cast<uint32_t>(__cvta_generic_to_shared(dynamic_shared_memory));
  }
  __device__ U32 SharedLoad8(U32 address) const {
    U32 value;
    asm volatile("ld.shared.u8 %0, [%1];" : "=r"(value) : "r"(address));
    return value;
  }
  __device__ U32 SharedLoad8If(Pred condition, U32 address, U32 otherwise) const {
    if (condition) otherwise = SharedLoad8(address);
    return otherwise;
  }
  __device__ U32 SharedLoad16(U32 address) const {
    U32 value;
    asm volatile("ld.shared.u16 %0, [%1];" : "=r"(value) : "r"(address));
    return value;
  }
  __device__ U32 SharedLoad16If(Pred condition, U32 address, U32 otherwise) const {
    if (condition) otherwise = SharedLoad16(address);
    return otherwise;
  }
  __device__ U32 SharedLoad32(U32 address) const {
    U32 value;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(value) : "r"(address));
    return value;
  }
  __device__ U32 SharedLoad32If(Pred condition, U32 address, U32 otherwise) const {
    if (condition) otherwise = SharedLoad32(address);
    return otherwise;
  }
  __device__ Pair<U32> SharedLoad64(U32 address) const {
    Pair<U32> value;
    asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(value.x), "=r"(value.y) : "r"(address));
    return value;
  }
  __device__ Pair<U32> SharedLoad64If(Pred condition, U32 address, Pair<U32> otherwise) const {
    if (condition) otherwise = SharedLoad64(address);
    return otherwise;
  }
  __device__ Quad<U32> SharedLoad128(U32 address) const {
    Quad<U32> value;
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
                 : "r"(address));
    return value;
  }
  __device__ Quad<U32> SharedLoad128If(Pred condition, U32 address, Quad<U32> otherwise) const {
    if (condition) otherwise = SharedLoad128(address);
    return otherwise;
  }
  __device__ void SharedStore8(U32 address, U32 value) const {
    asm volatile("st.shared.u8 [%0], %1;" : : "r"(address), "r"(value) : "memory");
  }
  __device__ void SharedStore8If(Pred condition, U32 address, U32 value) const {
    if (condition) SharedStore8(address, value);
  }
  __device__ void SharedStore16(U32 address, U32 value) const {
    asm volatile("st.shared.u16 [%0], %1;" : : "r"(address), "r"(value) : "memory");
  }
  __device__ void SharedStore16If(Pred condition, U32 address, U32 value) const {
    if (condition) SharedStore16(address, value);
  }
  __device__ void SharedStore32(U32 address, U32 value) const {
    asm volatile("st.shared.u32 [%0], %1;" : : "r"(address), "r"(value) : "memory");
  }
  __device__ void SharedStore32If(Pred condition, U32 address, U32 value) const {
    if (condition) SharedStore32(address, value);
  }
  __device__ void SharedStore64(U32 address, Pair<U32> value) const {
    asm volatile("st.shared.v2.u32 [%0], {%1, %2};" : : "r"(address), "r"(value.x), "r"(value.y) : "memory");
  }
  __device__ void SharedStore64If(Pred condition, U32 address, Pair<U32> value) const {
    if (condition) SharedStore64(address, value);
  }
  __device__ void SharedStore128(U32 address, Quad<U32> value) const {
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};"
                 :
                 : "r"(address), "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w)
                 : "memory");
  }
  __device__ void SharedStore128If(Pred condition, U32 address, Quad<U32> value) const {
    if (condition) SharedStore128(address, value);
  }

  // --- global memory ---
  template <class T>
  __device__ LaneOf<T> GlobalLoad(const T* base, U32 index) const {
    return Load(base + index);
  }
  template <class T>
  __device__ LaneOf<T> GlobalLoadIf(Pred condition, const T* base, U32 index) const {
    LaneOf<T> value{};
    if (condition) value = Load(base + index);
    return value;
  }
  template <class T, class Value>
  __device__ void GlobalStore(T* base, U32 index, const Value& value) const {
    Store(base + index, value);
  }
  template <class T, class Value>
  __device__ void GlobalStoreIf(Pred condition, T* base, U32 index, const Value& value) const {
    if (condition) Store(base + index, value);
  }
  template <class T>
  __device__ T GlobalLoadUniform(const T* from) const {
    return *from;
  }
  __device__ void GlobalOr(uint32_t* word, uint32_t bits) const {
    if (LaneIndex() == 0) atomicOr(word, bits);
  }

 private:
  // Through the read-only path.
  template <class T>
  __device__ static LaneOf<T> Load(const T* from) {
    return __ldg(from);
  }
  __device__ static Pair<uint32_t> Load(const Pair<uint32_t>* from) {
    const uint2 value = __ldg(reinterpret_cast<const uint2*>(from));
    return {value.x, value.y};
  }
  __device__ static Quad<uint32_t> Load(const Quad<uint32_t>* from) {
    const uint4 value = __ldg(reinterpret_cast<const uint4*>(from));
    return {value.x, value.y, value.z, value.w};
  }

  // Past the caches: kernels do not read what they write.
  template <class T, class Value>
  __device__ static void Store(T* to, const Value& value) {
    __stcs(to, static_cast<T>(value));
  }
  __device__ static void Store(Pair<uint32_t>* to, const Pair<uint32_t>& value) {
    __stcs(reinterpret_cast<uint2*>(to), make_uint2(value.x, value.y));
  }
  __device__ static void Store(Quad<uint32_t>* to, const Quad<uint32_t>& value) {
    __stcs(reinterpret_cast<uint4*>(to), make_uint4(value.x, value.y, value.z, value.w));
  }
};

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_CUDA_CONTEXT_CUH_
