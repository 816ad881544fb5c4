#include "gpu/simt/executor.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace plait::simt {
namespace {

std::vector<uint32_t> ShuffledOrder(uint32_t count, std::mt19937_64& random) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (uint32_t i = count; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

// One thread block from its first instruction to its last.
class BlockRun {
 public:
  BlockRun(HostBlock& block, StackPool& stacks, const std::function<void(HostContext&)>& body) : block_(block) {
    for (uint32_t w = 0; w < block.num_warps; ++w) {
      Warp& warp = warps_.emplace_back();
      warp.fiber.emplace(stacks, [this, w, &body](Fiber& fiber) { RunWarp(w, fiber, body); });
    }
  }

  // Runs all warps to the end. On a fault the others are made to end, too.
  std::optional<Fault> Run(std::mt19937_64& random) {
    while (true) {
      for (uint32_t w : ShuffledOrder(block_.num_warps, random)) {
        if (!warps_[w].fiber->finished()) warps_[w].fiber->Resume();
      }
      const auto waits = [](const Warp& warp) { return !warp.fiber->finished(); };
      if (std::ranges::none_of(warps_, waits)) return std::move(fault_);
      if (!fault_.has_value()) CheckBarrier();
      block_.given_up = fault_.has_value();
      ++block_.epoch;
    }
  }

 private:
  struct Warp {
    std::optional<Fiber> fiber;
    HostContext* context = nullptr;  // on the fiber's stack
  };

  void RunWarp(uint32_t w, Fiber& fiber, const std::function<void(HostContext&)>& body) {
    if (block_.given_up) return;
    try {
      HostContext context(block_, w, fiber);
      warps_[w].context = &context;
      body(context);
    } catch (const Fault& fault) {
      if (!fault_.has_value()) fault_ = fault;
    } catch (const GivenUp&) {
    }
  }

  // All warps must wait at the same barrier.
  void CheckBarrier() {
    const Place* first = nullptr;
    for (const Warp& warp : warps_) {
      if (warp.fiber->finished()) continue;
      const Place& here = warp.context->barrier();
      if (first == nullptr) first = &here;
      if (!SamePlace(*first, here)) GiveUpAt(here, "others wait elsewhere");
    }
    if (std::ranges::any_of(warps_, [](const Warp& warp) { return warp.fiber->finished(); })) {
      GiveUpAt(*first, "others have ended");
    }
  }

  void GiveUpAt(const Place& where, const char* what) {
    fault_ = Fault{FaultKind::kDivergedBarrier, FaultMessage(FaultKind::kDivergedBarrier, where, what)};
  }

  static bool SamePlace(const Place& a, const Place& b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }

  HostBlock& block_;
  std::deque<Warp> warps_;
  std::optional<Fault> fault_;
};

}  // namespace

std::string HostContext::MaskText(uint32_t mask) {
  return absl::StrCat("mask ", absl::Hex(mask), ", executing ", absl::Hex(executing_lanes));
}

absl::StatusOr<Counters> RunGrid(const Grid& grid, GlobalMemory& memory,
                                 const std::function<void(HostContext&)>& body) {
  std::mt19937_64 random(grid.seed);
  StackPool stacks;
  SharedMemory shared(grid.shared_bytes);
  Counters counters;
  memory.BeginLaunch();
  uint32_t epoch = 1;
  for (uint32_t index : ShuffledOrder(grid.thread_blocks, random)) {
    HostBlock block{.shared = shared,
                    .global = memory,
                    .counters = counters,
                    .index = index,
                    .num_blocks = grid.thread_blocks,
                    .num_warps = grid.warps,
                    .epoch = epoch};
    shared.Begin(epoch);
    BlockRun run(block, stacks, body);
    if (std::optional<Fault> fault = run.Run(random); fault.has_value()) {
      return absl::InternalError(fault->message);
    }
    epoch = block.epoch + 1;
  }
  return counters;
}

}  // namespace plait::simt
