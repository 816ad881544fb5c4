#include "gpu/simt/shared_memory.h"

#include "absl/strings/str_cat.h"
#include "gpu/simt/fault.h"

namespace plait::simt {

bool SharedMemory::Ordered(const Touch& before, const Touch& now) {
  if (before.block_epoch != now.block_epoch) return true;
  if (before.warp != now.warp) return false;
  return before.lane == now.lane || before.warp_epoch != now.warp_epoch;
}

void SharedMemory::AddLoad(Touch& load, const Touch& now) {
  if (load.block_epoch == now.block_epoch && load.warp != now.warp) {
    load.warp = kSeveral;
  } else if (load.block_epoch != now.block_epoch || load.warp_epoch != now.warp_epoch) {
    load = now;
  } else if (load.lane != now.lane) {
    load.lane = kSeveral;
  }
}

SharedMemory::Touch SharedMemory::TouchOf(const WarpClock& clock, uint32_t lane) {
  return {clock.block_epoch, clock.warp_epoch, static_cast<uint8_t>(clock.warp), static_cast<uint8_t>(lane)};
}

void SharedMemory::CheckBounds(const Access& access, uint32_t lane) const {
  const uint64_t address = access.addresses[lane];
  if (address + access.bytes > bytes_.size()) {
    Report(FaultKind::kSharedBounds, access.where,
           absl::StrCat("lane ", lane, " at byte ", address, " of ", bytes_.size()));
  }
  if (address % access.bytes != 0) {
    Report(FaultKind::kMisaligned, access.where,
           absl::StrCat("lane ", lane, ", shared address ", address, " for ", access.bytes, " bytes"));
  }
}

void SharedMemory::ReportRace(const Access& access, uint64_t address, const char* what, const Touch& before,
                              const Touch& now) {
  const auto name = [](uint8_t number) { return number == kSeveral ? std::string("several") : absl::StrCat(number); };
  Report(FaultKind::kSharedRace, access.where,
         absl::StrCat("byte ", address, ", warp ", now.warp, " lane ", now.lane, " after a ", what, " by warp ",
                      name(before.warp), " lane ", name(before.lane)));
}

void SharedMemory::CheckLoad(const Access& access, const WarpClock& clock) {
  for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
    if (!access.executes(lane)) continue;
    CheckBounds(access, lane);
    const Touch now = TouchOf(clock, lane);
    for (uint64_t at = access.addresses[lane]; at < access.addresses[lane] + access.bytes; ++at) {
      Shadow& shadow = shadow_[at];
      if (shadow.store.block_epoch < first_epoch_) {
        Report(FaultKind::kSharedUninitialised, access.where, absl::StrCat("lane ", lane, " at byte ", at));
      }
      if (!Ordered(shadow.store, now)) ReportRace(access, at, "store", shadow.store, now);
      AddLoad(shadow.load, now);
    }
  }
}

void SharedMemory::CheckStore(const Access& access, const WarpClock& clock) {
  for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
    if (!access.executes(lane)) continue;
    CheckBounds(access, lane);
    const Touch now = TouchOf(clock, lane);
    for (uint64_t at = access.addresses[lane]; at < access.addresses[lane] + access.bytes; ++at) {
      Shadow& shadow = shadow_[at];
      if (!Ordered(shadow.store, now)) ReportRace(access, at, "store", shadow.store, now);
      if (!Ordered(shadow.load, now)) ReportRace(access, at, "load", shadow.load, now);
      shadow.store = now;
    }
  }
}

}  // namespace plait::simt
