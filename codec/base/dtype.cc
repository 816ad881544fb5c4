#include "codec/base/dtype.h"

#include <algorithm>
#include <iterator>

namespace plait {
namespace {

constexpr DtypeInfo kTable[] = {
    {Dtype::kU8, "U8", 8},
    {Dtype::kBool, "BOOL", 8},
    {Dtype::kI8, "I8", 8},
    {Dtype::kU16, "U16", 16},
    {Dtype::kI16, "I16", 16},
    {Dtype::kU32, "U32", 32},
    {Dtype::kI32, "I32", 32},
    {Dtype::kU64, "U64", 64},
    {Dtype::kI64, "I64", 64},
    {Dtype::kF16, "F16", 16},
    {Dtype::kBf16, "BF16", 16},
    {Dtype::kF32, "F32", 32},
    {Dtype::kF64, "F64", 64},
    {Dtype::kC64, "C64", 64},
    {Dtype::kF8E4m3, "F8_E4M3", 8},
    {Dtype::kF8E5m2, "F8_E5M2", 8},
    {Dtype::kF8E8m0, "F8_E8M0", 8},
    {Dtype::kF8E4m3Fnuz, "F8_E4M3FNUZ", 8},
    {Dtype::kF8E5m2Fnuz, "F8_E5M2FNUZ", 8},
    {Dtype::kF6E2m3, "F6_E2M3", 6},
    {Dtype::kF6E3m2, "F6_E3M2", 6},
    {Dtype::kF4, "F4", 4},
};

constexpr bool TableIsIndexedById() {
  for (size_t i = 0; i < std::size(kTable); ++i) {
    if (static_cast<size_t>(kTable[i].dtype) != i) return false;
  }
  return true;
}
static_assert(TableIsIndexedById());

}  // namespace

std::span<const DtypeInfo> DtypeTable() { return kTable; }

const DtypeInfo& GetDtypeInfo(Dtype dtype) { return kTable[static_cast<uint8_t>(dtype)]; }

std::optional<Dtype> DtypeFromId(uint8_t id) {
  if (id >= std::size(kTable)) return std::nullopt;
  return kTable[id].dtype;
}

std::optional<Dtype> DtypeFromName(std::string_view name) {
  const auto* found = std::ranges::find(kTable, name, &DtypeInfo::name);
  if (found == std::end(kTable)) return std::nullopt;
  return found->dtype;
}

}  // namespace plait
