// The operations that have SIMD variants, and which variant of each runs: what `plait doctor` prints.
#ifndef PLAIT_CODEC_BLOCK_OPERATIONS_H_
#define PLAIT_CODEC_BLOCK_OPERATIONS_H_

#include <string_view>
#include <vector>

#include "codec/base/cpu.h"

namespace plait {

struct Operation {
  std::string_view name;
  CpuVariant variant;  // that runs now; kScalar also where there is no other
};

std::vector<Operation> ActiveOperations();

}  // namespace plait

#endif  // PLAIT_CODEC_BLOCK_OPERATIONS_H_
