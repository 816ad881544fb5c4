// The value that the 32 lanes of a warp hold in one register, on the host.
//
// A lane value cannot steer an `if`: what kernels branch on is the same for the whole warp, and a condition that is not
// does not compile. Plain integers mix with lane values and stand for themselves in every lane.
#ifndef PLAIT_GPU_SIMT_LANES_H_
#define PLAIT_GPU_SIMT_LANES_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "gpu/simt/words.h"

namespace plait::simt {

// The lanes that execute now: all of them, but inside HostContext::Where. Assignments leave the others as they are.
inline thread_local uint32_t executing_lanes = kEveryLane;

[[noreturn]] void ReportBadShift(uint32_t bits);

template <class T>
class Lanes {
 public:
  // As on the device, a value without an initialiser may be anything; here always the same, and not zero.
  Lanes() { std::memset(values_.data(), kPoison, sizeof(values_)); }
  Lanes(T value) { values_.fill(value); }           // NOLINT(google-explicit-constructor)
  template <class Integer, Integer kValue>          // the index of an Unrolled loop
  Lanes(std::integral_constant<Integer, kValue>) {  // NOLINT(google-explicit-constructor)
    values_.fill(kValue);
  }
  template <class From>
  explicit Lanes(const Lanes<From>& from) {
    for (uint32_t l = 0; l < kWarpLanes; ++l) values_[l] = static_cast<T>(from[l]);
  }
  Lanes(const Lanes&) = default;
  Lanes& operator=(const Lanes& other) {
    if (executing_lanes == kEveryLane) {
      values_ = other.values_;
      return *this;
    }
    for (uint32_t l = 0; l < kWarpLanes; ++l) {
      if (executing_lanes >> l & 1) values_[l] = other.values_[l];
    }
    return *this;
  }

  const T& operator[](uint32_t lane) const { return values_[lane]; }
  T& operator[](uint32_t lane) { return values_[lane]; }

  friend Lanes operator+(const Lanes& a, const Lanes& b) {
    return Map(a, b, [](T x, T y) { return x + y; });
  }
  friend Lanes operator-(const Lanes& a, const Lanes& b) {
    return Map(a, b, [](T x, T y) { return x - y; });
  }
  friend Lanes operator*(const Lanes& a, const Lanes& b) {
    return Map(a, b, [](T x, T y) { return x * y; });
  }
  friend Lanes operator/(const Lanes& a, T divisor) {
    return Map(a, a, [divisor](T x, T) { return x / divisor; });
  }
  friend Lanes operator&(const Lanes& a, const Lanes& b) {
    return Map(a, b, [](T x, T y) { return x & y; });
  }
  friend Lanes operator|(const Lanes& a, const Lanes& b) {
    return Map(a, b, [](T x, T y) { return x | y; });
  }
  friend Lanes operator^(const Lanes& a, const Lanes& b) {
    return Map(a, b, [](T x, T y) { return x ^ y; });
  }
  friend Lanes operator~(const Lanes& a) {
    return Map(a, a, [](T x, T) { return ~x; });
  }
  friend Lanes operator!(const Lanes& a) {
    static_assert(std::is_same_v<T, bool>, "conditions only");
    return Map(a, a, [](T x, T) { return !x; });
  }
  friend Lanes operator<<(const Lanes& a, const Lanes<uint32_t>& bits) {
    CheckShift(bits);
    return Shift(a, bits, [](T x, uint32_t by) { return x << by; });
  }
  friend Lanes operator>>(const Lanes& a, const Lanes<uint32_t>& bits) {
    CheckShift(bits);
    return Shift(a, bits, [](T x, uint32_t by) { return x >> by; });
  }
  friend Lanes& operator+=(Lanes& a, const Lanes& b) { return a = a + b; }
  friend Lanes& operator-=(Lanes& a, const Lanes& b) { return a = a - b; }
  friend Lanes& operator&=(Lanes& a, const Lanes& b) { return a = a & b; }
  friend Lanes& operator|=(Lanes& a, const Lanes& b) { return a = a | b; }

  friend Lanes<bool> operator<(const Lanes& a, const Lanes& b) {
    return Compare(a, b, [](T x, T y) { return x < y; });
  }
  friend Lanes<bool> operator<=(const Lanes& a, const Lanes& b) { return !(b < a); }
  friend Lanes<bool> operator>(const Lanes& a, const Lanes& b) { return b < a; }
  friend Lanes<bool> operator>=(const Lanes& a, const Lanes& b) { return !(a < b); }
  friend Lanes<bool> operator==(const Lanes& a, const Lanes& b) {
    return Compare(a, b, [](T x, T y) { return x == y; });
  }
  friend Lanes<bool> operator!=(const Lanes& a, const Lanes& b) { return !(a == b); }

 private:
  static constexpr int kPoison = std::is_same_v<T, bool> ? 1 : 0xa5;

  template <class Function>
  static Lanes Map(const Lanes& a, const Lanes& b, const Function& function) {
    Lanes result(T{});
    for (uint32_t l = 0; l < kWarpLanes; ++l) result[l] = static_cast<T>(function(a[l], b[l]));
    return result;
  }
  template <class Function>
  static Lanes Shift(const Lanes& a, const Lanes<uint32_t>& bits, const Function& function) {
    Lanes result(T{});
    for (uint32_t l = 0; l < kWarpLanes; ++l) result[l] = static_cast<T>(function(a[l], bits[l] % kWarpLanes));
    return result;
  }
  template <class Function>
  static Lanes<bool> Compare(const Lanes& a, const Lanes& b, const Function& function) {
    Lanes<bool> result(false);
    for (uint32_t l = 0; l < kWarpLanes; ++l) result[l] = function(a[l], b[l]);
    return result;
  }
  // Machines differ in what a shift by 32 or more gives.
  static void CheckShift(const Lanes<uint32_t>& bits) {
    uint32_t all = 0;
    for (uint32_t l = 0; l < kWarpLanes; ++l) all |= executing_lanes >> l & 1 ? bits[l] : 0;
    if (all >= kWarpLanes) ReportBadShift(all);
  }

  std::array<T, kWarpLanes> values_;
};

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_LANES_H_
