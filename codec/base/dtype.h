// The one table of element types. Ids are frozen in the frame format (formats/frame/FORMAT.md); names are those of
// safetensors.
#ifndef PLAIT_CODEC_BASE_DTYPE_H_
#define PLAIT_CODEC_BASE_DTYPE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace plait {

enum class Dtype : uint8_t {
  kU8 = 0,
  kBool = 1,
  kI8 = 2,
  kU16 = 3,
  kI16 = 4,
  kU32 = 5,
  kI32 = 6,
  kU64 = 7,
  kI64 = 8,
  kF16 = 9,
  kBf16 = 10,
  kF32 = 11,
  kF64 = 12,
  kC64 = 13,
  kF8E4m3 = 14,
  kF8E5m2 = 15,
  kF8E8m0 = 16,
  kF8E4m3Fnuz = 17,
  kF8E5m2Fnuz = 18,
  kF6E2m3 = 19,
  kF6E3m2 = 20,
  kF4 = 21,
};

struct DtypeInfo {
  Dtype dtype;
  std::string_view name;  // as safetensors spells it
  uint32_t bits;          // of one element; elements narrower than a byte are packed without gaps
};

// Indexed by the id's value.
std::span<const DtypeInfo> DtypeTable();

const DtypeInfo& GetDtypeInfo(Dtype dtype);

// nullopt for an id or a name that is not in the table.
std::optional<Dtype> DtypeFromId(uint8_t id);
std::optional<Dtype> DtypeFromName(std::string_view name);

}  // namespace plait

#endif  // PLAIT_CODEC_BASE_DTYPE_H_
