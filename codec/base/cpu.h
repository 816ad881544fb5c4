// The only place that asks what the processor can do. Every operation with SIMD variants has one selector, and every
// selector asks ActiveCpu().
#ifndef PLAIT_CODEC_BASE_CPU_H_
#define PLAIT_CODEC_BASE_CPU_H_

#include <string_view>

#include "absl/status/statusor.h"

namespace plait {

// Ordered: an operation without the active variant uses the next lower one it has.
enum class CpuVariant {
  kScalar = 0,
  kAvx2 = 1,    // AVX2, BMI2, POPCNT
  kAvx512 = 2,  // F, BW, VL, VBMI, VBMI2, BITALG, VPOPCNTDQ, BMI2 (Ice Lake, Zen 4 and later)
};

std::string_view CpuVariantName(CpuVariant variant);

// What this processor (and its operating system) offers at best.
CpuVariant BestCpu();

// What selectors use: BestCpu() unless forced. Thread-safe.
CpuVariant ActiveCpu();

// Forces a variant for the whole process. kUnimplemented if the machine lacks it.
absl::Status ForceCpu(CpuVariant variant);

// "scalar", "avx2" or "avx512"; kInvalidArgument otherwise.
absl::StatusOr<CpuVariant> ParseCpuVariant(std::string_view name);

}  // namespace plait

#endif  // PLAIT_CODEC_BASE_CPU_H_
