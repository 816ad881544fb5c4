#include "codec/kv/kv_values.h"

#include <array>
#include <cstddef>

namespace plait {
namespace {

// Neighbouring elements go to different sums, which the compiler can keep in one vector; the order of additions is the
// same whether it does or not.
constexpr size_t kSums = 16;

template <class Term>
double SumOf(size_t n, const Term& term) {
  std::array<double, kSums> sums{};
  size_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (size_t j = 0; j < kSums; ++j) sums[j] += term(i + j);
  }
  for (size_t j = 0; i < n; ++i, ++j) sums[j] += term(i);
  double sum = 0;
  for (const double one : sums) sum += one;
  return sum;
}

// Passes the type's layout as a constant.
template <class Body>
double WithInfo(KvElement element, const Body& body) {
  switch (element) {
    case KvElement::kBf16: return body([] { return GetKvElementInfo(KvElement::kBf16); });
    case KvElement::kF16: return body([] { return GetKvElementInfo(KvElement::kF16); });
    case KvElement::kE4m3: return body([] { return GetKvElementInfo(KvElement::kE4m3); });
    case KvElement::kE5m2: return body([] { return GetKvElementInfo(KvElement::kE5m2); });
  }
  return 0;
}

}  // namespace

double KvSumOfSquares(KvElement element, std::span<const uint16_t> x) {
  return WithInfo(element, [&](auto info_of) {
    constexpr KvElementInfo kInfo = info_of();
    return SumOf(x.size(), [&](size_t i) {
      const double value = IsKvFinite(kInfo, x[i]) ? KvValue(kInfo, x[i]) : 0.0;
      return value * value;
    });
  });
}

double KvSquaredError(KvElement element, std::span<const uint16_t> x, std::span<const uint16_t> values) {
  return WithInfo(element, [&](auto info_of) {
    constexpr KvElementInfo kInfo = info_of();
    return SumOf(x.size(), [&](size_t i) {
      const bool finite = IsKvFinite(kInfo, x[i]) && IsKvFinite(kInfo, values[i]);
      const double error = finite ? double{KvValue(kInfo, values[i])} - double{KvValue(kInfo, x[i])} : 0.0;
      return error * error;
    });
  });
}

}  // namespace plait
