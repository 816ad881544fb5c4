// How every verb prints its one document.
#ifndef PLAIT_TOOLS_JSON_OUTPUT_H_
#define PLAIT_TOOLS_JSON_OUTPUT_H_

#include <cstdio>
#include <nlohmann/json.hpp>

namespace plait {

// To stdout. Names of files need not be UTF-8; what is not is replaced.
inline void PrintJson(const nlohmann::ordered_json& document) {
  std::printf("%s\n", document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

}  // namespace plait

#endif  // PLAIT_TOOLS_JSON_OUTPUT_H_
