// Optional sections: how headers grow without a new version. A section is
//   u16 type | u16 flags (bit 0: a reader must understand it) | u32 length | `length` bytes | zeros to a multiple of 8
// A reader skips a type that it does not know unless bit 0 says that it must not. Other flag bits are zero.
#ifndef PLAIT_FORMATS_BASE_SECTIONS_H_
#define PLAIT_FORMATS_BASE_SECTIONS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace plait {

// Reserved types; none is written or understood by this version.
enum class SectionType : uint16_t {
  kSharedTables = 1,
  kBaseTensorHash = 2,
  kOriginalSha256 = 3,
  kParity = 4,
};

inline constexpr uint16_t kSectionMustUnderstand = 1;
inline constexpr size_t kSectionHeaderBytes = 8;
inline constexpr size_t kSectionAlignment = 8;

struct Section {
  uint16_t type = 0;
  uint16_t flags = 0;
  std::vector<uint8_t> bytes;
};

void AppendSections(std::span<const Section> sections, std::vector<uint8_t>* out);

// All sections of `bytes`, which must hold sections and nothing else.
// Returns: kOutOfRange if one ends early; kDataLoss for unknown flags or padding that is not zero; kUnimplemented for
// one that must be understood and is not.
absl::StatusOr<std::vector<Section>> ParseSections(std::span<const uint8_t> bytes);

}  // namespace plait

#endif  // PLAIT_FORMATS_BASE_SECTIONS_H_
