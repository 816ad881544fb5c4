// One request of a warp to memory: who asks for which bytes.
#ifndef PLAIT_GPU_SIMT_ACCESS_H_
#define PLAIT_GPU_SIMT_ACCESS_H_

#include <array>
#include <cstdint>

#include "gpu/simt/place.h"
#include "gpu/simt/words.h"

namespace plait::simt {

struct Access {
  std::array<uint64_t, kWarpLanes> addresses;  // of executing lanes only
  uint32_t lanes = 0;                          // bit mask
  uint32_t bytes = 0;                          // per lane: 1, 2, 4, 8 or 16
  Place where;

  bool executes(uint32_t lane) const { return lanes >> lane & 1; }
};

// Passes through shared memory: 32 banks of 4 bytes give a word each. Accesses of 8 and 16 bytes go in two halves or
// four quarters of the warp. Lanes that want the same word share it.
uint32_t SharedWavefronts(const Access& access);

// Passes through L1, one for each 128-byte line of each such part of the warp. An estimate: the hardware does not say.
uint32_t GlobalWavefronts(const Access& access);

// Distinct 32-byte sectors.
uint32_t Sectors(const Access& access);

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_ACCESS_H_
