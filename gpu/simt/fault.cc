#include "gpu/simt/fault.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "gpu/simt/lanes.h"

namespace plait::simt {

const char* FaultName(FaultKind kind) {
  switch (kind) {
    case FaultKind::kSharedBounds: return "shared memory out of bounds";
    case FaultKind::kSharedUninitialised: return "shared memory read before it was written";
    case FaultKind::kSharedRace: return "race in shared memory";
    case FaultKind::kGlobalBounds: return "global memory out of bounds";
    case FaultKind::kGlobalUninitialised: return "global memory read before it was written";
    case FaultKind::kGlobalRace: return "race in global memory";
    case FaultKind::kMisaligned: return "misaligned address";
    case FaultKind::kReadOnly: return "store to read-only memory";
    case FaultKind::kDivergedCollective: return "collective without some lanes of its mask";
    case FaultKind::kWrongMask: return "collective by lanes outside its mask";
    case FaultKind::kDivergedBarrier: return "block barrier that not all warps reach at the same place";
    case FaultKind::kNotUniform: return "lanes differ in a value said to be uniform";
    case FaultKind::kBadShift: return "shift by 32 bits or more";
  }
  return "unknown fault";
}

std::string FaultMessage(FaultKind kind, const Place& where, const std::string& what) {
  const char* slash = std::strrchr(where.file, '/');
  const char* file = slash == nullptr ? where.file : slash + 1;
  return absl::StrCat(file, ":", where.line, ": ", FaultName(kind), ": ", what);
}

void Report(FaultKind kind, const Place& where, const std::string& what) {
  throw Fault{kind, FaultMessage(kind, where, what)};
}

void ReportBadShift(uint32_t bits) {
  throw Fault{FaultKind::kBadShift, absl::StrCat(FaultName(FaultKind::kBadShift), ": bits of all amounts ", bits)};
}

}  // namespace plait::simt
