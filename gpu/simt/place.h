// A place in the source, as std::source_location, which clang 14 does not have.
#ifndef PLAIT_GPU_SIMT_PLACE_H_
#define PLAIT_GPU_SIMT_PLACE_H_

#include <cstdint>

namespace plait::simt {

struct Place {
  const char* file = "";
  uint32_t line = 0;

  // As the default of a parameter: where the function is called.
  static constexpr Place Current(const char* file = __builtin_FILE(), uint32_t line = __builtin_LINE()) {
    return {file, line};
  }
};

}  // namespace plait::simt

#endif  // PLAIT_GPU_SIMT_PLACE_H_
