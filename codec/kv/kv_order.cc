#include "codec/kv/kv_rans.h"

namespace plait {

void KvToCodedOrder(std::span<const uint16_t> order, std::span<const uint8_t> from, std::span<uint8_t> to) {
  const size_t channels = order.size();
  for (size_t begin = 0; begin < from.size(); begin += channels) {
    for (size_t p = 0; p < channels; ++p) to[begin + p] = from[begin + order[p]];
  }
}

void KvFromCodedOrder(std::span<const uint16_t> order, std::span<const uint8_t> from, std::span<uint8_t> to) {
  const size_t channels = order.size();
  for (size_t begin = 0; begin < from.size(); begin += channels) {
    for (size_t p = 0; p < channels; ++p) to[begin + order[p]] = from[begin + p];
  }
}

}  // namespace plait
