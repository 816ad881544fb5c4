#include "codec/base/cpu.h"

#include <atomic>

#include "codec/base/status.h"

namespace plait {
namespace {

CpuVariant DetectCpu() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
                      __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bitalg") &&
                      __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("bmi2");
  if (avx512) return CpuVariant::kAvx512;
  const bool avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
  if (avx2) return CpuVariant::kAvx2;
#endif
  return CpuVariant::kScalar;
}

std::atomic<CpuVariant>& Active() {
  static std::atomic<CpuVariant> active = BestCpu();
  return active;
}

}  // namespace

std::string_view CpuVariantName(CpuVariant variant) {
  switch (variant) {
    case CpuVariant::kScalar: return "scalar";
    case CpuVariant::kAvx2: return "avx2";
    case CpuVariant::kAvx512: return "avx512";
  }
  return "unknown";
}

CpuVariant BestCpu() {
  static const CpuVariant best = DetectCpu();
  return best;
}

CpuVariant ActiveCpu() { return Active().load(std::memory_order_relaxed); }

absl::Status ForceCpu(CpuVariant variant) {
  if (variant > BestCpu()) {
    return absl::UnimplementedError(absl::StrCat("CPU variant: found ", Absl(CpuVariantName(BestCpu())),
                                                 " on this machine, expected ", Absl(CpuVariantName(variant))));
  }
  Active().store(variant, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::StatusOr<CpuVariant> ParseCpuVariant(std::string_view name) {
  for (CpuVariant variant : {CpuVariant::kScalar, CpuVariant::kAvx2, CpuVariant::kAvx512}) {
    if (name == CpuVariantName(variant)) return variant;
  }
  return absl::InvalidArgumentError(FoundExpected("CPU variant", Absl(name), "scalar, avx2 or avx512"));
}

}  // namespace plait
