// What the host executor found wrong with a kernel. Thrown inside a launch, and a status once it has left it.
#ifndef PLAIT_GPU_SIMT_FAULT_H_
#define PLAIT_GPU_SIMT_FAULT_H_

#include <string>

#include "gpu/simt/place.h"

namespace plait::simt {

enum class FaultKind {
  kSharedBounds,
  kSharedUninitialised,
  kSharedRace,
  kGlobalBounds,
  kGlobalUninitialised,
  kGlobalRace,
  kMisaligned,
  kReadOnly,
  kDivergedCollective,
  kWrongMask,
  kDivergedBarrier,
  kNotUniform,
  kBadShift,
};

const char* FaultName(FaultKind kind);

struct Fault {
  FaultKind kind;
  std::string message;
};

// "file:line: name: what".
std::string FaultMessage(FaultKind kind, const Place& where, const std::string& what);

// Throws a Fault whose message begins with the place.
[[noreturn]] void Report(FaultKind kind, const Place& where, const std::string& what);

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_FAULT_H_
