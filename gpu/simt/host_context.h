// What a kernel body sees of the machine when the host runs it: one warp whose lane values are arrays of 32.
// README.md has the interface that this and the CUDA side share, cuda_context.cuh the other half.
//
// Every operation takes the place it is called from, for the message of a fault.
#ifndef PLAIT_GPU_SIMT_HOST_CONTEXT_H_
#define PLAIT_GPU_SIMT_HOST_CONTEXT_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "gpu/simt/access.h"
#include "gpu/simt/counters.h"
#include "gpu/simt/fault.h"
#include "gpu/simt/fibers.h"
#include "gpu/simt/global_memory.h"
#include "gpu/simt/lanes.h"
#include "gpu/simt/matrix_product.h"
#include "gpu/simt/place.h"
#include "gpu/simt/shared_memory.h"
#include "gpu/simt/words.h"

namespace plait::simt {

// What the warps of a thread block share.
struct HostBlock {
  SharedMemory& shared;
  GlobalMemory& global;
  Counters& counters;
  uint32_t index = 0;
  uint32_t num_blocks = 1;
  uint32_t num_warps = 1;
  uint32_t epoch = 1;
  bool given_up = false;  // a warp has failed: the others must end
};

// What lanes hold of an element of memory: integers of any size become words.
template <class T>
struct LaneTraits {
  using Type = Lanes<uint32_t>;
  static Type Zero() { return Type(0); }
};
template <>
struct LaneTraits<float> {
  using Type = Lanes<float>;
  static Type Zero() { return Type(0); }
};
template <>
struct LaneTraits<Pair<uint32_t>> {
  using Type = Pair<Lanes<uint32_t>>;
  static Type Zero() { return {0, 0}; }
};
template <>
struct LaneTraits<Quad<uint32_t>> {
  using Type = Quad<Lanes<uint32_t>>;
  static Type Zero() { return {0, 0, 0, 0}; }
};

// Leaves a warp whose block has given up.
struct GivenUp {};

class HostContext {
 public:
  template <class T>
  using Lane = Lanes<T>;
  using U32 = Lanes<uint32_t>;
  using F32 = Lanes<float>;
  using Pred = Lanes<bool>;

  HostContext(HostBlock& block, uint32_t warp, Fiber& fiber)
      : block_(block), fiber_(fiber), clock_{.warp = warp, .warp_epoch = 0, .block_epoch = block.epoch} {}
  HostContext(const HostContext&) = delete;
  HostContext& operator=(const HostContext&) = delete;

  // --- where this warp is; the same for all its lanes ---
  uint32_t ThreadBlock() const { return block_.index; }
  uint32_t NumThreadBlocks() const { return block_.num_blocks; }
  uint32_t Warp() const { return clock_.warp; }
  uint32_t NumWarps() const { return block_.num_warps; }
  U32 LaneIndex() const {
    U32 index(0);
    for (uint32_t l = 0; l < kWarpLanes; ++l) index[l] = l;
    return index;
  }

  // --- lanes by themselves ---
  template <class T>
  Lanes<T> Select(const Pred& condition, const Lanes<T>& yes, const Lanes<T>& no) const {
    Lanes<T> result(no);
    for (uint32_t l = 0; l < kWarpLanes; ++l) result[l] = condition[l] ? yes[l] : no[l];
    return result;
  }
  U32 Select(const Pred& condition, const U32& yes, const U32& no) const {
    return Select<uint32_t>(condition, yes, no);
  }
  U32 PopCount(const U32& a) const {
    return Each([&](uint32_t l) { return static_cast<uint32_t>(std::popcount(a[l])); });
  }
  U32 Max(const U32& a, const U32& b) const {
    return Each([&](uint32_t l) { return std::max(a[l], b[l]); });
  }
  U32 Min(const U32& a, const U32& b) const {
    return Each([&](uint32_t l) { return std::min(a[l], b[l]); });
  }
  // Byte i of the result is byte s of b:a, s being the lowest three bits of nibble i of `selector`. Bit 3 of a nibble
  // must be zero; nibbles 4 and up do not count.
  U32 BytePermute(const U32& a, const U32& b, const U32& selector) const {
    return Each([&](uint32_t l) {
      const uint64_t both = uint64_t{b[l]} << 32 | a[l];
      uint32_t result = 0;
      for (uint32_t i = 0; i < 4; ++i) result |= (both >> 8 * (selector[l] >> 4 * i & 7) & 0xff) << 8 * i;
      return result;
    });
  }
  // The lowest `count` bits; all from 32 on.
  U32 LowBits(const U32& count) const {
    return Each([&](uint32_t l) { return count[l] < kWarpLanes ? (uint32_t{1} << count[l]) - 1 : kEveryLane; });
  }
  // The lower word of high:low >> bits; high from 32 bits on.
  U32 FunnelShiftRightClamped(const U32& low, const U32& high, const U32& bits) const {
    return Each([&](uint32_t l) {
      return static_cast<uint32_t>((uint64_t{high[l]} << 32 | low[l]) >> std::min(bits[l], kWarpLanes));
    });
  }
  // The lower word of high:low >> (bits % 32).
  U32 FunnelShiftRight(const U32& low, const U32& high, const U32& bits) const {
    return Each(
        [&](uint32_t l) { return static_cast<uint32_t>((uint64_t{high[l]} << 32 | low[l]) >> bits[l] % kWarpLanes); });
  }

  // The upper word of a * b.
  U32 MulHigh(const U32& a, uint32_t b) const {
    return Each([&](uint32_t l) { return static_cast<uint32_t>(uint64_t{a[l]} * b >> 32); });
  }
  // The number that these bits are.
  F32 FloatOfBits(const U32& bits) const {
    F32 result(0);
    for (uint32_t l = 0; l < kWarpLanes; ++l) result[l] = std::bit_cast<float>(bits[l]);
    return result;
  }
  // The bits of this number.
  U32 BitsOfFloat(const F32& number) const {
    return Each([&](uint32_t l) { return std::bit_cast<uint32_t>(number[l]); });
  }

  // The bits of `yes` where `mask` has ones, those of `no` elsewhere.
  U32 BitSelect(uint32_t mask, const U32& yes, const U32& no) const {
    return Each([&](uint32_t l) { return (yes[l] & mask) | (no[l] & ~mask); });
  }

  // function(values...), a function of scalars, in every lane by itself.
  template <class Function, class... T>
  auto PerLane(const Function& function, const Lanes<T>&... values) const {
    using Result = decltype(function(values[0]...));
    Lanes<Result> result(Result{});
    for (uint32_t l = 0; l < kWarpLanes; ++l) result[l] = function(values[l]...);
    return result;
  }

  // --- lanes together; `mask` names the lanes that take part, and must be those that execute ---
  template <class T>
  Lanes<T> ShuffleIdx(const Lanes<T>& value, const U32& from, uint32_t mask = kEveryLane,
                      const Place& where = Place::Current()) {
    CheckCollective(mask, where);
    ++block_.counters.shuffles;
    Lanes<T> result(value);
    for (uint32_t l = 0; l < kWarpLanes; ++l) {
      if (!(executing_lanes >> l & 1)) continue;
      const uint32_t source = from[l] % kWarpLanes;
      if (!(mask >> source & 1)) Report(FaultKind::kWrongMask, where, "a shuffle reads a lane that takes no part");
      result[l] = value[source];
    }
    return result;
  }
  // Lanes below `delta` keep their own value.
  template <class T>
  Lanes<T> ShuffleUp(const Lanes<T>& value, uint32_t delta, uint32_t mask = kEveryLane,
                     const Place& where = Place::Current()) {
    return ShuffleIdx(value, Each([&](uint32_t l) { return l < delta ? l : l - delta; }), mask, where);
  }
  // The last `delta` lanes keep their own value.
  template <class T>
  Lanes<T> ShuffleDown(const Lanes<T>& value, uint32_t delta, uint32_t mask = kEveryLane,
                       const Place& where = Place::Current()) {
    return ShuffleIdx(value, Each([&](uint32_t l) { return l + delta < kWarpLanes ? l + delta : l; }), mask, where);
  }
  template <class T>
  Lanes<T> ShuffleXor(const Lanes<T>& value, uint32_t lanes, uint32_t mask = kEveryLane,
                      const Place& where = Place::Current()) {
    return ShuffleIdx(value, Each([&](uint32_t l) { return l ^ lanes; }), mask, where);
  }
  // One lane's value, for all.
  template <class T>
  T Broadcast(const Lanes<T>& value, uint32_t from, const Place& where = Place::Current()) {
    return ShuffleIdx(value, U32(from), kEveryLane, where)[0];
  }
  // The sum of `value` over this lane and those below it.
  U32 InclusiveScan(const U32& value, const Place& where = Place::Current()) {
    U32 sum(value);
    for (uint32_t delta = 1; delta < kWarpLanes; delta *= 2) {
      const U32 below = ShuffleUp(sum, delta, kEveryLane, where);
      sum += Select(LaneIndex() >= delta, below, U32(0));
    }
    return sum;
  }
  uint32_t Ballot(const Pred& condition, uint32_t mask = kEveryLane, const Place& where = Place::Current()) {
    CheckCollective(mask, where);
    ++block_.counters.ballots;
    return Mask(condition);
  }
  bool Any(const Pred& condition, const Place& where = Place::Current()) {
    return Ballot(condition, kEveryLane, where) != 0;
  }
  bool All(const Pred& condition, const Place& where = Place::Current()) {
    return Ballot(condition, kEveryLane, where) == kEveryLane;
  }
  // A value that is the same in all lanes, as one that can steer branches. Costs nothing.
  template <class T>
  T Uniform(const Lanes<T>& value, const Place& where = Place::Current()) {
    for (uint32_t l = 0; l < kWarpLanes; ++l) {
      if (value[l] != value[0]) Report(FaultKind::kNotUniform, where, "lane " + std::to_string(l) + " and lane 0");
    }
    return value[0];
  }

  // a * b + c on the tensor cores (mma.sync.m16n8k16, bf16 in, fp32 sums): a is 16 x 16, b 16 x 8, c and the result are
  // 16 x 8. Which lane has which elements, two bf16 to a word, the lower k in the lower half; with g = lane / 4 and
  // t = lane % 4:
  //   a        x: row g, k 2t and 2t+1; y: row g+8, the same k; z: row g, k 2t+8 and 2t+9; w: row g+8, those
  //   b        x: k 2t and 2t+1, column g; y: k 2t+8 and 2t+9
  //   c        x, y: row g, columns 2t and 2t+1; z, w: row g+8
  // An element of the result is c plus sixteen exact products, added in double in the order of k and rounded once to
  // float. A device may round otherwise (README.md).
  Quad<F32> Mma16816Bf16(const Quad<U32>& a, const Pair<U32>& b, const Quad<F32>& c,
                         const Place& where = Place::Current()) {
    CheckCollective(kEveryLane, where);
    ++block_.counters.mmas;
    return MultiplyMatrices(a, b, c);
  }

  // --- barriers ---
  void WarpBarrier(uint32_t mask = kEveryLane, const Place& where = Place::Current()) {
    CheckCollective(mask, where);
    ++block_.counters.warp_barriers;
    ++clock_.warp_epoch;
  }
  void BlockBarrier(const Place& where = Place::Current()) {
    CheckCollective(kEveryLane, where);
    ++block_.counters.block_barriers;
    barrier_ = where;
    fiber_.Suspend();
    if (block_.given_up) throw GivenUp{};
    clock_.block_epoch = block_.epoch;
  }

  // --- divergence: `function` runs for the lanes of `condition`, if there are any. It may not change what is no lane
  // value, and collectives in it must name their lanes. ---
  template <class Function>
  void Where(const Pred& condition, const Function& function) {
    struct Restore {
      uint32_t lanes = executing_lanes;
      ~Restore() { executing_lanes = lanes; }
    } restore;
    executing_lanes = Mask(condition);
    if (executing_lanes != 0) function();
  }

  // --- shared memory; addresses are in bytes, from SharedBegin() on, and multiples of the size. Lanes that do not load
  // get `otherwise`. ---
  uint32_t SharedBegin() const { return kSharedBegin; }
  U32 SharedLoad8(const U32& address, const Place& where = Place::Current()) {
    return SharedLoad<uint8_t>(true, address, 0, where);
  }
  U32 SharedLoad8If(const Pred& condition, const U32& address, const U32& otherwise,
                    const Place& where = Place::Current()) {
    return SharedLoad<uint8_t>(condition, address, otherwise, where);
  }
  U32 SharedLoad16(const U32& address, const Place& where = Place::Current()) {
    return SharedLoad<uint16_t>(true, address, 0, where);
  }
  U32 SharedLoad16If(const Pred& condition, const U32& address, const U32& otherwise,
                     const Place& where = Place::Current()) {
    return SharedLoad<uint16_t>(condition, address, otherwise, where);
  }
  U32 SharedLoad32(const U32& address, const Place& where = Place::Current()) {
    return SharedLoad<uint32_t>(true, address, 0, where);
  }
  U32 SharedLoad32If(const Pred& condition, const U32& address, const U32& otherwise,
                     const Place& where = Place::Current()) {
    return SharedLoad<uint32_t>(condition, address, otherwise, where);
  }
  Pair<U32> SharedLoad64(const U32& address, const Place& where = Place::Current()) {
    return SharedLoad<Pair<uint32_t>>(true, address, {0, 0}, where);
  }
  Pair<U32> SharedLoad64If(const Pred& condition, const U32& address, const Pair<U32>& otherwise,
                           const Place& where = Place::Current()) {
    return SharedLoad<Pair<uint32_t>>(condition, address, otherwise, where);
  }
  Quad<U32> SharedLoad128(const U32& address, const Place& where = Place::Current()) {
    return SharedLoad<Quad<uint32_t>>(true, address, {0, 0, 0, 0}, where);
  }
  Quad<U32> SharedLoad128If(const Pred& condition, const U32& address, const Quad<U32>& otherwise,
                            const Place& where = Place::Current()) {
    return SharedLoad<Quad<uint32_t>>(condition, address, otherwise, where);
  }
  void SharedStore8(const U32& address, const U32& value, const Place& where = Place::Current()) {
    SharedStore<uint8_t>(true, address, value, where);
  }
  void SharedStore8If(const Pred& condition, const U32& address, const U32& value,
                      const Place& where = Place::Current()) {
    SharedStore<uint8_t>(condition, address, value, where);
  }
  void SharedStore16(const U32& address, const U32& value, const Place& where = Place::Current()) {
    SharedStore<uint16_t>(true, address, value, where);
  }
  void SharedStore16If(const Pred& condition, const U32& address, const U32& value,
                       const Place& where = Place::Current()) {
    SharedStore<uint16_t>(condition, address, value, where);
  }
  void SharedStore32(const U32& address, const U32& value, const Place& where = Place::Current()) {
    SharedStore<uint32_t>(true, address, value, where);
  }
  void SharedStore32If(const Pred& condition, const U32& address, const U32& value,
                       const Place& where = Place::Current()) {
    SharedStore<uint32_t>(condition, address, value, where);
  }
  void SharedStore64(const U32& address, const Pair<U32>& value, const Place& where = Place::Current()) {
    SharedStore<Pair<uint32_t>>(true, address, value, where);
  }
  void SharedStore64If(const Pred& condition, const U32& address, const Pair<U32>& value,
                       const Place& where = Place::Current()) {
    SharedStore<Pair<uint32_t>>(condition, address, value, where);
  }
  void SharedStore128(const U32& address, const Quad<U32>& value, const Place& where = Place::Current()) {
    SharedStore<Quad<uint32_t>>(true, address, value, where);
  }
  void SharedStore128If(const Pred& condition, const U32& address, const Quad<U32>& value,
                        const Place& where = Place::Current()) {
    SharedStore<Quad<uint32_t>>(condition, address, value, where);
  }

  // --- global memory; `index` counts elements of the pointer's type: uint8_t, uint16_t, uint32_t, Pair or Quad.
  // What is loaded must not change during the launch. Lanes that do not load get zeros. ---
  template <class T>
  auto GlobalLoad(const T* base, const U32& index, const Place& where = Place::Current()) {
    return GlobalLoadIf(Pred(true), base, index, where);
  }
  template <class T>
  auto GlobalLoadIf(const Pred& condition, const T* base, const U32& index, const Place& where = Place::Current()) {
    const Access access = GlobalAccess<T>(condition, base, index, where);
    block_.global.CheckLoad(access);
    Count(access, GlobalWavefronts(access), Sectors(access), block_.counters.global_loads);
    LaneOf<T> result = LaneTraits<T>::Zero();
    for (uint32_t l = 0; l < kWarpLanes; ++l) {
      if (!access.executes(l)) continue;
      T element;
      std::memcpy(&element, reinterpret_cast<const void*>(access.addresses[l]), sizeof(T));
      Put(element, l, result);
    }
    return result;
  }
  template <class T, class Value>
  void GlobalStore(T* base, const U32& index, const Value& value, const Place& where = Place::Current()) {
    GlobalStoreIf(Pred(true), base, index, value, where);
  }
  template <class T, class Value>
  void GlobalStoreIf(const Pred& condition, T* base, const U32& index, const Value& value,
                     const Place& where = Place::Current()) {
    const Access access = GlobalAccess<T>(condition, base, index, where);
    block_.global.CheckStore(access);
    Count(access, GlobalWavefronts(access), Sectors(access), block_.counters.global_stores);
    const LaneOf<T> lanes(value);
    for (uint32_t l = 0; l < kWarpLanes; ++l) {
      if (!access.executes(l)) continue;
      T element;
      Get(lanes, l, element);
      std::memcpy(reinterpret_cast<void*>(access.addresses[l]), &element, sizeof(T));
    }
  }
  // The same object for all lanes.
  template <class T>
  T GlobalLoadUniform(const T* from, const Place& where = Place::Current()) {
    constexpr uint32_t kStep = std::min<size_t>(alignof(T), 16);
    for (uint32_t at = 0; at < sizeof(T); at += kStep) {
      const Access access = FirstLane(reinterpret_cast<uint64_t>(from) + at, kStep, where);
      block_.global.CheckLoad(access);
      Count(access, 1, 1, block_.counters.global_loads);
    }
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
  }
  // *word |= bits, atomically, once for the warp.
  void GlobalOr(uint32_t* word, uint32_t bits, const Place& where = Place::Current()) {
    CheckCollective(kEveryLane, where);
    block_.global.CheckAtomic(FirstLane(reinterpret_cast<uint64_t>(word), sizeof(*word), where));
    ++block_.counters.atomics;
    *word |= bits;
  }

  // Where this warp waits, for the executor.
  const Place& barrier() const { return barrier_; }

 private:
  template <class Function>
  static U32 Each(const Function& function) {
    U32 result(0);
    for (uint32_t l = 0; l < kWarpLanes; ++l) result[l] = function(l);
    return result;
  }

  template <class T>
  using LaneOf = typename LaneTraits<T>::Type;
  template <class T>
  static void Put(const T& element, uint32_t lane, LaneOf<T>& value) {
    value[lane] = element;
  }
  static void Put(const Pair<uint32_t>& element, uint32_t lane, Pair<U32>& value) {
    value.x[lane] = element.x;
    value.y[lane] = element.y;
  }
  static void Put(const Quad<uint32_t>& element, uint32_t lane, Quad<U32>& value) {
    value.x[lane] = element.x;
    value.y[lane] = element.y;
    value.z[lane] = element.z;
    value.w[lane] = element.w;
  }
  template <class T>
  static void Get(const LaneOf<T>& value, uint32_t lane, T& element) {
    element = static_cast<T>(value[lane]);
  }
  static void Get(const Pair<U32>& value, uint32_t lane, Pair<uint32_t>& element) {
    element = {value.x[lane], value.y[lane]};
  }
  static void Get(const Quad<U32>& value, uint32_t lane, Quad<uint32_t>& element) {
    element = {value.x[lane], value.y[lane], value.z[lane], value.w[lane]};
  }

  static uint32_t Mask(const Pred& condition) {
    uint32_t mask = 0;
    for (uint32_t l = 0; l < kWarpLanes; ++l) mask |= uint32_t{condition[l]} << l;
    return mask & executing_lanes;
  }

  static void CheckCollective(uint32_t mask, const Place& where) {
    if ((mask & ~executing_lanes) != 0) Report(FaultKind::kDivergedCollective, where, MaskText(mask));
    if ((executing_lanes & ~mask) != 0) Report(FaultKind::kWrongMask, where, MaskText(mask));
  }
  static std::string MaskText(uint32_t mask);

  static void Count(const Access& access, uint32_t wavefronts, uint32_t sectors, AccessCounters& counters) {
    if (access.lanes == 0) return;
    counters += {.requests = 1,
                 .bytes = static_cast<uint64_t>(std::popcount(access.lanes)) * access.bytes,
                 .wavefronts = wavefronts,
                 .sectors = sectors};
  }

  template <class T>
  Access SharedAccess(const Pred& condition, const U32& address, const Place& where) {
    Access access{.addresses = {}, .lanes = Mask(condition), .bytes = sizeof(T), .where = where};
    for (uint32_t l = 0; l < kWarpLanes; ++l) access.addresses[l] = address[l] - kSharedBegin;
    return access;
  }
  template <class T>
  Access GlobalAccess(const Pred& condition, const T* base, const U32& index, const Place& where) {
    Access access{.addresses = {}, .lanes = Mask(condition), .bytes = sizeof(T), .where = where};
    for (uint32_t l = 0; l < kWarpLanes; ++l) {
      access.addresses[l] = reinterpret_cast<uint64_t>(base) + uint64_t{index[l]} * sizeof(T);
    }
    return access;
  }
  static Access FirstLane(uint64_t address, uint32_t bytes, const Place& where) {
    return {.addresses = {address}, .lanes = 1, .bytes = bytes, .where = where};
  }

  template <class T>
  LaneOf<T> SharedLoad(const Pred& condition, const U32& address, LaneOf<T> otherwise, const Place& where) {
    const Access access = SharedAccess<T>(condition, address, where);
    block_.shared.CheckLoad(access, clock_);
    Count(access, SharedWavefronts(access), 0, block_.counters.shared_loads);
    for (uint32_t l = 0; l < kWarpLanes; ++l) {
      if (!access.executes(l)) continue;
      T element;
      std::memcpy(&element, block_.shared.at(access.addresses[l]), sizeof(T));
      Put(element, l, otherwise);
    }
    return otherwise;
  }
  template <class T>
  void SharedStore(const Pred& condition, const U32& address, const LaneOf<T>& value, const Place& where) {
    const Access access = SharedAccess<T>(condition, address, where);
    block_.shared.CheckStore(access, clock_);
    Count(access, SharedWavefronts(access), 0, block_.counters.shared_stores);
    for (uint32_t l = 0; l < kWarpLanes; ++l) {
      if (!access.executes(l)) continue;
      T element;
      Get(value, l, element);
      std::memcpy(block_.shared.at(access.addresses[l]), &element, sizeof(T));
    }
  }

  // Not zero, so that kernels do not forget it. A multiple of the banks' 128 bytes.
  static constexpr uint32_t kSharedBegin = 1024;

  HostBlock& block_;
  Fiber& fiber_;
  WarpClock clock_;
  Place barrier_;
};

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_HOST_CONTEXT_H_
