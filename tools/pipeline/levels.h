// The levels that are built, in one list: what compress takes, what bench measures, what the help says.
#ifndef PLAIT_TOOLS_PIPELINE_LEVELS_H_
#define PLAIT_TOOLS_PIPELINE_LEVELS_H_

#include <algorithm>
#include <iterator>
#include <string_view>

#include "codec/block/encode_settings.h"
#include "formats/frame/frame_layout.h"

namespace plait {

struct Level {
  int number;
  std::string_view about;
  EncodeSettings settings;
  unsigned block_log2;  // elements per block of a tensor
};

// Every level is smaller than the one before it. In larger blocks more elements share a table, the states and a header.
inline constexpr Level kLevels[] = {
    {3, "tiered digits", {}, kDefaultBlockLog2},
    {5, "rANS", {.rans = kFastRans, .wide_symbols = true, .least_zstd_saving = 128}, 18},
    {7,
     "rANS in larger blocks",
     {.rans = RansSettings{.lanes_log2 = 7, .sample_stride = 1}, .wide_symbols = true, .least_zstd_saving = 128},
     20},
};
inline constexpr int kDefaultLevel = 3;
inline constexpr int kLowestLevel = 1;
inline constexpr int kHighestLevel = 9;

// Null for a level that is promised but not built yet.
inline const Level* FindLevel(int number) {
  const Level* level = std::ranges::find(kLevels, number, &Level::number);
  return level == std::end(kLevels) ? nullptr : level;
}

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_LEVELS_H_
