// The "tensor T: block N" of messages.
#ifndef PLAIT_TOOLS_PIPELINE_WHERE_H_
#define PLAIT_TOOLS_PIPELINE_WHERE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "formats/container/container_layout.h"

namespace plait {

// An opaque file has no tensors, so its one frame is called its contents.
inline std::string Where(ContainerKind kind, const std::string& tensor, std::optional<uint64_t> block = std::nullopt) {
  const std::string tensor_part = kind == ContainerKind::kOpaque ? "contents" : absl::StrCat("tensor ", tensor);
  return block ? absl::StrCat(tensor_part, ": block ", *block) : tensor_part;
}

}  // namespace plait

#endif  // PLAIT_TOOLS_PIPELINE_WHERE_H_
