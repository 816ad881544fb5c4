#ifndef PLAIT_TOOLS_VERSION_H_
#define PLAIT_TOOLS_VERSION_H_

namespace plait {

inline constexpr char kVersion[] = "0.1.0";
inline constexpr int kFormatVersion = 0;

}  // namespace plait

#endif  // PLAIT_TOOLS_VERSION_H_
