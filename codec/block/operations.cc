#include "codec/block/operations.h"

#include "codec/kv/kv_quality_select.h"
#include "codec/kv/kv_rans_select.h"
#include "codec/kv/kv_symbols_select.h"
#include "codec/range/range_select.h"
#include "codec/rans/rans_select.h"
#include "codec/tier/tier_select.h"
#include "codec/transform/planes.h"

namespace plait {
namespace {

// What the selector chose, not what it should have.
CpuVariant VariantOf(const TierKernels& kernels) {
#if defined(__x86_64__)
  if (&kernels == &kTierAvx512) return CpuVariant::kAvx512;
  if (&kernels == &kTierAvx2) return CpuVariant::kAvx2;
#endif
  return CpuVariant::kScalar;
}

CpuVariant VariantOf(const RansKernels& kernels) {
#if defined(__x86_64__)
  if (&kernels == &kRansAvx512) return CpuVariant::kAvx512;
  if (&kernels == &kRansAvx2) return CpuVariant::kAvx2;
#endif
  return CpuVariant::kScalar;
}

CpuVariant VariantOf(const KvRansKernels& kernels) {
#if defined(__x86_64__)
  if (&kernels == &kKvRansAvx512) return CpuVariant::kAvx512;
#endif
  return CpuVariant::kScalar;
}

CpuVariant VariantOf(const KvQualityKernels* kernels) {
#if defined(__x86_64__)
  if (kernels == kKvQualityAvx512) return CpuVariant::kAvx512;
#endif
  return CpuVariant::kScalar;
}

CpuVariant VariantOf(const KvSymbolKernels* kernels) {
#if defined(__x86_64__)
  if (kernels == kKvSymbolsAvx512) return CpuVariant::kAvx512;
#endif
  return CpuVariant::kScalar;
}

CpuVariant VariantOf(const RangeKernels& kernels) {
#if defined(__x86_64__)
  if (&kernels == &kRangeAvx512) return CpuVariant::kAvx512;
  if (&kernels == &kRangeAvx2) return CpuVariant::kAvx2;
#endif
  return CpuVariant::kScalar;
}

}  // namespace

std::vector<Operation> ActiveOperations() {
  return {{"tier", VariantOf(ActiveTierKernels())},
          {"rans", VariantOf(ActiveRansKernels())},
          {"kv rans", VariantOf(ActiveKvRansKernels())},
          {"kv layers", VariantOf(ActiveKvQualityKernels())},
          {"kv symbols", VariantOf(ActiveKvSymbolKernels())},
          {"KV prediction", VariantOf(ActiveRangeKernels())},
          {"bf16 planes", PlanesVariant(PlaneKind::kBf16)},
          {"other planes", PlanesVariant(PlaneKind::kF32)},
          {"histogram", CpuVariant::kScalar}};
}

}  // namespace plait
