// Items through three stages with bounded memory: produce (one at a time, in order), work (parallel), consume (one at a
// time, in order). The order that the consumer sees, and so every byte written, does not depend on the thread count.
#ifndef PLAIT_TOOLS_PIPELINE_ORDERED_H_
#define PLAIT_TOOLS_PIPELINE_ORDERED_H_

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_pipeline.h>

#include <atomic>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace plait {

// Item: default-constructible; its buffers are reused. At most 2 * threads + 2 exist.
//   bool produce(Item&)          fills the next item, false at the end
//   void work(Item&)             may run on any thread, beside itself
//   absl::Status consume(Item&)  not OK stops everything and is returned
template <class Item, class Produce, class Work, class Consume>
absl::Status RunOrdered(int threads, Produce produce, Work work, Consume consume) {
  if (threads <= 1) {
    for (Item item; produce(item);) {
      work(item);
      if (absl::Status status = consume(item); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  // Items leave in the order they came, so of `tokens` slots the next one is always free when it is needed.
  const size_t tokens = 2 * static_cast<size_t>(threads) + 2;
  std::vector<Item> slots(tokens);
  size_t next = 0;
  std::atomic<bool> failed = false;
  absl::Status result;
  namespace tbb = oneapi::tbb;
  tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<size_t>(threads));
  const auto take = [&](tbb::flow_control& control) -> Item* {
    Item& item = slots[next++ % tokens];
    if (failed.load(std::memory_order_relaxed) || !produce(item)) {
      control.stop();
      return nullptr;
    }
    return &item;
  };
  const auto give = [&](Item* item) {
    if (failed.load(std::memory_order_relaxed)) return;
    if (absl::Status status = consume(*item); !status.ok()) {
      result = std::move(status);
      failed.store(true, std::memory_order_relaxed);
    }
  };
  tbb::parallel_pipeline(tokens, tbb::make_filter<void, Item*>(tbb::filter_mode::serial_in_order, take) &
                                     tbb::make_filter<Item*, Item*>(tbb::filter_mode::parallel,
                                                                    [&](Item* item) {
                                                                      work(*item);
                                                                      return item;
                                                                    }) &
                                     tbb::make_filter<Item*, void>(tbb::filter_mode::serial_in_order, give));
  return result;
}

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_ORDERED_H_
