// plait_device_bench FILE.safetensors [REPEATS [MIB]]
//
// Times what reads bf16 weights on the current CUDA device (contenders.h): medians of CUDA events, as JSON, with what
// the device says of itself. bench/gpu/device_speeds.py puts predictions beside them. Without a device it says SKIP and
// why, which is no failure.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/numbers.h"
#include "bench/gpu/device/contenders.h"
#include "bench/gpu/device/device_memory.h"
#include "gpu/launch/cuda_decoder.h"
#include "gpu/launch/cuda_gemv.h"

namespace plait::gpu {
namespace {

constexpr uint32_t kLeastRepeats = 11;
constexpr int kWarmUps = 3;

struct Options {
  std::string path;
  uint32_t repeats = 21;
  uint32_t mib = 4096;  // of weights at most
};

absl::StatusOr<Options> ParseOptions(std::span<char*> words) {
  Options options;
  if (words.empty() || words.size() > 3) return absl::InvalidArgumentError("usage: FILE.safetensors [REPEATS [MIB]]");
  options.path = words[0];
  if (words.size() > 1 && (!absl::SimpleAtoi(words[1], &options.repeats) || options.repeats < kLeastRepeats)) {
    return absl::InvalidArgumentError(FoundExpected("repeats", words[1], absl::StrCat("at least ", kLeastRepeats)));
  }
  if (words.size() > 2 && (!absl::SimpleAtoi(words[2], &options.mib) || options.mib == 0)) {
    return absl::InvalidArgumentError(FoundExpected("MiB of weights", words[2], "at least 1"));
  }
  return options;
}

// Milliseconds of each run.
absl::StatusOr<std::vector<float>> Time(const Contender& contender, uint32_t repeats) {
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaEventCreate(&begin), "event"));
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaEventCreate(&end), "event"));
  for (int i = 0; i < kWarmUps; ++i) PLAIT_RETURN_IF_ERROR(contender.run(nullptr));
  std::vector<float> milliseconds(repeats);
  for (float& time : milliseconds) {
    PLAIT_RETURN_IF_ERROR(FromCuda(cudaEventRecord(begin, nullptr), "event"));
    PLAIT_RETURN_IF_ERROR(contender.run(nullptr));
    PLAIT_RETURN_IF_ERROR(FromCuda(cudaEventRecord(end, nullptr), "event"));
    PLAIT_RETURN_IF_ERROR(FromCuda(cudaEventSynchronize(end), contender.name));
    PLAIT_RETURN_IF_ERROR(FromCuda(cudaEventElapsedTime(&time, begin, end), "event"));
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return milliseconds;
}

absl::StatusOr<nlohmann::ordered_json> DescribeDevice() {
  int device = 0;
  cudaDeviceProp properties = {};
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaGetDevice(&device), "device"));
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaGetDeviceProperties(&properties, device), "device"));
  int clock_khz = 0;
  int memory_khz = 0;
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaDeviceGetAttribute(&clock_khz, cudaDevAttrClockRate, device), "clock"));
  PLAIT_RETURN_IF_ERROR(FromCuda(cudaDeviceGetAttribute(&memory_khz, cudaDevAttrMemoryClockRate, device), "clock"));
  // Two transfers a clock.
  const double bandwidth_gb = 2.0 * memory_khz * 1e3 * properties.memoryBusWidth / 8 / 1e9;
  return nlohmann::ordered_json{{"name", properties.name},
                                {"arch", absl::StrCat("sm_", properties.major, properties.minor)},
                                {"sms", properties.multiProcessorCount},
                                {"clock_ghz", clock_khz / 1e6},
                                {"bandwidth_gb", bandwidth_gb}};
}

// One contender is in the device's memory at a time.
absl::Status Race(const Options& options, const Weights& weights, DeviceDecoder& decoder, GemvMultiplier& gemv) {
  std::vector<std::function<absl::StatusOr<Contender>()>> makers = {
      [&] { return MakeCopy(weights); },
#ifdef PLAIT_HAS_CUBLAS
      [&] { return MakeCublasGemv(weights); },
#endif
      [&] { return MakeTier(weights, decoder); },  [&] { return MakeHuffman(weights, decoder); },
      [&] { return MakeTierGemv(weights, gemv); },
#ifdef PLAIT_HAS_NVCOMP
      [&] { return MakeNvcompAns(weights); },
#endif
  };
  nlohmann::ordered_json found;
  PLAIT_ASSIGN_OR_RETURN(found["device"], DescribeDevice());
  found["weights"] = weights.num_blocks * weights.block_elements;
  found["repeats"] = options.repeats;
  for (const auto& make : makers) {
    PLAIT_ASSIGN_OR_RETURN(const Contender contender, make());
    PLAIT_ASSIGN_OR_RETURN(std::vector<float> milliseconds, Time(contender, options.repeats));
    std::ranges::sort(milliseconds);
    found["contenders"].push_back({{"name", contender.name},
                                   {"kernel", contender.kernel},
                                   {"coded_bytes", contender.coded_bytes},
                                   {"bytes", contender.bytes},
                                   {"median_ms", milliseconds[milliseconds.size() / 2]},
                                   {"least_ms", milliseconds.front()},
                                   {"most_ms", milliseconds.back()}});
  }
  std::printf("%s\n", found.dump(2).c_str());
  return absl::OkStatus();
}

absl::Status Run(const Options& options) {
  absl::StatusOr<Weights> weights = LoadWeights(options.path, Dtype::kBf16, size_t{options.mib} << 20);
  if (!weights.ok()) return Annotate(weights.status(), options.path);
  const auto decoder = CudaDecoder::Create();
  if (!decoder.ok()) {
    std::printf("SKIP timing on a device: %s\n", std::string(decoder.status().message()).c_str());
    return absl::OkStatus();
  }
  PLAIT_ASSIGN_OR_RETURN(const std::unique_ptr<CudaGemv> gemv, CudaGemv::Create());
  return Race(options, *weights, **decoder, *gemv);
}

}  // namespace
}  // namespace plait::gpu

int main(int argc, char** argv) {
  const auto options = plait::gpu::ParseOptions(std::span(argv, argc).subspan(1));
  const absl::Status status = options.ok() ? plait::gpu::Run(*options) : options.status();
  if (status.ok()) return 0;
  std::fprintf(stderr, "plait_device_bench: %s\n", std::string(status.message()).c_str());
  return options.ok() ? 1 : 2;
}
