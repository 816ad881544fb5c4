// Shared memory of one thread block on the host, which knows for every byte who touched it last.
//
// Time is counted in epochs: a block barrier ends the block's epoch, a warp barrier that of its warp. Two touches of a
// byte, one of them a store, by different lanes race unless a block barrier, or for lanes of one warp a warp barrier,
// stands between them; that they happened one after the other on the host does not matter.
#ifndef PLAIT_GPU_SIMT_SHARED_MEMORY_H_
#define PLAIT_GPU_SIMT_SHARED_MEMORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "gpu/simt/access.h"

namespace plait::simt {

// When and where a warp is.
struct WarpClock {
  uint32_t warp = 0;
  uint32_t warp_epoch = 0;
  uint32_t block_epoch = 0;
};

class SharedMemory {
 public:
  explicit SharedMemory(uint32_t bytes) : bytes_(bytes), shadow_(bytes) {}

  // Forgets what earlier thread blocks wrote. `block_epoch` is greater than any that was seen before.
  void Begin(uint32_t block_epoch) { first_epoch_ = block_epoch; }

  // These check bounds, alignment, initialisation and races of a request; then bytes may be used.
  void CheckLoad(const Access& access, const WarpClock& clock);
  void CheckStore(const Access& access, const WarpClock& clock);

  uint8_t* at(uint64_t address) { return bytes_.data() + address; }

 private:
  static constexpr uint8_t kSeveral = 255;

  struct Touch {
    uint32_t block_epoch = 0;  // 0: never
    uint32_t warp_epoch = 0;
    uint8_t warp = 0;
    uint8_t lane = 0;  // either may be kSeveral
  };
  struct Shadow {
    Touch store, load;
  };

  static bool Ordered(const Touch& before, const Touch& now);
  static void AddLoad(Touch& load, const Touch& now);
  static Touch TouchOf(const WarpClock& clock, uint32_t lane);
  void CheckBounds(const Access& access, uint32_t lane) const;
  [[noreturn]] static void ReportRace(const Access& access, uint64_t address, const char* what, const Touch& before,
                                      const Touch& now);

  std::vector<uint8_t> bytes_;
  std::vector<Shadow> shadow_;
  uint32_t first_epoch_ = 1;
};

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_SHARED_MEMORY_H_
