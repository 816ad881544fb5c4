#include <vector>

#include "codec/kv/kv_rans.h"
#include "codec/kv/kv_rans_select.h"

namespace plait {

void KvToCodedOrder(std::span<const uint16_t> order, std::span<const uint8_t> from, std::span<uint8_t> to) {
  if (order.empty()) return;
  ActiveKvRansKernels().permute(order.data(), order.size(), from.size() / order.size(), from.data(), to.data());
}

void KvFromCodedOrder(std::span<const uint16_t> order, std::span<const uint8_t> from, std::span<uint8_t> to) {
  std::vector<uint16_t> position(order.size());
  for (size_t p = 0; p < order.size(); ++p) position[order[p]] = static_cast<uint16_t>(p);
  KvToCodedOrder(position, from, to);
}

}  // namespace plait
