// What a launch asked the machine for, in the units of the hardware (README.md says which rules are behind them).
#ifndef PLAIT_GPU_SIMT_COUNTERS_H_
#define PLAIT_GPU_SIMT_COUNTERS_H_

#include <cstdint>

namespace plait::simt {

// Of one kind of access. A request is an instruction that at least one lane executes.
struct AccessCounters {
  uint64_t requests = 0;
  uint64_t bytes = 0;       // asked for by lanes, those that several ask for counted each time
  uint64_t wavefronts = 0;  // passes through the L1 / shared-memory pipe
  uint64_t sectors = 0;     // of 32 bytes, global memory only

  AccessCounters& operator+=(const AccessCounters& other) {
    requests += other.requests;
    bytes += other.bytes;
    wavefronts += other.wavefronts;
    sectors += other.sectors;
    return *this;
  }
};

struct Counters {
  AccessCounters global_loads, global_stores, shared_loads, shared_stores;
  uint64_t atomics = 0;
  uint64_t shuffles = 0;
  uint64_t ballots = 0;
  uint64_t mmas = 0;
  uint64_t warp_barriers = 0;
  uint64_t block_barriers = 0;  // per warp

  Counters& operator+=(const Counters& other) {
    global_loads += other.global_loads;
    global_stores += other.global_stores;
    shared_loads += other.shared_loads;
    shared_stores += other.shared_stores;
    atomics += other.atomics;
    shuffles += other.shuffles;
    ballots += other.ballots;
    mmas += other.mmas;
    warp_barriers += other.warp_barriers;
    block_barriers += other.block_barriers;
    return *this;
  }

  // Shuffles go through the same pipe as shared and global memory, one wavefront each.
  uint64_t pipe_wavefronts() const {
    return global_loads.wavefronts + global_stores.wavefronts + shared_loads.wavefronts + shared_stores.wavefronts +
           shuffles;
  }
};

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_COUNTERS_H_
