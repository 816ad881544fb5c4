#include "codec/kv/kv_values.h"

#include <cassert>
#include <cstddef>

#include "codec/kv/kv_quality_select.h"

namespace plait {

double KvSumOfSquares(KvElement element, std::span<const uint16_t> x) {
  return ActiveKvQualityKernels()[static_cast<size_t>(element)].sum_of_squares(x.data(), x.size());
}

double KvSquaredError(KvElement element, std::span<const uint16_t> x, std::span<const uint16_t> values) {
  assert(values.size() == x.size());
  return ActiveKvQualityKernels()[static_cast<size_t>(element)].squared_error(x.data(), values.data(), x.size());
}

}  // namespace plait
