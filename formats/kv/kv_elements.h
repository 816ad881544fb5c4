// Elements as the codec takes them, 16 bits each, and as they stand in files.
#ifndef PLAIT_FORMATS_KV_KV_ELEMENTS_H_
#define PLAIT_FORMATS_KV_KV_ELEMENTS_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "codec/base/dtype.h"
#include "codec/kv/kv_element.h"

namespace plait {

constexpr Dtype DtypeOf(KvElement element) {
  switch (element) {
    case KvElement::kBf16: return Dtype::kBf16;
    case KvElement::kF16: return Dtype::kF16;
    case KvElement::kE4m3: return Dtype::kF8E4m3;
    case KvElement::kE5m2: return Dtype::kF8E5m2;
  }
  return Dtype::kU8;
}

// Requires: bytes.size() == x.size() * GetKvElementInfo(element).bytes().
inline void KvElementsToBytes(KvElement element, std::span<const uint16_t> x, std::span<uint8_t> bytes) {
  if (GetKvElementInfo(element).bytes() == 2) {
    if (!x.empty()) std::memcpy(bytes.data(), x.data(), bytes.size());
    return;
  }
  std::ranges::transform(x, bytes.begin(), [](uint16_t one) { return static_cast<uint8_t>(one); });
}
inline void KvElementsFromBytes(KvElement element, std::span<const uint8_t> bytes, std::span<uint16_t> x) {
  if (GetKvElementInfo(element).bytes() == 2) {
    if (!x.empty()) std::memcpy(x.data(), bytes.data(), bytes.size());
    return;
  }
  std::ranges::copy(bytes, x.begin());
}

}  // namespace plait

#endif  // PLAIT_FORMATS_KV_KV_ELEMENTS_H_
