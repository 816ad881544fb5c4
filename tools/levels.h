// The levels that are built, in one list: what compress takes, what bench measures, what the help says.
#ifndef PLAIT_TOOLS_LEVELS_H_
#define PLAIT_TOOLS_LEVELS_H_

#include <algorithm>
#include <iterator>
#include <string_view>

namespace plait {

struct Level {
  int number;
  std::string_view about;
};

inline constexpr Level kLevels[] = {{3, "tiered digits"}};
inline constexpr int kDefaultLevel = 3;
inline constexpr int kLowestLevel = 1;
inline constexpr int kHighestLevel = 9;

// Null for a level that is promised but not built yet.
inline const Level* FindLevel(int number) {
  const Level* level = std::ranges::find(kLevels, number, &Level::number);
  return level == std::end(kLevels) ? nullptr : level;
}

}  // namespace plait

#endif  // PLAIT_TOOLS_LEVELS_H_
